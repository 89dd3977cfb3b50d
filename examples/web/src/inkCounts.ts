/**
 * A drawing as the digits of the data set were made: cut out, fitted into 32 x 32 dots, which are counted in blocks of
 * 4 x 4. (E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.)
 */
import type { Tensor } from "./tensor";

const BLOCKS = 8;
const DOTS_PER_BLOCK = 4;
const DOTS = BLOCKS * DOTS_PER_BLOCK;

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The share of ink in each of the 8 x 8 blocks, or null where nothing is drawn. */
export function countInk(drawing: ImageData): Tensor | null {
  const box = boxOf(drawing);
  if (!box) return null;
  const side = Math.max(box.right - box.left, box.bottom - box.top) + 1;
  const place = (dot: number, low: number, high: number) =>
    Math.floor((low + high + 1) / 2 + ((dot + 0.5) / DOTS - 0.5) * side);
  const data = new Float32Array(BLOCKS * BLOCKS);
  for (let row = 0; row < DOTS; row++)
    for (let column = 0; column < DOTS; column++) {
      const x = place(column, box.left, box.right);
      const y = place(row, box.top, box.bottom);
      if (isInk(drawing, x, y)) data[blockOf(row, column)] += 1;
    }
  const full = DOTS_PER_BLOCK ** 2;
  return { dims: [1, BLOCKS, BLOCKS, 1], data: data.map((n) => n / full) };
}

function blockOf(row: number, column: number): number {
  const block = (dot: number) => Math.floor(dot / DOTS_PER_BLOCK);
  return block(row) * BLOCKS + block(column);
}

function isInk(
  { width, height, data }: ImageData,
  x: number,
  y: number,
): boolean {
  const inside = x >= 0 && y >= 0 && x < width && y < height;
  return inside && data[(y * width + x) * 4 + 3] > 127;
}

/** The smallest box around all ink. */
function boxOf(drawing: ImageData): Box | null {
  const { width, height } = drawing;
  let box: Box | null = null;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (isInk(drawing, x, y)) box = grown(box, x, y);
  return box;
}

function grown(box: Box | null, x: number, y: number): Box {
  if (!box) return { left: x, right: x, top: y, bottom: y };
  box.left = Math.min(box.left, x);
  box.right = Math.max(box.right, x);
  box.bottom = y;
  return box;
}
