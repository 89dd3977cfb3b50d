/** Puts the page together. */
import { loadCatalogue } from "./catalogue";
import { digitsView } from "./digitsView";
import { acceptFiles } from "./drop";
import { filtersView } from "./filtersView";
import { byId, onChange, showError } from "./page";
import { work } from "./work";

const chosen = {
  filters: byId<HTMLInputElement>("choose-filters"),
  digits: byId<HTMLInputElement>("choose-digits"),
};

async function start(): Promise<void> {
  const catalogue = await loadCatalogue();
  const filters = filtersView(catalogue);
  const digits = digitsView(catalogue);
  const current = () => (chosen.filters.checked ? filters : digits);

  function turn(): void {
    document.body.dataset.view = chosen.filters.checked ? "filters" : "digits";
    work(() => current().begin());
  }

  acceptFiles((file) => work(() => current().show(file, file.name)), showError);
  onChange(Object.values(chosen), turn);
  turn();
}

work(start);
