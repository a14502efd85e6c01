// Buttons that copy a text.

import { all, find, onPage, say, word } from "./page";

document.addEventListener("click", async ({ target }) => {
  const button = (target as Element).closest<HTMLElement>("[data-copy]");
  const text = button && find(`#${button.dataset.copy}`);
  if (!button || !text) return;
  try {
    await navigator.clipboard.writeText(text.textContent ?? "");
    button.textContent = word("copied");
    say(word("copied"));
  } catch {
    // Without HTTPS, browsers let no page copy: select the text.
    getSelection()?.selectAllChildren(text);
  }
});

onPage(() => {
  for (const button of all<HTMLElement>("[data-copy]")) button.hidden = false;
});
