// Suggestions below the value of the filter form: a combobox with a list, as ARIA 1.2 describes it.

import { all, find, isNew, onPage } from "./page";

type Suggestion = { label: string; value: string; count: string };

// After a key; the requests of the fastest typist stay below the server's limit.
const WAIT = 200; // milliseconds
let timer = 0;
let request = new AbortController();

const parts = () => ({
  field: find<HTMLInputElement>("[data-suggest] [name=value]"),
  list: find<HTMLElement>("#filter-options"),
  message: find<HTMLElement>("#filter-message"),
});
const options = () => all<HTMLElement>("#filter-options [role=option]");

const mark = (option?: HTMLElement) => {
  for (const one of options()) one.setAttribute("aria-selected", String(one === option));
  option?.scrollIntoView({ block: "nearest" });
  if (option) parts().field?.setAttribute("aria-activedescendant", option.id);
  else parts().field?.removeAttribute("aria-activedescendant");
};

const expand = (open: boolean) => {
  const { field, list } = parts();
  if (list) list.hidden = !open;
  field?.setAttribute("aria-expanded", String(open));
  if (!open) mark();
};

// Answers that are still to come are too late.
const close = () => {
  clearTimeout(timer);
  request.abort();
  expand(false);
};

const fill = (message: string, values: Suggestion[]) => {
  const { list, message: place } = parts();
  if (place) place.textContent = message;
  list?.replaceChildren(
    ...values.map(({ label, value, count }, number) => {
      const option = document.createElement("li");
      option.role = "option";
      option.id = `filter-option-${number}`;
      option.dataset.value = value;
      option.append(document.createElement("bdi"), " ", document.createElement("span"));
      option.children[0].textContent = label;
      option.children[1].textContent = count;
      return option;
    }),
  );
  expand(values.length > 0);
};

const ask = async () => {
  const form = parts().field?.form;
  if (!form) return;
  request.abort();
  request = new AbortController();
  const fields = new URLSearchParams([...new FormData(form)] as [string, string][]);
  try {
    const answer = await fetch(`${form.dataset.suggest}?${fields}`, { signal: request.signal });
    // Without suggestions, the form works as well.
    if (!answer.ok) return close();
    const { message, values } = await answer.json();
    if (parts().field === document.activeElement) fill(message, values);
  } catch {
    // A newer one was sent, or the next attempt may succeed.
  }
};

const askSoon = () => {
  clearTimeout(timer);
  timer = setTimeout(() => void ask(), WAIT);
};

const choose = (option: HTMLElement) => {
  const { field } = parts();
  if (!field) return;
  field.value = option.dataset.value ?? "";
  close();
  field.form?.requestSubmit();
};

const press = (event: KeyboardEvent) => {
  const some = options();
  const open = !parts().list?.hidden;
  const at = some.findIndex((one) => one.ariaSelected === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (!open) void ask();
    // Beyond either end is the text itself.
    else mark(some[event.key === "ArrowDown" ? at + 1 : at < 0 ? some.length - 1 : at - 1]);
  } else if (open && event.key === "Enter" && at >= 0) choose(some[at]);
  else if (open && event.key === "Escape") {
    close();
    event.stopPropagation(); // the menu stays open
  } else return;
  event.preventDefault();
};

onPage(() => {
  const { field, list } = parts();
  if (!field || !list || !isNew(field)) return;
  field.role = "combobox";
  field.setAttribute("aria-controls", list.id);
  field.setAttribute("aria-autocomplete", "list");
  expand(false);
  field.addEventListener("input", askSoon);
  field.addEventListener("focus", () => field.value || askSoon());
  field.addEventListener("keydown", press);
  field.addEventListener("blur", close);
  field.form?.addEventListener("submit", close);
  // The field keeps the focus while somebody points at the list.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", ({ target }) => {
    const option = (target as Element).closest<HTMLElement>("[role=option]");
    if (option) choose(option);
  });
});
