// Breed: twelve children of the character on the bench.

import { mutate } from "../model/latents.js";
import { randomSeed } from "../model/random.js";
import { createCard, drawCards, enableArrowKeys } from "../ui/cards.js";
import { byId } from "../ui/dom.js";
import { text } from "../messages/text.js";
import { reportError } from "../ui/messages.js";

const CHILDREN = 12;

export class Children {
  #studio;
  #cards;
  #seed = randomSeed();
  #drawing = new AbortController();

  constructor(studio) {
    this.#studio = studio;
    this.#cards = Array.from({ length: CHILDREN }, () =>
      createCard(null, (latent) => studio.history.push(latent, "child")),
    );
    byId("children").append(...this.#cards);
    enableArrowKeys(byId("children"))();
    byId("more-children").addEventListener("click", () => this.fresh());
    byId("mutation-rate").addEventListener("input", () => this.refresh());
    studio.history.addEventListener("change", () => this.#disown());
  }

  /** Other children of the same parent. */
  fresh() {
    this.#seed = randomSeed();
    this.refresh();
  }

  /** Draw the children of the character that is there now; locked traits are the parent's. */
  async refresh() {
    this.#drawing.abort();
    this.#drawing = new AbortController();
    const { signal } = this.#drawing;
    const parent = this.#studio.history.current.latent;
    const rate = byId("mutation-rate").valueAsNumber / 100;
    this.#cards.forEach((card, index) => {
      card.latent = this.#studio.traits.withLocked(mutate(parent, rate, this.#seed + index), parent);
    });
    try {
      const prefix = (card) => text("breed.child", { number: this.#cards.indexOf(card) + 1 });
      await drawCards(this.#studio.images, this.#cards, this.#studio.info.size_px, signal, prefix);
    } catch (error) {
      reportError(error);
    }
  }

  /** The images are another's children until they are drawn anew: not to be taken for this one's. */
  #disown() {
    this.#seed = randomSeed();
    for (const card of this.#cards) card.shown = null;
  }
}
