// The figures that are refreshed by themselves.

import { find, show, TYPING } from "./page";

const LIVE_EVERY = 10_000; // milliseconds
const WAITING_EVERY = 3_000;

const refresh = async () => {
  const { live, waiting } = document.body.dataset;
  if (document.hidden) return;
  // Not while somebody types.
  if (waiting !== undefined) await (document.activeElement?.matches(TYPING) || show(location.href, false));
  else if (live) {
    try {
      const answer = await fetch(live);
      const count = find("#live-count");
      if (answer.ok && count) count.textContent = Number((await answer.json()).values[0]).toLocaleString("en");
    } catch {
      // The next attempt may succeed.
    }
  }
};
let waited = 0;
setInterval(() => {
  waited += 1000;
  if (waited < (document.body.dataset.waiting === undefined ? LIVE_EVERY : WAITING_EVERY)) return;
  waited = 0;
  void refresh();
}, 1000);
document.addEventListener("visibilitychange", () => void refresh());
