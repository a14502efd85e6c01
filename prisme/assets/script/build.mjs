// Builds ../wa.js and ../dashboard.js from their sources, and what the server sends of them in their place: .gz and .br.
// Same versions, same bytes: of esbuild for the scripts, of Node.js as well for the others.

import { writeFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

const SCRIPTS = [
  // `?.` and `??`: Chromium 80, Firefox 74, Safari 13.1
  { name: "wa", bundle: false, format: undefined, target: "es2020", limit: 1100 }, // bytes of gzip -9
  { name: "dashboard", bundle: true, format: "esm", target: "es2021", limit: 6000 },
];

for (const { name, bundle, format, target, limit } of SCRIPTS) {
  const { outputFiles } = buildSync({
    entryPoints: [new URL(`${name}.ts`, import.meta.url).pathname],
    bundle,
    minify: true,
    format,
    target,
    tsconfigRaw: { compilerOptions: { alwaysStrict: false } }, // strict mode would only add its name
    write: false,
  });
  const raw = Buffer.from(outputFiles[0].contents.subarray(0, -1)); // no newline at the end
  const gzip = gzipSync(raw, { level: 9 }); // Node.js writes no time into the header,
  gzip[9] = 255; // but the system that it runs on: now that is unknown
  const brotli = brotliCompressSync(raw); // its default is the best quality

  const out = new URL(`../${name}.js`, import.meta.url).pathname;
  writeFileSync(out, raw);
  writeFileSync(`${out}.gz`, gzip);
  writeFileSync(`${out}.br`, brotli);
  console.log(`${name}.js: raw ${raw.length}, gzip ${gzip.length}, brotli ${brotli.length} bytes`);
  if (gzip.length > limit) {
    console.error(`${name}.js has more than ${limit} bytes of gzip`);
    process.exitCode = 1;
  }
}
