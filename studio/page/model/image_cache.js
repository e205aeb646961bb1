// Asks the engine for images: each character once, in bounded batches; the latest stay in memory.

import { latentKey } from "./latents.js";

const CAPACITY = 1500;
const BATCH = 24;
const SLICE_MS = 12; // of work on images, before clicks and frames have their turn

export class ImageCache {
  #engine;
  #images = new Map();

  constructor(engine) {
    this.#engine = engine;
  }

  /** The pixels of a character that was drawn lately, or undefined. */
  get(latent) {
    return this.#images.get(latentKey(latent));
  }

  /**
   * Draw characters; `onImage(index, rgb)` is called as they come. Raises EngineError, or AbortError where `signal`
   * said so.
   */
  async draw(latents, onImage, signal) {
    const missing = [];
    latents.forEach((latent, index) => {
      const rgb = this.get(latent);
      if (rgb) onImage(index, rgb);
      else missing.push(index);
    });
    const size = Math.min(BATCH, this.#engine.info.most_pictures);
    for (let start = 0; start < missing.length; start += size) {
      const batch = missing.slice(start, start + size);
      const images = await this.#engine.draw(
        batch.map((index) => latents[index]),
        signal,
      );
      batch.forEach((index, nth) => this.#put(latents[index], images[nth]));
      let began = performance.now();
      for (const [nth, index] of batch.entries()) {
        onImage(index, images[nth]);
        if (performance.now() - began < SLICE_MS) continue;
        await new Promise((done) => setTimeout(done));
        signal?.throwIfAborted(); // or an old image would come after a new one
        began = performance.now();
      }
    }
  }

  /** One character's pixels. */
  async drawOne(latent, signal) {
    let pixels;
    await this.draw([latent], (_, rgb) => (pixels = rgb), signal);
    return pixels;
  }

  #put(latent, rgb) {
    this.#images.set(latentKey(latent), rgb.slice());
    if (this.#images.size > CAPACITY) this.#images.delete(this.#images.keys().next().value);
  }
}
