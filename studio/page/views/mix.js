// Mix: the way from one character to another, on the sphere.

import { nameOf } from "../model/describe.js";
import { latentKey, quantise, slerp } from "../model/latents.js";
import { createCard, drawCards, enableArrowKeys, showPixels } from "../ui/cards.js";
import { byId } from "../ui/dom.js";
import { text } from "../messages/text.js";
import { reportError } from "../ui/messages.js";

const STEPS = 7;
const PARTNERS = 12;

export class Mix {
  #studio;
  #a = null; // the character on the bench when the mixing began
  #b = null;
  #steps;
  #updateTabOrder;
  #drawing = new AbortController();

  constructor(studio) {
    this.#studio = studio;
    this.#steps = Array.from({ length: STEPS }, (_, index) =>
      createCard(null, () => this.#take(index / (STEPS - 1))),
    );
    byId("steps").append(...this.#steps);
    enableArrowKeys(byId("steps"))();
    this.#updateTabOrder = enableArrowKeys(byId("partners"));
    byId("share-of-b").addEventListener("input", () => studio.portrait.preview(this.#at(this.#share)));
    byId("share-of-b").addEventListener("change", () => this.#take(this.#share));
    byId("portrait").addEventListener("dropped", (event) => this.with(event.detail));
    studio.history.addEventListener("change", () => this.#follow());
  }

  /** Mix the character on the bench with another, half and half at first. */
  with(other) {
    this.#a = this.#studio.history.current.latent;
    this.#b = other;
    for (const step of this.#steps) step.shown = null; // they are of other parents yet
    this.#studio.turnTo("mix");
    this.#take(0.5);
    byId("share-of-b").focus({ preventScroll: true });
  }

  /** Draw the parents, the steps between them, and who else there is. */
  async refresh() {
    this.#drawing.abort();
    this.#drawing = new AbortController();
    this.#offerPartners();
    this.#showParents();
    try {
      if (this.#b) await this.#drawSteps();
      await this.#draw([...byId("partners").children], () => text("mix.with"));
    } catch (error) {
      reportError(error);
    }
  }

  get #share() {
    return byId("share-of-b").valueAsNumber / 100;
  }

  #at(share) {
    if (share === 0) return this.#a;
    if (share === 1) return this.#b;
    return quantise(slerp(this.#a, this.#b, share), this.#studio.info.latent_bound);
  }

  #take(share) {
    byId("share-of-b").value = Math.round(share * 100);
    this.#studio.history.push(this.#at(share), "mixed", this.#b);
  }

  /** Anything but a step of this mix ends it. */
  #follow() {
    const { kind, other } = this.#studio.history.current;
    if (kind === "mixed" && other === this.#b) return;
    this.#a = this.#b = null;
    this.#showParents();
  }

  /** Slider and steps where there are two parents, else how to come by the second. */
  #showParents() {
    for (const id of ["mixing", "mix-text"]) byId(id).hidden = !this.#b;
    byId("mix-how").hidden = Boolean(this.#b);
  }

  async #drawSteps() {
    const { images, info } = this.#studio;
    byId("mix-text").textContent = text("mix.between", { left: nameOf(this.#a), right: nameOf(this.#b) });
    this.#steps.forEach((card, index) => (card.latent = this.#at(index / (STEPS - 1))));
    const step = (card) => text("mix.step", { step: this.#steps.indexOf(card), steps: STEPS - 1 });
    await this.#draw(this.#steps, step);
    showPixels(byId("mix-a"), await images.drawOne(this.#a, this.#drawing.signal), info.size_px);
    showPixels(byId("mix-b"), await images.drawOne(this.#b, this.#drawing.signal), info.size_px);
  }

  #draw(cards, prefix) {
    const { images, info } = this.#studio;
    return drawCards(images, cards, info.size_px, this.#drawing.signal, prefix);
  }

  #offerPartners() {
    const all = [...this.#studio.tray.latents, ...this.#studio.wall.some(2 * PARTNERS)];
    const others = new Map(all.map((latent) => [latentKey(latent), latent]));
    for (const shown of [this.#studio.history.current.latent, this.#a, this.#b])
      others.delete(shown && latentKey(shown));
    const offered = [...others.values()].slice(0, PARTNERS);
    byId("partners").replaceChildren(...offered.map((latent) => createCard(latent, (other) => this.with(other))));
    this.#updateTabOrder();
  }
}
