// What JavaScript adds to the dashboard: links and forms update the page in place, the live figures are refreshed, the
// chart has a cursor, and there are keyboard shortcuts. Everything else works without it, with links and forms.

const LIVE_EVERY = 10_000; // milliseconds
const WAITING_EVERY = 3_000;
const TYPING = "input, select, textarea, [contenteditable]";
const KEYS_OFF = "prisme-keys-off";

const find = <T extends Element>(selector: string, within: ParentNode = document) => within.querySelector<T>(selector);
const all = <T extends Element>(selector: string, within: ParentNode = document) => [
  ...within.querySelectorAll<T>(selector),
];
const say = (text: string) => {
  const spoken = find("#spoken");
  if (spoken) spoken.textContent = text;
};

// Updates of the page in place

let latest = 0;

const show = async (address: string, push: boolean, focus?: string) => {
  const mine = ++latest;
  const main = find("main");
  main?.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== latest) return;
    const there = find("main#main", page);
    if (!main || !there || !answer.headers.get("content-type")?.startsWith("text/html")) {
      location.assign(address);
      return;
    }
    const final = answer.redirected ? answer.url : address;
    if (push) history.pushState({}, "", final);
    const open = document.activeElement?.closest("[id]")?.id;
    for (const selector of ["main", "header", "footer"]) {
      const here = find(selector);
      const next = find(selector, page);
      if (here && next) here.replaceWith(next);
    }
    if (document.title !== page.title) say(page.title);
    document.title = page.title;
    for (const name of ["live", "waiting", "zone"]) {
      const value = page.body.dataset[name];
      if (value === undefined) delete document.body.dataset[name];
      else document.body.dataset[name] = value;
    }
    prepare();
    // Keyboard users keep their focus.
    const place = (focus && all<HTMLElement>("a").find((link) => link.textContent?.trim() === focus)) || (open && find<HTMLElement>(`#${open} a, #${open}`));
    if (place) place.focus({ preventScroll: true });
    const hash = new URL(final, location.href).hash;
    if (push && hash && !place) find(hash)?.scrollIntoView({ block: "nearest" });
  } catch {
    if (mine === latest) location.assign(address);
  }
};

// Below the base path, if there is one, as this script is.
const DASHBOARD = new URL("../dashboard", import.meta.url).pathname;
const isOurs = ({ origin, pathname }: URL) =>
  origin === location.origin && (pathname === DASHBOARD || pathname === `${DASHBOARD}/list`);

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  for (const menu of all<HTMLDetailsElement>("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
  const link = target.closest<HTMLAnchorElement>("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || link.hasAttribute("download") || link.target) return;
  const other = event.altKey ? link.dataset.exclude : event.shiftKey ? link.dataset.add : "";
  if (!other && (event.altKey || event.shiftKey)) return;
  const address = new URL(other || link.href, location.href);
  if (!isOurs(address)) return;
  event.preventDefault();
  void show(address.href, true, link.textContent?.trim());
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

// Fields that narrow down the links beside them

document.addEventListener("input", ({ target }) => {
  const field = target as HTMLInputElement;
  if (field.dataset.narrows === undefined) return;
  const menu = field.closest(".pop") ?? field;
  const [, ...links] = all<HTMLElement>("a", menu); // the first leads to all sites
  for (const link of links) link.hidden = !link.textContent?.toLowerCase().includes(field.value.trim().toLowerCase());
  const hint = find<HTMLElement>("[data-no-match]", menu);
  if (hint) hint.hidden = links.some((link) => !link.hidden);
});

// Buttons that copy a text

document.addEventListener("click", async ({ target }) => {
  const button = (target as Element).closest<HTMLElement>("[data-copy]");
  const text = button && find(`#${button.dataset.copy}`);
  if (!button || !text) return;
  try {
    await navigator.clipboard.writeText(text.textContent ?? "");
    button.textContent = "Copied";
    say("Copied");
  } catch {
    // Without HTTPS, browsers let no page copy: select the text.
    getSelection()?.selectAllChildren(text);
  }
});

// Live figures

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

// The chart

const rows = () => all<HTMLTableRowElement>("#values tbody tr");
let at = -1;

const point = (number: number) => {
  const plot = find<HTMLElement>("#plot");
  const some = rows();
  const row = some[number];
  all(".cursor, .tip", plot ?? document).forEach((one) => one.remove());
  at = row ? number : -1;
  if (!plot || !row) return;
  const cells = [...row.cells].map((cell) => cell.textContent ?? "");
  const text = `${cells[0]}: ${cells[1]}${cells[2] ? `, before ${cells[2]}` : ""}`;
  const place = ((number + 0.5) / some.length) * 100;
  const cursor = plot.appendChild(document.createElement("div"));
  cursor.className = "cursor";
  cursor.style.left = `${place}%`;
  const tip = plot.appendChild(document.createElement("div"));
  tip.className = "tip";
  tip.textContent = text;
  if (place > 60) tip.style.right = `${100 - place + 1}%`;
  else tip.style.left = `${place + 1}%`;
  return text;
};

const zoom = (from: number, to: number) => {
  const some = rows();
  const first = some[Math.min(from, to)];
  const last = some[Math.max(from, to)];
  if (!first?.dataset.at || !last?.dataset.until || (from === to && !find("a", first))) return;
  const address = new URL(location.href);
  address.searchParams.delete("period");
  address.searchParams.set("from", first.dataset.at);
  address.searchParams.set("to", String(Math.min(Number(last.dataset.until), Math.floor(Date.now() / 1000))));
  void show(address.href, true);
};

const follow = (plot: HTMLElement) => {
  let began = -1;
  let area: HTMLElement | undefined;
  const over = (event: PointerEvent) => {
    const box = plot.getBoundingClientRect();
    const count = rows().length;
    return Math.max(0, Math.min(count - 1, Math.floor(((event.clientX - box.left) / box.width) * count)));
  };
  const done = () => {
    began = -1;
    area?.remove();
    area = undefined;
  };
  plot.addEventListener("pointermove", (event) => {
    const number = over(event);
    if (number !== at) point(number);
    if (began < 0 || event.pointerType === "touch") return;
    area ??= plot.appendChild(document.createElement("div"));
    area.className = "zoom";
    const count = rows().length;
    area.style.left = `${(Math.min(began, number) / count) * 100}%`;
    area.style.width = `${((Math.abs(number - began) + 1) / count) * 100}%`;
  });
  plot.addEventListener("pointerdown", (event) => {
    if (event.button === 0) began = over(event);
  });
  plot.addEventListener("pointerup", (event) => {
    const [from, to] = [began, over(event)];
    done();
    if (from >= 0 && from !== to && event.pointerType !== "touch") zoom(from, to);
  });
  plot.addEventListener("pointercancel", done);
  plot.addEventListener("pointerleave", () => {
    done();
    point(-1);
  });
  plot.addEventListener("blur", () => point(-1));
  plot.addEventListener("keydown", (event) => {
    const last = rows().length - 1;
    const next = { ArrowLeft: at < 0 ? last : Math.max(at - 1, 0), ArrowRight: Math.min(at + 1, last), Home: 0, End: last };
    if (event.key in next) say(point(next[event.key as keyof typeof next]) ?? "");
    else if (event.key === "Enter" && at >= 0) zoom(at, at);
    else if (event.key === "Escape") point(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
};

// Keyboard shortcuts

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

const prepare = () => {
  at = -1;
  for (const button of all<HTMLElement>("[data-copy]")) button.hidden = false;
  const plot = find<HTMLElement>("#plot");
  if (plot) follow(plot);
  find<HTMLInputElement>("#keys-on")?.addEventListener("change", (event) => {
    if ((event.target as HTMLInputElement).checked) localStorage.removeItem(KEYS_OFF);
    else localStorage.setItem(KEYS_OFF, "1");
  });
};
prepare();

// Without a time zone in the URL, the browser's is used, from the first page on.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && document.body.dataset.zone && !new URLSearchParams(location.search).has("tz")) {
  document.cookie = `prisme_tz=${zone}; Path=${DASHBOARD}; Max-Age=31536000; SameSite=Lax`;
  if (document.body.dataset.zone !== zone) void show(location.href, false);
}
