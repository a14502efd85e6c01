// The page's parts, and how they are replaced by those of another address without loading a whole page.

export const TYPING = "input, select, textarea, [contenteditable]";

export const find = <T extends Element>(selector: string, within: ParentNode = document) => within.querySelector<T>(selector);
export const all = <T extends Element>(selector: string, within: ParentNode = document) => [
  ...within.querySelectorAll<T>(selector),
];
export const say = (text: string) => {
  const spoken = find("#spoken");
  if (spoken) spoken.textContent = text;
};

// The words of the script, which the page has in its language.
export const word = (name: "copied" | "details" | "loading") => document.documentElement.dataset[name] ?? "";

// What is done to a page that was loaded or replaced, also to a page of which only some nodes were.
const prepares: (() => void)[] = [];
export const onPage = (one: () => void) => {
  prepares.push(one);
  one();
};
export const prepare = () => {
  for (const one of prepares) one();
};
const known = new WeakSet<Element>();
// For what may be done to a node only once.
export const isNew = (one: Element) => !known.has(one) && known.add(one) === known;

let latest = 0;

export const show = async (address: string, push: boolean, focus?: string) => {
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
    for (const name of ["live", "stamp", "every", "waiting", "zone"]) {
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
