// Shape: the directions that the network itself knows, each with a picture to both sides.

import { show } from "./cards.js";
import { icon, make, remember, remembered, the } from "./dom.js";
import { amountOf, latentOf, withAmounts } from "./genetics.js";
import { looksOf } from "./portrait.js";
import { say, trouble } from "./voice.js";

const RANGE = 3;
const STEP = 1;

export class Traits {
  #studio;
  #directions = [];
  #rows = [];
  #names;
  #locks = new Set();
  #pending = null; // the character where a slider is, until it is let go
  #drawn = new AbortController();

  constructor(studio) {
    this.#studio = studio;
    this.#names = remembered(this.#namesKey, {});
    this.#find();
    document.addEventListener("back", () => this.#rows.length || this.#find());
    studio.story.addEventListener("change", () => this.#follow());
    the("reroll-rest").addEventListener("click", () => studio.reroll());
  }

  get #namesKey() {
    return `vgc-traits-${this.#studio.info.hash.slice(0, 8)}`;
  }

  get anyLocked() {
    return this.#locks.size > 0;
  }

  /** `latent` with the locked traits of `model`. */
  locked(latent, model) {
    const vectors = [...this.#locks].map((place) => this.#vector(place));
    const amounts = vectors.map((vector) => amountOf(model, vector));
    return latentOf(withAmounts(latent, vectors, amounts), this.#studio.info.latent_bound);
  }

  /** Paint what lies to both sides of each trait. */
  async refresh() {
    this.#drawn.abort();
    this.#drawn = new AbortController();
    const { signal } = this.#drawn;
    const { latent } = this.#studio.story.current;
    const sides = this.#rows.flatMap((_, place) => [-STEP, STEP].map((by) => this.#moved(latent, place, by)));
    const side = this.#studio.info.size_px;
    try {
      await this.#studio.artist.paint(
        sides,
        (at, rgb) => {
          const { less, more, title } = this.#rows[at >> 1];
          const button = at % 2 ? more : less;
          show(button.querySelector("canvas"), rgb, side);
          button.setAttribute(
            "aria-label",
            `${title.value}, one step ${at % 2 ? "up" : "down"}: ${looksOf(rgb, side)}`,
          );
        },
        signal,
      );
    } catch (error) {
      trouble(error);
    }
  }

  async #find() {
    try {
      this.#directions = await this.#studio.engine.directions();
    } catch (error) {
      return trouble(error);
    }
    this.#rows = this.#directions.map((direction, place) => this.#row(direction, place));
    the("traits").replaceChildren(...this.#rows.map((row) => row.item));
    the("traits-wait").hidden = true;
    if (!this.#studio.story.current) return;
    this.#tell(this.#studio.story.current.latent);
    if (!the("panel-traits").hidden) this.refresh();
  }

  #vector = (place) => this.#directions[place].vector;

  #moved(latent, place, by) {
    const vector = this.#vector(place);
    return this.#at(latent, place, amountOf(latent, vector) + by);
  }

  #at(latent, place, amount) {
    return latentOf(withAmounts(latent, [this.#vector(place)], [amount]), this.#studio.info.latent_bound);
  }

  #row(direction, place) {
    const name = this.#names[place] ?? direction.name;
    const title = make("input", {
      class: "title",
      value: name,
      maxlength: 40,
      "aria-label": `Name of trait ${place + 1}`,
      onchange: () => this.#rename(place),
    });
    const slider = make("input", {
      type: "range",
      min: -RANGE,
      max: RANGE,
      step: 0.1,
      "aria-label": name,
      oninput: () => this.#drag(place),
      onchange: () => this.#release(),
    });
    const value = make("output", { class: "value", "aria-hidden": "true" });
    const lock = make(
      "button",
      {
        class: "small",
        type: "button",
        "aria-pressed": "false",
        "aria-label": `Lock ${name}`,
        title: "Lock",
        onclick: () => this.#lock(place),
      },
      icon("unlock"),
    );
    const reset = make(
      "button",
      {
        class: "small",
        type: "button",
        "aria-label": `Reset ${name}`,
        title: "Reset",
        onclick: () => this.#reset(place),
      },
      icon("reset"),
    );
    const [less, more] = [-STEP, STEP].map((by) => {
      const canvas = make("canvas", { width: 80, height: 80, "aria-hidden": "true" });
      const sign = make("b", { "aria-hidden": "true" }, by < 0 ? "−" : "+");
      return make(
        "button",
        {
          class: "side",
          type: "button",
          "aria-label": `${name}, one step ${by < 0 ? "down" : "up"}`,
          onclick: () => this.#step(place, by),
        },
        canvas,
        sign,
      );
    });
    const item = make(
      "li",
      { class: "trait" },
      less,
      make("div", { class: "middle" }, make("div", { class: "head" }, title, value, lock, reset), slider),
      more,
    );
    return { item, title, slider, value, lock, reset, less, more };
  }

  #follow() {
    this.#pending = null;
    this.#tell(this.#studio.story.current.latent);
  }

  #tell(latent) {
    this.#rows.forEach(({ slider, value }, place) => {
      const amount = amountOf(latent, this.#vector(place));
      if (slider !== document.activeElement || !this.#pending) slider.value = amount;
      value.textContent = (amount < 0 ? "−" : "+") + Math.abs(amount).toFixed(1);
      slider.setAttribute("aria-valuetext", `${amount.toFixed(1)} steps from typical`);
    });
  }

  #drag(place) {
    const { latent } = this.#studio.story.current;
    this.#pending = this.#at(latent, place, this.#rows[place].slider.valueAsNumber);
    this.#tell(this.#pending);
    this.#studio.preview(this.#pending);
  }

  #release() {
    if (this.#pending) this.#studio.story.goOn(this.#pending, "shaped");
  }

  #step(place, by) {
    this.#studio.story.goOn(this.#moved(this.#studio.story.current.latent, place, by), "shaped");
  }

  /** To where the trait was before the character was shaped. */
  #reset(place) {
    const { kind, latent, parent } = this.#studio.story.current;
    const before = kind === "shaped" ? parent.latent : latent;
    this.#studio.story.goOn(this.#at(latent, place, amountOf(before, this.#vector(place))), "shaped");
    say(`${this.#rows[place].title.value}: back to where it was`);
  }

  #lock(place) {
    const { lock, item, title } = this.#rows[place];
    const on = !this.#locks.delete(place);
    if (on) this.#locks.add(place);
    lock.setAttribute("aria-pressed", String(on));
    lock.replaceChildren(icon(on ? "lock" : "unlock"));
    item.classList.toggle("locked", on);
    say(on ? `${title.value} stays as it is when you breed or reroll` : `${title.value} may change again`);
  }

  #rename(place) {
    const { title, slider, lock, reset } = this.#rows[place];
    const name = title.value.trim() || this.#directions[place].name;
    title.value = name;
    this.#names[place] = name;
    remember(this.#namesKey, this.#names);
    slider.setAttribute("aria-label", name);
    lock.setAttribute("aria-label", `Lock ${name}`);
    reset.setAttribute("aria-label", `Reset ${name}`);
    this.refresh();
  }
}
