// Builds ../world.json, the map of the dashboard, from the atlas: countries as SVG paths, with steps relative to each
// other and in whole units, which is what makes it small.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { geoNaturalEarth1 } from "d3-geo";
import { feature } from "topojson-client";

const WIDTH = 640; // units
const ANTARCTICA = "010";

const atlas = JSON.parse(readFileSync(createRequire(import.meta.url).resolve("world-atlas/countries-110m.json")));
const countries = feature(atlas, atlas.objects.countries).features.filter(({ id }) => id !== ANTARCTICA);
const project = geoNaturalEarth1().fitWidth(WIDTH, { type: "FeatureCollection", features: countries });

let height = 0;
const ring = (points) => {
  const places = points
    .map((point) => project(point).map(Math.round))
    .filter(([x, y], at, all) => at === 0 || x !== all[at - 1][0] || y !== all[at - 1][1]);
  if (places.length < 4) return ""; // too small to be seen
  height = Math.max(height, ...places.map(([, y]) => y));
  const steps = places.slice(1, -1).map(([x, y], at) => [x - places[at][0], y - places[at][1]]);
  return `M${places[0]}l${steps.flat().join(" ").replaceAll(" -", "-")}z`;
};
const shapes = countries.map(({ id, geometry: { type, coordinates } }) => [
  id ?? "",
  (type === "Polygon" ? [coordinates] : coordinates).flat().map(ring).join(""),
]);

const text = JSON.stringify({ width: WIDTH, height, countries: shapes.filter(([, path]) => path) });
writeFileSync(new URL("../world.json", import.meta.url), text);
console.log(`world.json: ${shapes.length} countries, ${text.length} bytes`);
