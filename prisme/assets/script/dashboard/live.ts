// What moves by itself: the visitors now, and the figures of a period that ends now, where nobody is about to use them.

import { blend } from "./blend";
import { all, find, onPage, prepare, show, TYPING } from "./page";

// All in milliseconds.
const ASK_EVERY = 10_000;
const WAITING_EVERY = 3_000;
const MOVE_EVERY = 30_000;

let asked = performance.now();
let moved = asked;
let isPressed = false;
let isBusy = false;

// Nothing moves under a pointer that is over a figure, or while something is open, selected or typed.
const isInUse = () =>
  isPressed ||
  !getSelection()?.isCollapsed ||
  document.activeElement?.matches(TYPING) ||
  find("main[aria-busy=true], main details[open], header details[open], dialog[open], main [aria-expanded=true], .tip") ||
  (matchMedia("(hover: hover)").matches && find(".panels:hover, .chart:hover, .tiles:hover"));

const move = async (stamp: string) => {
  const address = location.href;
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [here, next] = [find("main#main"), find("main#main", page)];
  // Meanwhile, the user may have gone on.
  if (!here || !next || location.href !== address || document.body.dataset.stamp !== stamp || isInUse()) return;
  const focused = document.activeElement;
  const text = focused?.textContent?.trim();
  const panel = focused?.closest("section[id]")?.id;
  blend(here, next);
  document.body.dataset.stamp = page.body.dataset.stamp ?? "";
  prepare();
  // A row may have another place now: the focus follows it.
  if (focused && text && (!focused.isConnected || focused.textContent?.trim() !== text)) {
    const links = all<HTMLElement>(panel ? `#${panel} a, #${panel} summary` : "main a");
    links.find((one) => one.textContent?.trim() === text)?.focus({ preventScroll: true });
  }
};

const ask = async (address: string) => {
  const { stamp = "", every = MOVE_EVERY } = document.body.dataset;
  const answer = await fetch(address, { redirect: "manual" });
  if (answer.status === 401 || answer.status === 403) delete document.body.dataset.live;
  if (!answer.ok || document.body.dataset.live !== address) return;
  const told = (await answer.json()) as { live: string; stamp: string };
  for (const one of all("[data-live-count]")) if (one.textContent !== told.live) one.textContent = told.live;
  if (stamp && told.stamp && told.stamp !== stamp && performance.now() - moved >= Number(every) && !isInUse())
    await move(stamp);
};

const refresh = async () => {
  const { live, waiting } = document.body.dataset;
  if (document.hidden || isBusy) return;
  asked = performance.now();
  isBusy = true;
  try {
    // Not while somebody types.
    if (waiting !== undefined) await (document.activeElement?.matches(TYPING) || show(location.href, false));
    else if (live) await ask(live);
  } catch {
    // The next attempt may succeed.
  }
  isBusy = false;
};

setInterval(() => {
  const every = document.body.dataset.waiting === undefined ? ASK_EVERY : WAITING_EVERY;
  if (performance.now() - asked >= every) void refresh();
}, 1000);
document.addEventListener("visibilitychange", () => void refresh());
onPage(() => (moved = performance.now()));
for (const [name, pressed] of [["pointerdown", true], ["pointerup", false], ["pointercancel", false]] as const)
  addEventListener(name, () => (isPressed = pressed), true);
