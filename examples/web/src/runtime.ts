/** Models, run by onnxruntime-web in WebAssembly. */
import * as ort from "onnxruntime-web/wasm";
import { fetchFile, type Model } from "./catalogue";
import { PageError } from "./errors";
import type { Tensor } from "./tensor";

/** One run of a model, with the very numbers that went in and came out. */
export interface Run {
  model: string;
  input: Tensor;
  output: Tensor;
  milliseconds: number;
}

declare global {
  interface Window {
    /** For tests and for the curious: how often a model ran, and its last run. */
    kerasconv: { runs: number; lastRun: Run | null };
  }
}

window.kerasconv = { runs: 0, lastRun: null };

ort.env.wasm.wasmPaths = {
  wasm: new URL("ort-wasm-simd-threaded.wasm", document.baseURI).href,
};
ort.env.wasm.numThreads = 1; // more of them need headers that a plain file server does not send

const sessions = new Map<string, ort.InferenceSession>();

/** Runs a model with one input and one output. */
export async function run(model: Model, input: Tensor): Promise<Run> {
  const session = sessions.get(model.file) ?? (await load(model.file));
  const feeds = {
    [session.inputNames[0]]: new ort.Tensor("float32", input.data, input.dims),
  };
  const start = performance.now();
  const results = await session.run(feeds);
  const milliseconds = performance.now() - start;
  const { dims, data } = results[session.outputNames[0]];
  const output = { dims, data: data as Float32Array };
  const done = { model: model.file, input, output, milliseconds };
  window.kerasconv = { runs: window.kerasconv.runs + 1, lastRun: done };
  return done;
}

async function load(file: string): Promise<ort.InferenceSession> {
  const bytes = await (await fetchFile(file)).arrayBuffer();
  const session = await ort.InferenceSession.create(bytes).catch((error) => {
    throw new PageError(
      `models/${file} is no model that onnxruntime-web can run: ${error.message}`,
    );
  });
  sessions.set(file, session);
  return session;
}
