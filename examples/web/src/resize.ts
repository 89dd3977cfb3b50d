/**
 * Bilinear resizing as Pillow does it, bit by bit: `image.resize(size, Image.Resampling.BILINEAR)`.
 *
 * Browsers differ in how they resize. This does not: each new pixel is a weighted sum of old ones, with weights that
 * fall off like a triangle, which is as wide as the picture shrinks. First along the rows, then along the columns.
 * (Pillow 13 begins with the columns where that is quicker.) Weights are whole numbers, in units of 2^-22, and each pass
 * rounds to whole pixel values.
 */
import type { Pixels } from "./decode";

const BITS = 22;
const HALF = 1 << (BITS - 1);

/** One new pixel: which old one its weights begin at, and the weights. */
interface Taps {
  start: number;
  weights: number[];
}

export function resize(image: Pixels, width: number, height: number): Pixels {
  const narrowed =
    image.width === width
      ? image.rgb
      : alongRows(image.rgb, image.width, image.height, width);
  const rgb =
    image.height === height
      ? narrowed
      : alongColumns(narrowed, width, image.height, height);
  return { width, height, rgb };
}

/** The largest size of the same shape whose longer side is no more than `side`. */
export function sizeWithin(
  { width, height }: Pixels,
  side: number,
): [width: number, height: number] {
  const scale = Math.min(1, side / Math.max(width, height));
  const scaled = (n: number) => Math.max(1, Math.round(n * scale));
  return [scaled(width), scaled(height)];
}

function alongRows(
  rgb: Uint8Array,
  width: number,
  height: number,
  newWidth: number,
): Uint8Array {
  const columns = allTaps(width, newWidth);
  const out = new Uint8Array(newWidth * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++)
    for (const { start, weights } of columns)
      for (let c = 0; c < 3; c++)
        out[to++] = weightedSum(rgb, (y * width + start) * 3 + c, 3, weights);
  return out;
}

function alongColumns(
  rgb: Uint8Array,
  width: number,
  height: number,
  newHeight: number,
): Uint8Array {
  const row = width * 3;
  const out = new Uint8Array(row * newHeight);
  let to = 0;
  for (const { start, weights } of allTaps(height, newHeight))
    for (let i = 0; i < row; i++)
      out[to++] = weightedSum(rgb, start * row + i, row, weights);
  return out;
}

function weightedSum(
  values: Uint8Array,
  first: number,
  step: number,
  weights: number[],
): number {
  let sum = HALF;
  for (let k = 0; k < weights.length; k++)
    sum += values[first + k * step] * weights[k];
  return Math.min(sum >> BITS, 255);
}

function allTaps(size: number, newSize: number): Taps[] {
  return Array.from({ length: newSize }, (_, i) => taps(i, size, newSize));
}

function taps(i: number, size: number, newSize: number): Taps {
  const scale = size / newSize;
  const reach = Math.max(scale, 1);
  const centre = (i + 0.5) * scale;
  const start = Math.max(0, Math.trunc(centre - reach + 0.5));
  const end = Math.min(size, Math.trunc(centre + reach + 0.5));
  const triangle = Array.from({ length: end - start }, (_, k) =>
    Math.max(0, 1 - Math.abs((start + k - centre + 0.5) * (1 / reach))),
  );
  const total = triangle.reduce((sum, weight) => sum + weight, 0);
  const weights = triangle.map((w) =>
    Math.trunc(0.5 + (w / total) * 2 ** BITS),
  );
  return { start, weights };
}
