// The family line: where the character on the bench came from; a click goes back there.

import { makeCard, paintCards, show } from "./cards.js";
import { decode, encode } from "./codes.js";
import { make, remember, remembered, the } from "./dom.js";
import { trouble } from "./voice.js";

const WORDS = {
  picked: "picked",
  opened: "opened",
  child: "child",
  shaped: "shaped",
  mixed: "mixed",
  reroll: "rerolled",
};
const KEPT_KEY = "vgc-line";

export class Family {
  #studio;
  #drawn = new AbortController();

  constructor(studio) {
    this.#studio = studio;
    studio.story.addEventListener("change", () => this.#keep());
  }

  /** The line that stood here before a reload, if it ends with this code. */
  before(code) {
    const line = remembered(KEPT_KEY, [], "sessionStorage");
    if (line.at(-1)?.code !== code) return null;
    try {
      return line.map(({ code: own, kind, other }) => ({
        kind,
        latent: decode(own, this.#studio.info),
        other: other && decode(other, this.#studio.info),
      }));
    } catch {
      return null;
    }
  }

  /** Paint the line. */
  async refresh() {
    this.#drawn.abort();
    this.#drawn = new AbortController();
    const { artist, info, story } = this.#studio;
    const nodes = story.line();
    const cards = nodes.map((node) => makeCard(node.latent, () => story.goTo(node)));
    const focused = the("family").contains(document.activeElement);
    the("family").replaceChildren(...nodes.map((node, place) => this.#item(node, cards[place])));
    cards.at(-1).setAttribute("aria-current", "step");
    if (focused) cards.at(-1).focus();
    the("family").scrollLeft = the("family").scrollWidth;
    try {
      const said = (card) => `${WORDS[nodes[cards.indexOf(card)].kind]}, `;
      await paintCards(artist, cards, info.size_px, this.#drawn.signal, said);
      for (const canvas of the("family").querySelectorAll(".other")) {
        show(canvas, await artist.one(canvas.latent, this.#drawn.signal), info.size_px);
      }
    } catch (error) {
      trouble(error);
    }
  }

  #item(node, card) {
    const item = make("li", {}, card, make("span", { class: "how", "aria-hidden": "true" }, WORDS[node.kind]));
    if (node.other) {
      const other = make("canvas", { class: "other", width: 80, height: 80, "aria-hidden": "true" });
      other.latent = node.other;
      item.append(other);
    }
    return item;
  }

  #keep() {
    const code = (latent) => encode(this.#studio.info.hash, latent);
    const line = this.#studio.story
      .line()
      .map(({ latent, kind, other }) => ({ code: code(latent), kind, other: other && code(other) }));
    remember(KEPT_KEY, line, "sessionStorage");
  }
}
