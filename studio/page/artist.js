// Asks the engine for pictures: each character once, in bounded batches, and remembers the latest.

const REMEMBERED = 1500;
const MOST_AT_ONCE = 24;

/** A character's identity as a text. */
export const keyOf = (latent) => latent.join();

export class Artist {
  #engine;
  #known = new Map();

  constructor(engine) {
    this.#engine = engine;
  }

  /** The pixels of a character that was drawn lately, or undefined. */
  known(latent) {
    return this.#known.get(keyOf(latent));
  }

  /**
   * Draw characters; `each(place, rgb)` is called as they come. Raises EngineError, or AbortError where `signal`
   * said so.
   */
  async paint(latents, each, signal) {
    const missing = [];
    latents.forEach((latent, place) => {
      const rgb = this.known(latent);
      if (rgb) each(place, rgb);
      else missing.push(place);
    });
    const most = Math.min(MOST_AT_ONCE, this.#engine.info.most_pictures);
    for (let start = 0; start < missing.length; start += most) {
      const places = missing.slice(start, start + most);
      const drawn = await this.#engine.draw(
        places.map((place) => latents[place]),
        signal,
      );
      places.forEach((place, at) => {
        this.#remember(latents[place], drawn[at]);
        each(place, drawn[at]);
      });
    }
  }

  /** One character's pixels. */
  async one(latent, signal) {
    let pixels;
    await this.paint([latent], (_, rgb) => (pixels = rgb), signal);
    return pixels;
  }

  #remember(latent, rgb) {
    this.#known.set(keyOf(latent), rgb.slice());
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value);
  }
}
