// Links and forms of the dashboard update the page in place.

import { all, show } from "./page";

// Below the base path, if there is one, as this script is.
export const DASHBOARD = new URL("../dashboard", import.meta.url).pathname;
const isOurs = ({ origin, pathname }: URL) =>
  origin === location.origin && ["", "/list", "/live"].some((page) => pathname === DASHBOARD + page);

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  for (const menu of all<HTMLDetailsElement>("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
  const link = target.closest<HTMLAnchorElement>("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey) return;
  if (link.hasAttribute("download") || link.hasAttribute("target")) return;
  const other = event.altKey ? link.dataset.exclude : event.shiftKey ? link.dataset.add : "";
  if (!other && (event.altKey || event.shiftKey)) return;
  const address = new URL(other || (link.getAttribute("href") ?? ""), location.href); // of the map's links, `href` is no text
  // Most sites cannot be shown in a frame, and none should be in the place of the dashboard.
  if (self !== top && address.origin !== location.origin) link.setAttribute("target", "_blank");
  if (!isOurs(address)) return;
  event.preventDefault();
  void show(address.href, true, link.textContent?.trim());
});

// A menu that the focus leaves would cover what has it then.
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  const menu = (target as Element).closest<HTMLDetailsElement>("details.menu[open]");
  if (menu && relatedTarget && !menu.contains(relatedTarget as Node)) menu.open = false;
});

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  const address = new URL(form.action, location.href);
  if (form.method !== "get" || !address.pathname.startsWith(DASHBOARD)) return;
  event.preventDefault();
  const fields = [...new FormData(form)].filter(([, value]) => value) as [string, string][];
  address.search = new URLSearchParams(fields).toString();
  void show(address.href, true);
});

addEventListener("popstate", () => void show(location.href, false));
