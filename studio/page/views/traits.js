// Shape: traits with names, and what else the network varies, each with an image to both sides.

import { describe } from "../model/describe.js";
import { amountAlong, quantise, withAmounts } from "../model/latents.js";
import { HASH_DIGITS } from "../model/share_codes.js";
import { showPixels } from "../ui/cards.js";
import { byId, createElement, icon } from "../ui/dom.js";
import { announce, reportError } from "../ui/messages.js";
import { text, textOr } from "../messages/text.js";
import { load, save } from "../ui/storage.js";

const RANGE = 3;
const STEP = 1;

const freeNumber = (direction) => direction.name.match(/^Trait (\d+)$/)?.[1];

/** What a direction is called before anybody renames it. */
function ownName(direction) {
  const number = freeNumber(direction);
  return number ? text("trait", { number }) : textOr(`trait.${direction.name.toLowerCase()}`, direction.name);
}

const stepLabel = (name, by) => text(by < 0 ? "shape.step-down" : "shape.step-up", { name });

export class Traits {
  #studio;
  #directions = [];
  #loading = false;
  #rows = [];
  #names;
  #locks = new Set();
  #pending = null; // the character where a slider is, until it is let go
  #drawing = new AbortController();

  constructor(studio) {
    this.#studio = studio;
    this.#names = load(this.#namesKey, {}); // by the trait's own name; those of earlier pages by the free one's number
    document.addEventListener("engine-back", () => studio.history.current && this.#loadDirections());
    studio.history.addEventListener("change", () => this.#follow());
    byId("reroll-rest").addEventListener("click", () => studio.reroll());
  }

  get #namesKey() {
    return `vgc-traits-${this.#studio.info.hash.slice(0, HASH_DIGITS)}`;
  }

  get anyLocked() {
    return this.#locks.size > 0;
  }

  /** `latent` with the locked traits of `original`. */
  withLocked(latent, original) {
    const vectors = [...this.#locks].map((index) => this.#vector(index));
    const amounts = vectors.map((vector) => amountAlong(original, vector));
    return quantise(withAmounts(latent, vectors, amounts), this.#studio.info.latent_bound);
  }

  /** Draw what lies to both sides of each trait. */
  async refresh() {
    this.#drawing.abort();
    this.#drawing = new AbortController();
    const { signal } = this.#drawing;
    const { latent } = this.#studio.history.current;
    const sides = this.#rows.flatMap((_, index) => [-STEP, STEP].map((by) => this.#moved(latent, index, by)));
    const side = this.#studio.info.size_px;
    try {
      await this.#studio.images.draw(
        sides,
        (index, rgb) => {
          const { less, more, title } = this.#rows[index >> 1];
          const button = index % 2 ? more : less;
          showPixels(button.querySelector("canvas"), rgb, side);
          const way = stepLabel(title.value, index % 2 ? STEP : -STEP);
          button.setAttribute("aria-label", text("card", { name: way, looks: describe(rgb, side) }));
        },
        signal,
      );
    } catch (error) {
      reportError(error);
    }
  }

  /** Once somebody looks at a character: to find them may take the engine seconds. */
  async #loadDirections() {
    if (this.#loading) return;
    this.#loading = true;
    try {
      this.#directions = await this.#studio.engine.directions();
    } catch (error) {
      this.#loading = false;
      return reportError(error);
    }
    this.#rows = this.#directions.map((direction, index) => this.#row(direction, index));
    const isFree = (_, index) => this.#directions[index].correlation === null;
    const items = this.#rows.map((row) => row.item);
    byId("traits").replaceChildren(...items.filter((...row) => !isFree(...row)));
    byId("free-traits").replaceChildren(...items.filter(isFree));
    byId("traits-free").hidden = !items.some(isFree);
    byId("traits-wait").hidden = true;
    this.#showAmounts(this.#studio.history.current.latent);
    if (!byId("panel-traits").hidden) this.refresh();
  }

  #vector = (index) => this.#directions[index].vector;

  #moved(latent, index, by) {
    const vector = this.#vector(index);
    return this.#at(latent, index, amountAlong(latent, vector) + by);
  }

  #at(latent, index, amount) {
    return quantise(withAmounts(latent, [this.#vector(index)], [amount]), this.#studio.info.latent_bound);
  }

  #row(direction, index) {
    const renamed = this.#names[direction.name] ?? this.#names[freeNumber(direction) - 1];
    const name = typeof renamed === "string" ? renamed : ownName(direction);
    const title = createElement("input", {
      class: "title",
      value: name,
      maxlength: 40,
      "aria-label": text("shape.name", { number: index + 1 }),
      onchange: () => this.#rename(index),
    });
    const slider = createElement("input", {
      type: "range",
      min: -RANGE,
      max: RANGE,
      step: 0.1,
      "aria-label": name,
      oninput: () => this.#drag(index),
      onchange: () => this.#release(),
    });
    const value = createElement("output", { class: "value", "aria-hidden": "true" });
    const lock = this.#smallButton("lock", name, "unlock", () => this.#lock(index));
    const reset = this.#smallButton("reset", name, "reset", () => this.#reset(index));
    const [less, more] = [-STEP, STEP].map((by) => this.#stepButton(name, by, () => this.#step(index, by)));
    const head = createElement("div", { class: "head" }, title, value, lock, reset);
    const middle = createElement("div", { class: "middle" }, head, slider);
    const item = createElement("li", { class: "trait" }, less, middle, more);
    return { item, title, slider, value, lock, reset, less, more };
  }

  #smallButton(verb, name, iconName, onclick) {
    const labels = { "aria-label": text(`shape.${verb}-one`, { name }), title: text(`shape.${verb}`) };
    const attributes = { type: "button", ...labels, onclick };
    if (verb === "lock") attributes["aria-pressed"] = "false";
    return createElement("button", { class: "small", ...attributes }, icon(iconName));
  }

  #stepButton(name, by, onclick) {
    const canvas = createElement("canvas", { width: 80, height: 80, "aria-hidden": "true" });
    const sign = createElement("b", { "aria-hidden": "true" }, by < 0 ? "−" : "+");
    const label = stepLabel(name, by);
    return createElement("button", { class: "side", type: "button", "aria-label": label, onclick }, canvas, sign);
  }

  #follow() {
    this.#loadDirections();
    this.#pending = null;
    this.#showAmounts(this.#studio.history.current.latent);
  }

  #showAmounts(latent) {
    this.#rows.forEach(({ slider, value }, index) => {
      const amount = amountAlong(latent, this.#vector(index));
      if (slider !== document.activeElement || !this.#pending) slider.value = amount;
      value.textContent = (amount < 0 ? "−" : "+") + Math.abs(amount).toFixed(1);
      slider.setAttribute("aria-valuetext", text("shape.amount", { amount: amount.toFixed(1) }));
    });
  }

  #drag(index) {
    const { latent } = this.#studio.history.current;
    this.#pending = this.#at(latent, index, this.#rows[index].slider.valueAsNumber);
    this.#showAmounts(this.#pending);
    this.#studio.portrait.preview(this.#pending);
  }

  #release() {
    if (this.#pending) this.#studio.history.push(this.#pending, "shaped");
  }

  #step(index, by) {
    this.#studio.history.push(this.#moved(this.#studio.history.current.latent, index, by), "shaped");
  }

  /** To where the trait was before the character was shaped. */
  #reset(index) {
    const { kind, latent, parent } = this.#studio.history.current;
    const before = kind === "shaped" ? parent.latent : latent;
    this.#studio.history.push(this.#at(latent, index, amountAlong(before, this.#vector(index))), "shaped");
    announce(text("shape.was-reset", { name: this.#rows[index].title.value }));
  }

  #lock(index) {
    const { lock, item, title } = this.#rows[index];
    const on = !this.#locks.delete(index);
    if (on) this.#locks.add(index);
    lock.setAttribute("aria-pressed", String(on));
    lock.replaceChildren(icon(on ? "lock" : "unlock"));
    item.classList.toggle("locked", on);
    announce(text(on ? "shape.was-locked" : "shape.was-unlocked", { name: title.value }));
  }

  #rename(index) {
    const { title, slider, lock, reset } = this.#rows[index];
    const name = title.value.trim() || ownName(this.#directions[index]);
    title.value = name;
    this.#names[this.#directions[index].name] = name;
    save(this.#namesKey, this.#names);
    slider.setAttribute("aria-label", name);
    lock.setAttribute("aria-label", text("shape.lock-one", { name }));
    reset.setAttribute("aria-label", text("shape.reset-one", { name }));
    this.refresh();
  }
}
