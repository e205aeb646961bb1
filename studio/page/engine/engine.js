// The engine behind `vgc studio`: the server draws. The static site has this file's twin, onnx.js, under
// this name; both offer
//   connect() -> Promise<{info, directions(), draw(latents, signal), sprites(request) | null}>
//   info: model, hash, latent_dim, latent_bound, size_px, channels, most_pictures, trained_on, licence, pretrained;
//     where it makes sprites, sprite_px and set_colours too; workshop: whether the one who asks may use it
//   directions() -> Promise<[{name, vector, correlation}, ...]>, each vector one step; correlation: how well it does
//     what its name says, null of a direction without a name of its own; may take seconds
//   draw([Float32Array, ...], AbortSignal) -> Promise<[Uint8Array, ...]>, each RGB or RGBA, see model/pixels.js
// and raise EngineError (errors.js) with words for a person; and
//   answers() -> Promise<boolean>, whether an engine that was gone is back

import { text } from "../messages/text.js";
import { EngineError, reachable } from "./errors.js";

const KINDS = { 403: "refused", 409: "other model", 421: "refused" };
const BUSY_WAITS_MS = [300, 900, 2000];

/** What the server answers, a Blob. */
async function ask(path, options = {}) {
  for (const wait of [...BUSY_WAITS_MS, null]) {
    let answer, body;
    try {
      answer = await fetch(path, options);
      body = await answer.blob(); // a server that is killed may have sent its headers
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new EngineError(text("engine.gone"), "gone");
    }
    if (answer.ok) return body;
    if (answer.status !== 503 || wait === null) {
      const problem = await json(body).catch(() => ({}));
      const message = problem.detail ?? text("engine.error", { status: answer.status });
      throw new EngineError(message, KINDS[answer.status]);
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}

const json = async (body) => JSON.parse(await body.text());

/** Whether the server is there. */
export const answers = () => reachable("healthz");

const post = (path, content, signal) =>
  ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
    signal,
  });

/** Ask the server who it is. */
export async function connect() {
  const info = await json(await ask("api/info"));
  const bytes = info.channels * info.size_px ** 2;

  async function draw(latents, signal) {
    const wanted = { model: info.hash, latents: latents.map((latent) => Array.from(latent)) };
    const body = await post("api/draw", wanted, signal);
    const pixels = new Uint8Array(await body.arrayBuffer());
    return latents.map((_, index) => pixels.subarray(index * bytes, (index + 1) * bytes));
  }

  const sprites = (request) => post("api/sprites", { model: info.hash, ...request });

  const directions = async () => json(await ask(`api/directions?model=${info.hash}`));

  return { info, directions, draw, sprites };
}
