// Mix: the way from one character to another, along a great circle.

import { keyOf } from "./artist.js";
import { makeCard, paintCards, show, walkable } from "./cards.js";
import { the } from "./dom.js";
import { between, latentOf } from "./genetics.js";
import { nameOf } from "./portrait.js";
import { trouble } from "./voice.js";

const STEPS = 7;
const PARTNERS = 12;

export class Mix {
  #studio;
  #a = null; // the character on the bench when the mixing began
  #b = null;
  #steps;
  #settlePartners;
  #drawn = new AbortController();

  constructor(studio) {
    this.#studio = studio;
    this.#steps = Array.from({ length: STEPS }, (_, place) =>
      makeCard(null, () => this.#settle(place / (STEPS - 1))),
    );
    the("steps").append(...this.#steps);
    walkable(the("steps"))();
    this.#settlePartners = walkable(the("partners"));
    the("share-of-b").addEventListener("input", () => studio.preview(this.#at(this.#share)));
    the("share-of-b").addEventListener("change", () => this.#settle(this.#share));
    the("portrait").addEventListener("dropped", (event) => this.with(event.detail));
    studio.story.addEventListener("change", () => this.#follow());
  }

  /** Mix the character on the bench with another, half and half at first. */
  with(other) {
    this.#a = this.#studio.story.current.latent;
    this.#b = other;
    for (const step of this.#steps) step.shows = null; // they are of other parents yet
    this.#studio.turnTo("mix");
    this.#settle(0.5);
    the("share-of-b").focus({ preventScroll: true });
  }

  /** Paint the parents, the steps between them, and who else there is. */
  async refresh() {
    this.#drawn.abort();
    this.#drawn = new AbortController();
    this.#offer();
    this.#unfold();
    try {
      if (this.#b) await this.#paintSteps();
      await this.#paint([...the("partners").children], () => "Mix with ");
    } catch (error) {
      trouble(error);
    }
  }

  get #share() {
    return the("share-of-b").valueAsNumber / 100;
  }

  #at(share) {
    if (share === 0) return this.#a;
    if (share === 1) return this.#b;
    return latentOf(between(this.#a, this.#b, share), this.#studio.info.latent_bound);
  }

  #settle(share) {
    the("share-of-b").value = Math.round(share * 100);
    this.#studio.story.goOn(this.#at(share), "mixed", this.#b);
  }

  /** Anything but a step of this mix ends it. */
  #follow() {
    const { kind, other } = this.#studio.story.current;
    if (kind === "mixed" && other === this.#b) return;
    this.#a = this.#b = null;
    this.#unfold();
  }

  /** Slider and steps where there are two parents, else how to come by the second. */
  #unfold() {
    for (const id of ["mixing", "mix-words"]) the(id).hidden = !this.#b;
    the("mix-how").hidden = Boolean(this.#b);
  }

  async #paintSteps() {
    const { artist, info } = this.#studio;
    the("mix-words").textContent =
      `${nameOf(this.#a)} on the left, ${nameOf(this.#b)} on the right: move the slider, or pick a step between them.`;
    this.#steps.forEach((card, place) => (card.latent = this.#at(place / (STEPS - 1))));
    await this.#paint(this.#steps, (card) => `Step ${this.#steps.indexOf(card)} of ${STEPS - 1}: `);
    show(the("mix-a"), await artist.one(this.#a, this.#drawn.signal), info.size_px);
    show(the("mix-b"), await artist.one(this.#b, this.#drawn.signal), info.size_px);
  }

  #paint(cards, said) {
    const { artist, info } = this.#studio;
    return paintCards(artist, cards, info.size_px, this.#drawn.signal, said);
  }

  #offer() {
    const all = [...this.#studio.tray.latents, ...this.#studio.wall.some(2 * PARTNERS)];
    const others = new Map(all.map((latent) => [keyOf(latent), latent]));
    for (const shown of [this.#studio.story.current.latent, this.#a, this.#b])
      others.delete(shown && keyOf(shown));
    const offered = [...others.values()].slice(0, PARTNERS);
    the("partners").replaceChildren(...offered.map((latent) => makeCard(latent, (other) => this.with(other))));
    this.#settlePartners();
  }
}
