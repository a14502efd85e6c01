// Builds ../wa.js from wa.ts, and what the server sends of it in its place: ../wa.js.gz and ../wa.js.br.
// Same versions, same bytes: of esbuild for wa.js, of Node.js as well for the other two.

import { writeFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

const LIMIT = 1000; // bytes of gzip -9

const { outputFiles } = buildSync({
  entryPoints: [new URL("wa.ts", import.meta.url).pathname],
  minify: true,
  target: "es2020", // `?.` and `??`: Chromium 80, Firefox 74, Safari 13.1
  tsconfigRaw: { compilerOptions: { alwaysStrict: false } }, // strict mode would only add its name
  write: false,
});
const raw = Buffer.from(outputFiles[0].contents.subarray(0, -1)); // no newline at the end
const gzip = gzipSync(raw, { level: 9 }); // Node.js writes no time into the header,
gzip[9] = 255; // but the system that it runs on: now that is unknown
const brotli = brotliCompressSync(raw); // its default is the best quality

const out = new URL("../wa.js", import.meta.url).pathname;
writeFileSync(out, raw);
writeFileSync(`${out}.gz`, gzip);
writeFileSync(`${out}.br`, brotli);
console.log(`raw ${raw.length}, gzip ${gzip.length}, brotli ${brotli.length} bytes`);
if (gzip.length > LIMIT) {
  console.error(`wa.js has more than ${LIMIT} bytes of gzip`);
  process.exitCode = 1;
}
