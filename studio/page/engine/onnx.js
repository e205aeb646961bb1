// The engine of the static site: ONNX Runtime draws in the browser itself. `vgc export --web` gives this file the
// name engine.js; the other one describes what both offer.
import { EngineError, reachable } from "./errors.js";
import { text } from "../messages/text.js";
import * as ort from "../ort/ort.wasm.min.js";

const runtimeFile = (suffix) => new URL(`../ort/ort-wasm-simd-threaded.${suffix}`, import.meta.url).href;

async function load(path) {
  let answer;
  try {
    answer = await fetch(path);
  } catch {
    throw new EngineError(text("site.gone"), "gone");
  }
  if (!answer.ok) throw new EngineError(text("site.error", { path, status: answer.status }));
  return answer;
}

/** Whether the site's files can be had. */
export const answers = () => reachable("model.json");

/** Planes of red, green, blue and maybe alpha in [-1, 1] to bytes, rounded as `vgc generate` does. */
function toBytes(planes, channels) {
  const area = planes.length / channels;
  const pixels = new Uint8ClampedArray(planes.length);
  for (let channel = 0; channel < channels; channel++) {
    for (let pixel = 0; pixel < area; pixel++) {
      pixels[channels * pixel + channel] = (planes[channel * area + pixel] + 1) * 127.5; // clamped arrays round
    }
  }
  if (channels === 4) unpremultiply(pixels);
  return new Uint8Array(pixels.buffer);
}

/** Divide the colours by alpha, in place; black where nothing is seen. */
function unpremultiply(pixels) {
  for (let at = 0; at < pixels.length; at += 4) {
    const alpha = pixels[at + 3];
    for (let channel = at; channel < at + 3; channel++)
      pixels[channel] = alpha ? Math.floor((pixels[channel] * 255 + (alpha >> 1)) / alpha) : 0;
  }
}

/** Load the model. */
export async function connect() {
  ort.env.wasm.numThreads = 1; // more need headers that simple hosts do not send
  ort.env.wasm.wasmPaths = { mjs: runtimeFile("js"), wasm: runtimeFile("wasm") };
  ort.env.wasm.proxy = true; // draws in a worker, so that the page is never stuck
  const [description, model] = await Promise.all([
    load("model.json").then((answer) => answer.json()),
    load("model.onnx").then((answer) => answer.arrayBuffer()),
  ]);
  const { traits, ...info } = description;
  let session;
  try {
    session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  } catch (error) {
    throw new EngineError(text("site.cannot", { reason: error.message }));
  }

  async function draw(latents, signal) {
    const images = [];
    for (const latent of latents) {
      signal?.throwIfAborted();
      const input = new ort.Tensor("float32", Float32Array.from(latent), [1, info.latent_dim]);
      const { pictures } = await session.run({ latents: input });
      images.push(toBytes(pictures.data, info.channels));
    }
    return images;
  }

  return { info, directions: async () => traits, draw, sprites: null };
}
