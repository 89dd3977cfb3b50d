/** Pictures with their captions. */
import type { Filter } from "./catalogue";
import { drawMaps, mapsOf, type Shades } from "./featureMap";
import { make } from "./page";
import type { Tensor } from "./tensor";

/** The model's input, as it is. */
export function inputFigure(input: Tensor): HTMLElement {
  const canvas = pictureOf("What the model sees");
  drawMaps(canvas, mapsOf(input, 0, 1), input.dims, "magnitude", 1);
  return figure(canvas, make("strong", {}, "What the model sees"));
}

/** What a filter makes of the input, and the filter's nine numbers. */
export function filterFigure(
  filter: Filter,
  maps: Float32Array[],
  dims: readonly number[],
  shades: Shades,
): HTMLElement {
  const canvas = pictureOf(`Feature map of ${filter.name}`);
  canvas.dataset.filter = filter.name;
  drawMaps(canvas, maps, dims, shades);
  const name = make("strong", {}, titleOf(filter));
  return figure(canvas, name, kernelTable(filter));
}

/** A filter's name as people write it. */
export function titleOf(filter: Filter): string {
  const words = filter.name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

function pictureOf(label: string): HTMLCanvasElement {
  return make("canvas", { role: "img", ariaLabel: label });
}

function figure(canvas: HTMLCanvasElement, ...caption: Node[]): HTMLElement {
  return make("figure", {}, canvas, make("figcaption", {}, ...caption));
}

function kernelTable(filter: Filter): HTMLTableElement {
  const rows = filter.kernel.map((row) =>
    make("tr", {}, ...row.map((n) => make("td", {}, short(n)))),
  );
  const label = `Kernel of ${filter.name}`;
  return make("table", { className: "kernel", ariaLabel: label }, ...rows);
}

/** A number with two decimals at most, and a true minus. */
function short(value: number): string {
  return String(Math.round(value * 100) / 100).replace("-", "−");
}
