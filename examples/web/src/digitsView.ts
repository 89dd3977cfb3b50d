/** The digit classifier, on a drawing or an image. */
import type { Catalogue } from "./catalogue";
import { decode } from "./decode";
import { drawMaps, mapsOf } from "./featureMap";
import { countInk } from "./inkCounts";
import { makePad } from "./pad";
import { byId, showStatus } from "./page";
import { resize } from "./resize";
import { run } from "./runtime";
import { sampleButtons } from "./samples";
import { indexOfLargest, percent, scoreList } from "./scores";
import { inverted, toTensor, type Tensor } from "./tensor";
import type { View } from "./view";
import { work } from "./work";

export function digitsView({ digits, models }: Catalogue): View {
  const model = models.digits;
  const dark = byId<HTMLInputElement>("dark");
  const seen = byId<HTMLCanvasElement>("seen");
  const pad = makePad(byId("pad"), () => work(classifyDrawing));
  let last: Tensor | null = null;

  async function show(file: Blob, name: string, invert = dark.checked) {
    const image = await decode(file, name);
    const upright = invert ? inverted(image) : image;
    const small = resize(upright, model.width, model.height);
    pad.clear();
    await classify(toTensor(small, model.channels));
  }

  async function classifyDrawing(): Promise<void> {
    const counts = countInk(pad.drawing());
    if (counts) await classify(counts);
    else empty();
  }

  async function classify(input: Tensor): Promise<void> {
    last = input;
    const { output } = await run(model, input);
    const best = indexOfLargest(output.data);
    drawMaps(seen, mapsOf(input, 0, 1), input.dims, "magnitude", 1);
    byId("scores").replaceChildren(...scoreList(output.data));
    showStatus(`This looks like a ${best} (${percent(output.data[best])}).`);
  }

  function empty(): void {
    last = null;
    seen.getContext("2d")!.clearRect(0, 0, seen.width, seen.height);
    byId("scores").replaceChildren(...scoreList(new Float32Array(10)));
    showStatus("Draw a digit, or choose one.");
  }

  async function begin(): Promise<void> {
    if (last) await classify(last);
    else empty();
  }

  byId("clear").onclick = () =>
    work(async () => {
      pad.clear();
      empty();
    });
  const samples = digits.map(({ file, label }) => ({
    file,
    label: `A handwritten ${label}`,
  }));
  sampleButtons(byId("digits"), samples, (file, name) =>
    show(file, name, false),
  );
  return { begin, show };
}
