// The cursor of the chart, and zooming into it.

import { all, find, onPage, say, show } from "./page";

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

onPage(() => {
  at = -1;
  const plot = find<HTMLElement>("#plot");
  if (plot) follow(plot);
});
