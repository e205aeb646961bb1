// The character on the bench, large: its image, its name, and what it looks like.

import { describe, nameOf } from "../model/describe.js";
import { quantise } from "../model/latents.js";
import { gaussian } from "../model/random.js";
import { showPixels } from "../ui/cards.js";
import { byId } from "../ui/dom.js";
import { latestOnly } from "../ui/latest_only.js";
import { text } from "../messages/text.js";
import { reportError } from "../ui/messages.js";

const MASCOT = { seed: 3, truncation: 0.7 };

export class Portrait {
  #studio;
  #sketch = null; // what a slider shows before it is let go
  #turns = 0;
  #drawSketch = latestOnly(async () => {
    try {
      if (this.#sketch) await this.#draw(this.#sketch);
    } catch (error) {
      reportError(error);
    }
  });

  constructor(studio) {
    this.#studio = studio;
    this.#drawMascot();
  }

  /** Show a character without taking it; the next change or preview replaces it. */
  preview(latent) {
    this.#sketch = latent;
    this.#drawSketch();
  }

  /** Show the character that is on the bench. */
  async refresh() {
    this.#sketch = null;
    await this.#draw(this.#studio.history.current.latent);
    byId("live-region").textContent = `${byId("name").textContent}: ${byId("looks").textContent}`;
  }

  async #draw(latent) {
    const turn = ++this.#turns;
    const rgb = await this.#studio.images.drawOne(latent);
    if (turn !== this.#turns) return;
    showPixels(byId("picture"), rgb, this.#studio.info.size_px);
    byId("name").textContent = nameOf(latent);
    byId("looks").textContent = describe(rgb, this.#studio.info.size_px);
    document.title = `${nameOf(latent)} · ${text("title")}`;
    byId("icon").href = byId("picture").toDataURL();
  }

  async #drawMascot() {
    const { latent_dim: dim, latent_bound: bound, size_px: side } = this.#studio.info;
    const values = gaussian(MASCOT.seed, dim).map((value) => value * MASCOT.truncation);
    try {
      showPixels(byId("mascot"), await this.#studio.images.drawOne(quantise(values, bound)), side);
      byId("icon").href = byId("mascot").toDataURL();
    } catch (error) {
      reportError(error);
    }
  }
}
