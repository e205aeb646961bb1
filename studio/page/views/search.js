// Looking for somebody: of many characters those that words are most true of.

import { EXAMPLES, lookAt, parseWords, rank } from "../model/words.js";
import { text } from "../messages/text.js";
import { byId } from "../ui/dom.js";

/** Characters looked at for each lot that is shown. */
export const POOL = 240;
const TELL_EVERY = 40; // a screen reader says each

export class Search {
  #studio;
  #wishes = [];
  #known = "";
  #unknownText = "";

  /** `onChange` is called when something else is looked for, or nothing any more. */
  constructor(studio, onChange) {
    this.#studio = studio;
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#read()) onChange();
    });
    byId("search-words").addEventListener("input", () => {
      if (byId("search-words").value.trim() || !this.active) return;
      this.#wishes = [];
      this.#tell("");
      onChange();
    });
  }

  get active() {
    return this.#wishes.length > 0;
  }

  /** The indices of the `count` best of a pool of latents, which `latentAt(index)` gives for 0 to POOL. */
  async best(count, latentAt, signal) {
    const latents = Array.from({ length: POOL }, (_, index) => latentAt(index));
    const measured = [];
    let done = 0;
    const tell = () => this.#tell(text("search.looking", { done, count: POOL }));
    const look = (index, pixels) => {
      measured[index] = lookAt(pixels, this.#studio.info.size_px);
      if (++done % TELL_EVERY === 0) tell();
    };
    tell();
    await this.#studio.images.draw(latents, look, signal);
    signal.throwIfAborted();
    const indices = rank(measured, this.#wishes).slice(0, count);
    this.#tell(text("search.found", { words: this.#known, count: POOL }) + this.#unknownText);
    return indices;
  }

  #tell(message) {
    byId("search-text").textContent = message;
  }

  /** Take the words; whether there is something to look for. */
  #read() {
    const { known, wishes, unknown } = parseWords(byId("search-words").value);
    const quoted = unknown.map((word) => text("search.quoted", { word })).join(", ");
    this.#unknownText = unknown.length ? ` ${text("search.unknown", { words: quoted })}` : "";
    if (!wishes.length) {
      this.#tell(`${this.#unknownText} ${text("search.try", { words: EXAMPLES.join(", ") })}`.trim());
      return false;
    }
    this.#wishes = wishes;
    this.#known = known.join(" ").replace(/^./u, (first) => first.toUpperCase());
    return true;
  }
}
