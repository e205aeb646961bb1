// The wall: characters without end, from alike to surprising; each is drawn when it is seen. Or those that words pick.

import { quantise } from "../model/latents.js";
import { gaussian, randomSeed } from "../model/random.js";
import { createCard, drawCards, enableArrowKeys } from "../ui/cards.js";
import { byId } from "../ui/dom.js";
import { latestOnly } from "../ui/latest_only.js";
import { reportError } from "../ui/messages.js";
import { POOL, Search } from "./search.js";

const BATCH = 24;
const AHEAD = "400px";

export class Wall {
  #studio;
  #cards = [];
  #stale = new Set();
  #updateTabOrder;
  #seed = randomSeed();
  #next = 0; // how many seeds are taken
  #search;
  #drawing = new AbortController();
  #observer;
  #visible = new Set();
  #draw = latestOnly(async () => {
    const wanted = this.#cards.filter((card) => this.#visible.has(card) && this.#stale.has(card));
    if (!wanted.length) return;
    try {
      await drawCards(this.#studio.images, wanted, this.#studio.info.size_px, this.#drawing.signal);
      for (const card of wanted) this.#stale.delete(card);
    } catch (error) {
      reportError(error);
    }
  });

  constructor(studio) {
    this.#studio = studio;
    this.#updateTabOrder = enableArrowKeys(byId("wall-grid"));
    this.#observer = new IntersectionObserver((entries) => this.#updateVisible(entries), { rootMargin: AHEAD });
    this.#search = new Search(studio, () => this.#restart());
    addEventListener("scroll", () => this.#growAtEnd(), { once: true });
    byId("more").addEventListener("click", () => this.more());
    byId("fresh").addEventListener("click", () => this.fresh());
    byId("truncation").addEventListener("input", () => this.redraw());
    document.addEventListener("engine-back", () => this.#draw());
    this.more();
  }

  /** How far from the typical character, a factor on the latents. */
  get truncation() {
    return byId("truncation").valueAsNumber / 100;
  }

  /** A few characters that stand on the wall, to mix with. */
  some(count) {
    return this.#cards.slice(0, count).map((card) => card.latent);
  }

  /** A new wall. */
  fresh() {
    this.#seed = randomSeed();
    if (this.#search.active) this.#restart();
    else this.redraw();
    byId("wall-grid").scrollIntoView({ block: "nearest" });
  }

  /** The same characters, nearer to the typical one or farther. */
  redraw() {
    this.#stopDrawing();
    for (const card of this.#cards) {
      card.latent = this.#latent(card.nth);
      this.#stale.add(card);
    }
    this.#draw();
  }

  /** Add a wall's worth. */
  async more() {
    const start = this.#next;
    if (!this.#search.active) {
      this.#next += BATCH;
      return this.#add(Array.from({ length: BATCH }, (_, index) => start + index));
    }
    this.#next += POOL;
    const latentAt = (index) => this.#latent(start + index);
    try {
      const best = await this.#search.best(BATCH, latentAt, this.#drawing.signal);
      if (start === 0) this.#clear(); // what stood there until now
      this.#add(best.map((index) => start + index));
    } catch (error) {
      reportError(error);
    }
  }

  #stopDrawing() {
    this.#drawing.abort();
    this.#drawing = new AbortController();
  }

  #restart() {
    this.#stopDrawing();
    this.#next = 0;
    if (!this.#search.active) this.#clear();
    this.more();
  }

  #clear() {
    for (const card of this.#cards.splice(0)) {
      this.#observer.unobserve(card);
      card.remove();
    }
    this.#stale.clear();
    this.#visible.clear();
  }

  /** A card for each of some numbers. */
  #add(numbers) {
    for (const nth of numbers) {
      const card = createCard(this.#latent(nth), (latent) => this.#studio.begin(latent, "picked"));
      card.nth = nth;
      this.#cards.push(card);
      this.#stale.add(card);
      this.#observer.observe(card);
      byId("wall-grid").append(card);
    }
    this.#updateTabOrder();
  }

  #latent(nth) {
    const { latent_dim: dim, latent_bound: bound } = this.#studio.info;
    return quantise(
      gaussian(this.#seed + nth, dim).map((value) => value * this.truncation),
      bound,
    );
  }

  #growAtEnd() {
    const end = byId("wall-end");
    const watch = new IntersectionObserver(
      async ([{ isIntersecting }]) => {
        if (!isIntersecting) return;
        await this.more();
        watch.unobserve(end); // seen anew, it tells again where it is: on a tall screen still in sight
        watch.observe(end);
      },
      { rootMargin: AHEAD },
    );
    watch.observe(end);
  }

  #updateVisible(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#visible.add(target);
      else this.#visible.delete(target);
    }
    this.#draw();
  }
}
