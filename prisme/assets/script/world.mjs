// Builds ../world.json, the map of the dashboard, from the atlas: countries as SVG paths, with steps relative to each
// other and in whole units, which is what makes it small.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { geoNaturalEarth1, geoPath } from "d3-geo";
import { feature } from "topojson-client";

const WIDTH = 640; // units
const ANTARCTICA = "010";

const atlas = JSON.parse(readFileSync(createRequire(import.meta.url).resolve("world-atlas/countries-110m.json")));
const countries = feature(atlas, atlas.objects.countries).features.filter(({ id }) => id !== ANTARCTICA);
const project = geoNaturalEarth1().fitWidth(WIDTH, { type: "FeatureCollection", features: countries });

let height = 0;
let rings = [];
// What the projection draws on: it cuts countries in two where the map ends.
const context = {
  moveTo: (x, y) => rings.push([[x, y]]),
  lineTo: (x, y) => rings.at(-1).push([x, y]),
  closePath: () => {},
};
const draw = geoPath(project, context);
const write = (ring) => {
  const places = ring
    .map((place) => place.map(Math.round))
    .filter(([x, y], at, all) => at === 0 || x !== all[at - 1][0] || y !== all[at - 1][1]);
  if (places.length < 3) return ""; // too small to be seen
  height = Math.max(height, ...places.map(([, y]) => y));
  const steps = places.slice(1).map(([x, y], at) => [x - places[at][0], y - places[at][1]]);
  return `M${places[0]}l${steps.flat().join(" ").replaceAll(" -", "-")}z`;
};
const shapes = countries.map((country) => {
  rings = [];
  draw(country);
  return [country.id ?? "", rings.map(write).join("")];
});

const text = JSON.stringify({ width: WIDTH, height, countries: shapes.filter(([, path]) => path) });
writeFileSync(new URL("../world.json", import.meta.url), text);
console.log(`world.json: ${shapes.length} countries, ${text.length} bytes`);
