/** What `export_models.py` wrote: models, filters and sample images. */
import { PageError } from "./errors";

export interface Filter {
  name: string;
  kernel: number[][];
}

export interface Model {
  file: string;
  channels: number;
}

export interface Photograph {
  file: string;
  title: string;
  author: string;
}

export interface Digit {
  file: string;
  label: number;
}

export interface Catalogue {
  filters: Filter[];
  models: {
    filter_bank: Model;
    filter_bank_rgb: Model;
    digits: Model & { height: number; width: number };
  };
  photographs: Photograph[];
  digits: Digit[];
}

const FOLDER = "models/";

/** The address of a file that stands beside models.json. */
export function address(file: string): string {
  return new URL(FOLDER + file, document.baseURI).href;
}

/** Fetches a file that `export_models.py` wrote. */
export async function fetchFile(file: string): Promise<Response> {
  const response = await fetch(address(file)).catch((): null => null);
  if (response?.ok) return response;
  const reason = response
    ? `the server answers ${response.status}`
    : "the server does not answer";
  throw new PageError(
    `${FOLDER}${file} is missing: ${reason}. Run “make web”, which exports the models and builds the page.`,
  );
}

export async function loadCatalogue(): Promise<Catalogue> {
  return (await fetchFile("models.json")).json();
}
