// Keyboard shortcuts.

import { all, find, isNew, onPage, TYPING } from "./page";

const KEYS_OFF = "prisme-keys-off";
const keysOff = () => localStorage.getItem(KEYS_OFF) !== null;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = (event.target as Element).closest<HTMLDetailsElement>("details.menu[open]");
    if (menu) {
      menu.open = false;
      find<HTMLElement>("summary", menu)?.focus();
    }
    return;
  }
  const help = find<HTMLDialogElement>("#help");
  if (event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).matches(TYPING) || help?.open) return;
  if (event.key === "?") {
    const box = find<HTMLInputElement>("#keys-on");
    if (box) box.checked = !keysOff();
    help?.showModal();
  } else if (keysOff()) return;
  else if (event.key === "/") {
    const menu = find<HTMLDetailsElement>("#add-filter");
    const search = find<HTMLInputElement>("#search");
    if (menu) menu.open = true;
    (search ?? find<HTMLInputElement>("#filter-value"))?.focus();
  } else if (event.key === "x") find<HTMLAnchorElement>(".chips .clear")?.click();
  else {
    const link = all<HTMLAnchorElement>("a[data-key]").find((one) => one.dataset.key === event.key);
    if (!link) return;
    link.click();
  }
  event.preventDefault();
});

onPage(() => {
  const box = find<HTMLInputElement>("#keys-on");
  if (!box || !isNew(box)) return;
  box.addEventListener("change", () => {
    if (box.checked) localStorage.removeItem(KEYS_OFF);
    else localStorage.setItem(KEYS_OFF, "1");
  });
});
