// The cursor of the chart with its tooltip, and zooming into it.

import { all, find, isNew, onPage, say, show } from "./page";

const rows = () => all<HTMLTableRowElement>("#values tbody tr");
let at = -1;

const add = (parent: Element, className: string, text = "", tag = "div") => {
  const one = parent.appendChild(document.createElement(tag));
  one.className = className;
  one.textContent = text;
  return one;
};

// What a cell says, without the note beside it.
const text = (cell: Element) => [...cell.childNodes].map((one) => (one.nodeName === "SMALL" ? "" : one.textContent)).join("");

// What a row of the chart's table says: the columns may be fewer.
const read = (row: HTMLTableRowElement) => {
  const [day = "", value = "", before = "", beforeDay = "", change = ""] = [...row.cells].map(text);
  const metric = find("#values thead th:nth-child(2)")?.textContent ?? "";
  return { day, value, before, beforeDay, change, metric, note: row.dataset.note ?? "" };
};

const point = (number: number) => {
  const plot = find<HTMLElement>("#plot");
  const some = rows();
  const row = some[number];
  all(".cursor, .tip", plot ?? document).forEach((one) => one.remove());
  at = row ? number : -1;
  if (!plot || !row) return;
  const { day, value, before, beforeDay, change, metric, note } = read(row);
  const place = ((number + 0.5) / some.length) * 100;
  add(plot, "cursor").style.left = `${place}%`;
  const tip = add(plot, "tip");
  add(tip, "what", metric);
  for (const [when, figure, kind] of [[day, value, "now"], [beforeDay, before, "then"]] as const)
    if (figure) {
      const line = add(tip, kind);
      add(line, "", when, "span");
      add(line, "", figure, "b");
    }
  if (change) add(tip, "", change);
  if (note) add(tip, "note", note);
  // On the side that has more room, and at most half as wide as the chart: never over the point.
  tip.style[place > 50 ? "right" : "left"] = `calc(${place > 50 ? 100 - place : place}% + .75rem)`;
  const changed = change && `, ${change.replace("+", "up ").replace("\u2212", "down ")}`;
  return `${day}: ${value}${before ? `, before ${before}${changed}` : ""}${note && `. ${note}`}`;
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
    area ??= add(plot, "zoom");
    const count = rows().length;
    area.style.left = `${(Math.min(began, number) / count) * 100}%`;
    area.style.width = `${((Math.abs(number - began) + 1) / count) * 100}%`;
  });
  plot.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch") point(over(event));
    if (event.button || event.pointerType === "touch") return;
    began = over(event);
    // A drag may end outside, and selects no text.
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointerup", (event) => {
    const [from, to] = [began, over(event)];
    done();
    if (from >= 0 && from !== to) zoom(from, to);
  });
  const leave = () => {
    done();
    point(-1);
  };
  // As a page that begins to scroll takes the finger away.
  plot.addEventListener("pointercancel", leave);
  // What a finger touched stays, as nothing else shows it.
  plot.addEventListener("pointerleave", (event) => event.pointerType === "touch" || leave());
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

document.addEventListener("pointerdown", (event) => {
  if (at >= 0 && !(event.target as Element).closest("#plot")) point(-1);
});

onPage(() => {
  const plot = find<HTMLElement>("#plot");
  if (!plot || !isNew(plot)) return;
  at = -1;
  follow(plot);
});
