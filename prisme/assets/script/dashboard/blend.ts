// Makes a part of the page equal to a newer one, and replaces only the nodes that differ: focus, scroll and what is open
// stay.

// What the script or the user changed, and the server does not know.
const KEPT = ["open", "hidden", "aria-busy", "aria-expanded"];

const blendAttributes = (here: Element, next: Element) => {
  for (const name of new Set([...here.getAttributeNames(), ...next.getAttributeNames()])) {
    const value = next.getAttribute(name);
    if (KEPT.includes(name) || value === here.getAttribute(name)) continue;
    if (value === null) here.removeAttribute(name);
    else here.setAttribute(name, value);
  }
};

export const blend = (here: Node, next: Node) => {
  if (here.isEqualNode(next)) return;
  if (!(here instanceof Element) || !(next instanceof Element) || here.nodeName !== next.nodeName || here.id !== next.id) {
    if (here instanceof Text && next instanceof Text) here.data = next.data;
    else here.parentNode?.replaceChild(next, here);
    return;
  }
  blendAttributes(here, next);
  const [olds, news] = [[...here.childNodes], [...next.childNodes]];
  news.forEach((one, number) => {
    const old = olds[number];
    if (old) blend(old, one);
    else here.append(one);
  });
  olds.slice(news.length).forEach((one) => one.remove());
};
