/** Pixels to what the models take: `(1, height, width, channels)` floats from 0 to 1. */
import type { Pixels } from "./decode";

export interface Tensor {
  dims: readonly number[];
  data: Float32Array;
}

export function toTensor(image: Pixels, channels: number): Tensor {
  const values = channels === 1 ? grey(image.rgb) : image.rgb;
  const dims = [1, image.height, image.width, channels];
  return { dims, data: Float32Array.from(values, (value) => value / 255) };
}

/** Light for dark. */
export function inverted(image: Pixels): Pixels {
  return { ...image, rgb: image.rgb.map((value) => 255 - value) };
}

/** Luminance by ITU-R 601, rounded as Pillow's `convert("L")` does. */
function grey(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(rgb.length / 3);
  for (let i = 0, from = 0; i < out.length; i++, from += 3) {
    const sum =
      rgb[from] * 19595 + rgb[from + 1] * 38470 + rgb[from + 2] * 7471;
    out[i] = (sum + 0x8000) >> 16;
  }
  return out;
}
