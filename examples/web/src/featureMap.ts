/** Feature maps as pictures. */
import type { Tensor } from "./tensor";

export type Shades = "magnitude" | "signed";

/** The maps that one filter makes of an image's channels, each filtered by itself. */
export function mapsOf(
  output: Tensor,
  filter: number,
  filters: number,
): Float32Array[] {
  const step = output.dims[3]; // all filters of the first channel, then those of the second
  const maps = [];
  for (let first = filter; first < step; first += filters)
    maps.push(everyNth(output.data, first, step));
  return maps;
}

/** Draws one map in grey, or three in red, green and blue. */
export function drawMaps(
  canvas: HTMLCanvasElement,
  maps: Float32Array[],
  [, height, width]: readonly number[],
  shades: Shades = "magnitude",
  white = whitePoint(maps),
): void {
  const shade = shades === "signed" ? signed : magnitude;
  const picture = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++)
      picture.data[4 * i + c] = shade(maps[c % maps.length][i] / white);
    picture.data[4 * i + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")!.putImageData(picture, 0, 0);
}

/** Black for zero, white for the white point. ImageData cuts off what is beyond. */
function magnitude(value: number): number {
  return 255 * Math.abs(value);
}

/** Grey for zero, black and white for the white point of either sign. */
function signed(value: number): number {
  return 127.5 * (1 + value);
}

/** The 99.5th percentile of magnitudes, so that single bright pixels do not darken the rest. */
function whitePoint(maps: Float32Array[]): number {
  const sorted = new Float32Array(maps.length * maps[0].length);
  maps.forEach((map, i) => sorted.set(map.map(Math.abs), i * map.length));
  sorted.sort();
  const place = 0.995 * (sorted.length - 1);
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  return below + (above - below) * (place % 1) || sorted.at(-1) || 1;
}

function everyNth(data: Float32Array, first: number, step: number) {
  const out = new Float32Array(data.length / step);
  for (let i = 0; i < out.length; i++) out[i] = data[first + i * step];
  return out;
}
