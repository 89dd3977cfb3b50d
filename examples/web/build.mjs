// Builds the page: `node build.mjs [FOLDER]`, into dist/ unless told otherwise.
import { build } from "esbuild";
import { copyFile, cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const home = dirname(fileURLToPath(import.meta.url));
const outdir = process.argv[2] ?? join(home, "dist");

await cp(join(home, "public"), outdir, { recursive: true });
await build({
  entryPoints: [join(home, "src/main.ts")],
  outfile: join(outdir, "main.js"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  logLevel: "warning",
});
// The runtime itself. esbuild does not see it: onnxruntime-web loads it when it starts.
const runtime = "ort-wasm-simd-threaded.wasm";
const from = join(home, "node_modules/onnxruntime-web/dist", runtime);
await copyFile(from, join(outdir, runtime));
console.log(`Built the page in ${outdir}`);
