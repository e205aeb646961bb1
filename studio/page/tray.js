// The tray: characters to keep, over a reload and in every tab of this browser.

import { keyOf } from "./artist.js";
import { makeCard, paintCards } from "./cards.js";
import { CodeError, decode, encode } from "./codes.js";
import { icon, make, remember, remembered, the } from "./dom.js";
import { nameOf } from "./portrait.js";
import { say, trouble } from "./voice.js";

const MOST_KEPT = 200;

export class Tray {
  #studio;
  /** Latents, the newest first. */
  latents = [];

  constructor(studio) {
    this.#studio = studio;
    the("keep").addEventListener("click", () => this.toggle(studio.story.current.latent));
    document
      .querySelector(".tray")
      .addEventListener("dropped", (event) => this.has(event.detail) || this.toggle(event.detail));
    addEventListener("storage", ({ key }) => key === this.#key && this.#load());
    document.addEventListener("back", () => this.#refresh());
    this.#load();
  }

  has(latent) {
    return this.latents.some((kept) => keyOf(kept) === keyOf(latent));
  }

  /** Keep a character, or no longer. */
  toggle(latent) {
    const had = this.has(latent);
    if (!had && this.latents.length >= MOST_KEPT) return say(`The tray holds ${MOST_KEPT}; let one go first.`);
    const others = this.latents.filter((kept) => keyOf(kept) !== keyOf(latent));
    this.latents = had ? others : [latent, ...others];
    const kept = remember(
      this.#key,
      this.latents.map((each) => encode(this.#studio.info.hash, each)),
    );
    if (!kept) say("This browser keeps nothing; copy the link of what you want to see again.");
    else say(had ? `${nameOf(latent)} is let go` : `${nameOf(latent)} is kept`);
    this.#refresh();
  }

  /** Whether the character on the bench is kept, on its button. */
  follow() {
    const kept = this.has(this.#studio.story.current.latent);
    the("keep").setAttribute("aria-pressed", String(kept));
    the("keep").querySelector("span").textContent = kept ? "Kept" : "Keep";
  }

  get #key() {
    return `vgc-kept-${this.#studio.info.hash.slice(0, 8)}`;
  }

  #load() {
    this.latents = remembered(this.#key, []).flatMap((code) => {
      try {
        return [decode(code, this.#studio.info)];
      } catch (error) {
        if (error instanceof CodeError) return [];
        throw error;
      }
    });
    this.#refresh();
  }

  async #refresh() {
    const cards = this.latents.map((latent) => makeCard(latent, (wanted) => this.#studio.begin(wanted, "opened")));
    const focused = the("tray").contains(document.activeElement);
    the("tray").replaceChildren(...cards.map((card) => make("li", {}, card, this.#farewell(card.latent))));
    the("tray").hidden = !cards.length;
    the("tray-empty").hidden = cards.length > 0;
    the("tray-count").textContent = cards.length || "";
    if (focused) (cards[0] ?? the("main")).focus({ preventScroll: true });
    if (this.#studio.story.current) this.follow();
    try {
      await paintCards(this.#studio.artist, cards, this.#studio.info.size_px, undefined, () => "Kept: ");
    } catch (error) {
      trouble(error);
    }
  }

  #farewell(latent) {
    const words = `Let ${nameOf(latent)} go`;
    return make(
      "button",
      { class: "away", type: "button", "aria-label": words, title: words, onclick: () => this.toggle(latent) },
      icon("cross"),
    );
  }
}
