// The lineage: where the character on the bench came from; a click goes back there.

import { decode, encode } from "../model/share_codes.js";
import { createCard, drawCards, showPixels } from "../ui/cards.js";
import { byId, createElement } from "../ui/dom.js";
import { reportError } from "../ui/messages.js";
import { text } from "../messages/text.js";
import { load, save } from "../ui/storage.js";

const KINDS = ["picked", "opened", "child", "shaped", "mixed", "reroll"];
const STORAGE_KEY = "vgc-line";

export class Lineage {
  #studio;
  #drawing = new AbortController();

  constructor(studio) {
    this.#studio = studio;
    studio.history.addEventListener("change", () => this.#store());
  }

  /** The lineage that stood here before a reload, if it ends with this code; else null. */
  stored(code) {
    const stored = load(STORAGE_KEY, [], "sessionStorage");
    if (stored.at(-1)?.code !== code) return null;
    try {
      return stored.map(({ code: own, kind, other }) => ({
        kind: KINDS.includes(kind) ? kind : "opened",
        latent: decode(own, this.#studio.info),
        other: other && decode(other, this.#studio.info),
      }));
    } catch {
      return null;
    }
  }

  /** Draw it. */
  async refresh() {
    this.#drawing.abort();
    this.#drawing = new AbortController();
    const { images, info, history } = this.#studio;
    const nodes = history.lineage();
    const cards = nodes.map((node) => createCard(node.latent, () => history.returnTo(node)));
    const focused = byId("lineage").contains(document.activeElement);
    byId("lineage").replaceChildren(...nodes.map((node, index) => this.#item(node, cards[index])));
    cards.at(-1).setAttribute("aria-current", "step");
    if (focused) cards.at(-1).focus();
    byId("lineage").scrollLeft = byId("lineage").scrollWidth;
    try {
      const prefix = (card) => `${text(`lineage.${nodes[cards.indexOf(card)].kind}`)}, `;
      await drawCards(images, cards, info.size_px, this.#drawing.signal, prefix);
      for (const canvas of byId("lineage").querySelectorAll(".other")) {
        showPixels(canvas, await images.drawOne(canvas.latent, this.#drawing.signal), info.size_px);
      }
    } catch (error) {
      reportError(error);
    }
  }

  #item(node, card) {
    const item = createElement(
      "li",
      {},
      card,
      createElement("span", { class: "how", "aria-hidden": "true" }, text(`lineage.${node.kind}`)),
    );
    if (node.other) {
      const other = createElement("canvas", { class: "other", width: 80, height: 80, "aria-hidden": "true" });
      other.latent = node.other;
      item.append(other);
    }
    return item;
  }

  #store() {
    const code = (latent) => encode(this.#studio.info.hash, latent);
    const nodes = this.#studio.history
      .lineage()
      .map(({ latent, kind, other }) => ({ code: code(latent), kind, other: other && code(other) }));
    save(STORAGE_KEY, nodes, "sessionStorage");
  }
}
