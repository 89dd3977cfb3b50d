/** Buttons with sample images. */
import { address, fetchFile } from "./catalogue";
import { make } from "./page";
import { work } from "./work";

export interface Sample {
  file: string;
  label: string;
}

/** Fills a place with one button for each sample, which shows it when pressed. */
export function sampleButtons(
  place: HTMLElement,
  samples: Sample[],
  show: (file: Blob, name: string) => Promise<void>,
): void {
  place.replaceChildren(
    ...samples.map((sample) => {
      const button = sampleButton(sample);
      button.onclick = () =>
        work(async () => show(await fetchSample(sample.file), sample.file));
      return button;
    }),
  );
}

export async function fetchSample(file: string): Promise<Blob> {
  return (await fetchFile(file)).blob();
}

function sampleButton({ file, label }: Sample): HTMLButtonElement {
  const image = make("img", {
    loading: "lazy",
    alt: label,
    src: address(file),
  });
  return make("button", { type: "button", title: label }, image);
}
