/** Image files to pixels, decoded by the browser. */
import { PageError } from "./errors";

/** Red, green and blue from 0 to 255, row by row. */
export interface Pixels {
  width: number;
  height: number;
  rgb: Uint8Array;
}

/** The pixels of an image file, with no colour management. What is transparent lies on white. */
export async function decode(file: Blob, name: string): Promise<Pixels> {
  const options: ImageBitmapOptions = {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  };
  const bitmap = await createImageBitmap(file, options).catch(() => {
    throw new PageError(
      `“${name}” is not an image that this browser can read. Choose a PNG, JPEG or WebP file.`,
    );
  });
  const { width, height } = bitmap;
  const context = canvasOf(width, height).getContext("2d", {
    willReadFrequently: true,
  })!;
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return withoutAlpha(context.getImageData(0, 0, width, height));
}

function canvasOf(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

function withoutAlpha({ width, height, data }: ImageData): Pixels {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    rgb[to++] = data[from];
    rgb[to++] = data[from + 1];
    rgb[to++] = data[from + 2];
  }
  return { width, height, rgb };
}
