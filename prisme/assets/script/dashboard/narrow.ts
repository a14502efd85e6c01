// Fields that narrow down the links beside them.

import { all, find } from "./page";

document.addEventListener("input", ({ target }) => {
  const field = target as HTMLInputElement;
  if (field.dataset.narrows === undefined) return;
  const menu = field.closest(".pop") ?? field;
  const [, ...links] = all<HTMLElement>("a", menu); // the first leads to all sites
  for (const link of links) link.hidden = !link.textContent?.toLowerCase().includes(field.value.trim().toLowerCase());
  const hint = find<HTMLElement>("[data-no-match]", menu);
  if (hint) hint.hidden = links.some((link) => !link.hidden);
});
