// The wall: characters without end, from alike to surprising; each is painted when it is seen.

import { makeCard, paintCards, walkable } from "./cards.js";
import { newest, the } from "./dom.js";
import { freshSeed, gaussian, latentOf } from "./genetics.js";
import { trouble } from "./voice.js";

const AT_FIRST = 24;
const AHEAD = "400px";

export class Wall {
  #studio;
  #cards = [];
  #stale = new Set();
  #settle;
  #seed = freshSeed();
  #drawn = new AbortController();
  #seen;
  #visible = new Set();
  #paint = newest(async () => {
    const wanted = this.#cards.filter((card) => this.#visible.has(card) && this.#stale.has(card));
    if (!wanted.length) return;
    try {
      await paintCards(this.#studio.artist, wanted, this.#studio.info.size_px, this.#drawn.signal);
      for (const card of wanted) this.#stale.delete(card);
    } catch (error) {
      trouble(error);
    }
  });

  constructor(studio) {
    this.#studio = studio;
    this.#settle = walkable(the("wall-grid"));
    this.#seen = new IntersectionObserver((entries) => this.#look(entries), { rootMargin: AHEAD });
    addEventListener("scroll", () => this.#growAtTheEnd(), { once: true });
    the("more").addEventListener("click", () => this.more());
    the("fresh").addEventListener("click", () => this.fresh());
    the("spread").addEventListener("input", () => this.spreadOut());
    document.addEventListener("back", () => this.#paint());
    this.more();
  }

  /** How far from the typical character, a factor on the latents. */
  get spread() {
    return the("spread").valueAsNumber / 100;
  }

  /** A few characters that stand on the wall, to mix with. */
  some(count) {
    return this.#cards.slice(0, count).map((card) => card.latent);
  }

  /** A new wall. */
  fresh() {
    this.#seed = freshSeed();
    this.spreadOut();
    the("wall-grid").scrollIntoView({ block: "nearest" });
  }

  /** The same characters, nearer to the typical one or farther. */
  spreadOut() {
    this.#drawn.abort();
    this.#drawn = new AbortController();
    this.#cards.forEach((card, place) => {
      card.latent = this.#latent(place);
      this.#stale.add(card);
    });
    this.#paint();
  }

  /** Add a wall's worth. */
  more() {
    for (let count = 0; count < AT_FIRST; count++) {
      const card = makeCard(this.#latent(this.#cards.length), (latent) => this.#studio.begin(latent, "picked"));
      this.#cards.push(card);
      this.#stale.add(card);
      this.#seen.observe(card);
      the("wall-grid").append(card);
    }
    this.#settle();
  }

  #latent(place) {
    const { latent_dim: dim, latent_bound: bound } = this.#studio.info;
    return latentOf(
      gaussian(this.#seed + place, dim).map((value) => value * this.spread),
      bound,
    );
  }

  #growAtTheEnd() {
    const end = the("wall-end");
    const watch = new IntersectionObserver(
      ([{ isIntersecting }]) => {
        if (!isIntersecting) return;
        this.more();
        watch.unobserve(end); // seen anew, it tells again where it is: on a tall screen still in sight
        watch.observe(end);
      },
      { rootMargin: AHEAD },
    );
    watch.observe(end);
  }

  #look(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#visible.add(target);
      else this.#visible.delete(target);
    }
    this.#paint();
  }
}
