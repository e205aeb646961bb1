// The tray: characters to keep, over a reload and in every tab of this browser.

import { nameOf } from "../model/describe.js";
import { latentKey } from "../model/latents.js";
import { CodeError, HASH_DIGITS, decode, encode } from "../model/share_codes.js";
import { createCard, drawCards } from "../ui/cards.js";
import { byId, createElement, icon } from "../ui/dom.js";
import { announce, reportError } from "../ui/messages.js";
import { text } from "../messages/text.js";
import { keysFrom, load, save } from "../ui/storage.js";

const MAX_KEPT = 200;
const KEPT = "vgc-kept-";

export class Tray {
  #studio;
  /** Latents, the newest first. */
  latents = [];

  constructor(studio) {
    this.#studio = studio;
    byId("keep").addEventListener("click", () => this.toggle(studio.history.current.latent));
    document
      .querySelector(".tray")
      .addEventListener("dropped", (event) => this.has(event.detail) || this.toggle(event.detail));
    addEventListener("storage", ({ key }) => key === this.#key && this.#load());
    document.addEventListener("engine-back", () => this.#refresh());
    this.#load();
  }

  has(latent) {
    return this.latents.some((kept) => latentKey(kept) === latentKey(latent));
  }

  /** Keep a character, or no longer. */
  toggle(latent) {
    const had = this.has(latent);
    if (!had && this.latents.length >= MAX_KEPT) return announce(text("tray.full", { count: MAX_KEPT }));
    const others = this.latents.filter((kept) => latentKey(kept) !== latentKey(latent));
    this.latents = had ? others : [latent, ...others];
    const stored = save(
      this.#key,
      this.latents.map((each) => encode(this.#studio.info.hash, each)),
    );
    if (!stored) announce(text("tray.not-stored"));
    else announce(text(had ? "tray.let-go" : "tray.kept", { name: nameOf(latent) }));
    this.#refresh();
  }

  /** Whether the character on the bench is kept, on its button. */
  updateButton() {
    const kept = this.has(this.#studio.history.current.latent);
    byId("keep").setAttribute("aria-pressed", String(kept));
    byId("keep").querySelector("span").textContent = text(kept ? "portrait.kept" : "portrait.keep");
  }

  get #key() {
    return KEPT + this.#studio.info.hash.slice(0, HASH_DIGITS);
  }

  #load() {
    const codes = load(this.#key, []).filter((code) => typeof code === "string");
    const kept = [...new Set(codes)].flatMap((code) => {
      try {
        return [decode(code, this.#studio.info)];
      } catch (error) {
        if (error instanceof CodeError) return [];
        throw error;
      }
    });
    this.latents = kept.slice(0, MAX_KEPT);
    this.#tellOthers();
    this.#refresh();
  }

  /** What is kept of other models is still there: say how it can be seen. */
  #tellOthers() {
    const texts = keysFrom(KEPT)
      .map((key) => ({ count: load(key, []).length, model: key.slice(KEPT.length), isOwn: key === this.#key }))
      .filter(({ count, isOwn }) => count && !isOwn)
      .map(({ count, model }) => {
        const name = this.#studio.info.pretrained[model] ?? "…";
        return text("tray.others", { count, name });
      });
    byId("tray-others").textContent = texts.join("; ");
    byId("tray-others").hidden = !texts.length;
  }

  async #refresh() {
    const cards = this.latents.map((latent) =>
      createCard(latent, (picked) => this.#studio.begin(picked, "opened")),
    );
    const focused = byId("tray").contains(document.activeElement);
    byId("tray").replaceChildren(
      ...cards.map((card) => createElement("li", {}, card, this.#removeButton(card.latent))),
    );
    byId("tray").hidden = !cards.length;
    byId("tray-empty").hidden = cards.length > 0;
    byId("tray-count").textContent = cards.length || "";
    if (focused) (cards[0] ?? byId("main")).focus({ preventScroll: true });
    if (this.#studio.history.current) this.updateButton();
    try {
      await drawCards(this.#studio.images, cards, this.#studio.info.size_px, undefined, () => text("tray.card"));
    } catch (error) {
      reportError(error);
    }
  }

  #removeButton(latent) {
    const label = text("tray.away", { name: nameOf(latent) });
    return createElement(
      "button",
      { class: "away", type: "button", "aria-label": label, title: label, onclick: () => this.toggle(latent) },
      icon("cross"),
    );
  }
}
