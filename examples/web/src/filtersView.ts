/** The filter bank over a photograph. */
import type { Catalogue, Filter } from "./catalogue";
import { decode, type Pixels } from "./decode";
import { mapsOf, type Shades } from "./featureMap";
import { filterFigure, inputFigure, titleOf } from "./figures";
import { byId, make, onChange, showStatus } from "./page";
import { resize, sizeWithin } from "./resize";
import { run, type Run } from "./runtime";
import { fetchSample, sampleButtons } from "./samples";
import { toTensor } from "./tensor";
import type { View } from "./view";
import { work } from "./work";

const CHOSEN_AT_FIRST = [
  "sobel_vertical",
  "sobel_horizontal",
  "laplacian",
  "gaussian_blur",
  "sharpen",
  "emboss",
];

export function filtersView({ filters, models, photographs }: Catalogue): View {
  const colour = byId<HTMLInputElement>("colour");
  const side = byId<HTMLSelectElement>("side");
  const shades = byId<HTMLSelectElement>("shades");
  const boxes = filters.map(filterBox);
  let image: Pixels | null = null;
  let last: Run | null = null;

  async function show(file: Blob, name: string): Promise<void> {
    image = await decode(file, name);
    await update();
  }

  async function update(): Promise<void> {
    if (!image) return;
    const model = colour.checked ? models.filter_bank_rgb : models.filter_bank;
    const small = resize(image, ...sizeWithin(image, Number(side.value)));
    last = await run(model, toTensor(small, model.channels));
    draw();
    const size = `${small.width} × ${small.height} pixels`;
    const time = `${last.milliseconds.toFixed(0)} ms`;
    showStatus(`${filters.length} filters over ${size} took ${time}.`);
  }

  function draw(): void {
    if (!last) return;
    const { input, output } = last;
    const kind = shades.value as Shades;
    const figures = filters.map((filter, i) => {
      if (!boxes[i].checked) return "";
      const maps = mapsOf(output, i, filters.length);
      return filterFigure(filter, maps, output.dims, kind);
    });
    byId("maps").replaceChildren(inputFigure(input), ...figures);
  }

  function choose(checked: boolean): void {
    for (const box of boxes) box.checked = checked;
    draw();
  }

  byId("filters").append(...boxes.map((box) => box.parentElement!));
  byId("all-filters").onclick = () => choose(true);
  byId("no-filters").onclick = () => choose(false);
  onChange([...boxes, shades], draw);
  onChange([byId("grey"), colour, side], () => work(update));
  const samples = photographs.map(({ file, title, author }) => ({
    file,
    label: `${title}, a photograph by ${author}`,
  }));
  sampleButtons(byId("photographs"), samples, show);

  return {
    show,
    async begin() {
      if (image) return update();
      const { file } = photographs[0];
      await show(await fetchSample(file), file);
    },
  };
}

/** A checkbox within its label. */
function filterBox(filter: Filter): HTMLInputElement {
  const checked = CHOSEN_AT_FIRST.includes(filter.name);
  const box = make("input", { type: "checkbox", name: filter.name, checked });
  make("label", {}, box, titleOf(filter));
  return box;
}
