// Breed: twelve children of the character on the bench.

import { makeCard, paintCards, walkable } from "./cards.js";
import { the } from "./dom.js";
import { freshSeed, mutated } from "./genetics.js";
import { trouble } from "./voice.js";

const LITTER = 12;

export class Children {
  #studio;
  #cards;
  #seed = freshSeed();
  #drawn = new AbortController();

  constructor(studio) {
    this.#studio = studio;
    this.#cards = Array.from({ length: LITTER }, () =>
      makeCard(null, (latent) => studio.story.goOn(latent, "child")),
    );
    the("children").append(...this.#cards);
    walkable(the("children"))();
    the("litter").addEventListener("click", () => this.fresh());
    the("strength").addEventListener("input", () => this.refresh());
    studio.story.addEventListener("change", () => this.#leave());
  }

  /** Other children of the same parent. */
  fresh() {
    this.#seed = freshSeed();
    this.refresh();
  }

  /** Paint the children of the character that is there now; locked traits are the parent's. */
  async refresh() {
    this.#drawn.abort();
    this.#drawn = new AbortController();
    const { signal } = this.#drawn;
    const parent = this.#studio.story.current.latent;
    const strength = the("strength").valueAsNumber / 100;
    this.#cards.forEach((card, place) => {
      card.latent = this.#studio.traits.locked(mutated(parent, strength, this.#seed + place), parent);
    });
    try {
      const said = (card) => `Child ${this.#cards.indexOf(card) + 1}, `;
      await paintCards(this.#studio.artist, this.#cards, this.#studio.info.size_px, signal, said);
    } catch (error) {
      trouble(error);
    }
  }

  /** The pictures are another's children until they are painted anew: not to be taken for this one's. */
  #leave() {
    this.#seed = freshSeed();
    for (const card of this.#cards) card.shows = null;
  }
}
