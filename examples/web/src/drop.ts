/** Image files from the person: chosen, dropped or pasted. */
import { PageError } from "./errors";
import { byId } from "./page";

type Take = (file: File) => void;

export function acceptFiles(take: Take, refuse: (error: Error) => void): void {
  acceptChosen(take);
  acceptDropped(take, refuse);
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (file) take(file);
  });
}

function acceptChosen(take: Take): void {
  const input = byId<HTMLInputElement>("file");
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) take(file);
    input.value = ""; // so that the same file can be chosen again
  });
}

/** The whole page takes what is dropped; the drop zone lights up to say so. */
function acceptDropped(take: Take, refuse: (error: Error) => void): void {
  const zone = byId("drop");
  const light = (on: boolean) => zone.classList.toggle("over", on);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    light(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) light(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    light(false);
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
    else refuse(new PageError("That is not a file. Drop an image file."));
  });
}
