// The details of a row open in place, below it.

import { DASHBOARD } from "./links";
import { all, find, say, word } from "./page";

const ROW = `${DASHBOARD}/row`;

const openerOf = (row: Element) => find<HTMLElement>("td > a, summary", row);
const detailsOf = (row?: Element | null) => {
  const next = row?.nextElementSibling;
  return next?.classList.contains("details") ? next : null;
};

// As many columns as are shown: narrow screens leave some out.
const fit = (details: HTMLTableRowElement) => {
  const shown = [...(details.previousElementSibling?.children ?? [])] as HTMLElement[];
  details.cells[0].colSpan = shown.filter((one) => one.offsetWidth).length;
};

const close = (row: Element) => {
  detailsOf(row)?.remove();
  openerOf(row)?.removeAttribute("aria-expanded");
};

const open = async (row: HTMLTableRowElement, address: string) => {
  const details = document.createElement("tr");
  details.className = "details";
  const cell = details.insertCell();
  cell.textContent = word("loading");
  row.after(details);
  fit(details);
  openerOf(row)?.setAttribute("aria-expanded", "true");
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    const found = find("#row", new DOMParser().parseFromString(await answer.text(), "text/html"));
    if (!found) throw new Error();
    found.removeAttribute("id");
    cell.replaceChildren(found);
    say(`${word("details")} ${find(".name bdi", row)?.textContent}`);
  } catch {
    // The page says what is wrong.
    if (details.isConnected) location.assign(address);
  }
};

document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest<HTMLAnchorElement>("a[href]");
  const row = link?.closest("tr");
  if (!link || !row || link.pathname !== ROW || event.button) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const menu = link.closest("details");
  if (menu) menu.open = false;
  openerOf(row)?.focus();
  if (detailsOf(row)) close(row);
  else void open(row, link.href);
});

document.addEventListener("keydown", (event) => {
  const target = event.target as Element;
  if (event.key !== "Escape" || target.closest("details[open]")) return;
  const row = target.closest("tr.details")?.previousElementSibling ?? target.closest("tr");
  if (!row || !detailsOf(row)) return;
  close(row);
  openerOf(row)?.focus();
});

addEventListener("resize", () => all<HTMLTableRowElement>("tr.details").forEach(fit));
