// A wall of any number of pictures, of which only those in sight exist.

import { createElement } from "../ui/dom.js";

const GAP_PX = 6;
const TILE_PX = 104;
const ROWS_AHEAD = 2;

export class Wall {
  #element;
  #sheet = createElement("div", { role: "presentation", class: "sheet" });
  #describe;
  #items = [];
  #tiles = new Map(); // index → element
  #spare = [];
  #columns = 1;
  #side = TILE_PX;
  #even = false;
  #current = 0;
  #anchor = 0;
  #onSelect;
  selected = new Set();

  /**
   * @param element the scrolling listbox.
   * @param describe gives an item's {src, label, text, badges, classes, turn}.
   * @param onSelect is called when other items are selected.
   */
  constructor(element, describe, onSelect) {
    this.#element = element;
    this.#describe = describe;
    this.#onSelect = onSelect;
    element.append(this.#sheet);
    element.addEventListener("scroll", () => this.#draw(), { passive: true });
    element.addEventListener("click", (event) => this.#click(event));
    element.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#lay()).observe(element);
  }

  /** Show items; `even` keeps two that belong together in one row. */
  show(items, even = false) {
    this.#items = items;
    this.#even = even;
    this.#current = this.#anchor = 0;
    this.selected = new Set();
    this.#element.scrollTop = 0;
    this.#lay();
    this.#onSelect();
  }

  /** More items have come after those that are shown: what is in sight and selected stays. */
  extend(items) {
    this.#items = items;
    this.#lay();
    this.#onSelect();
  }

  /** Once the pictures around what is in sight have come, or will not come. */
  arePicturesThere() {
    return Promise.allSettled([...this.#tiles.values()].map((tile) => tile.firstChild.decode()));
  }

  /** The items have changed, but not their order. */
  refresh() {
    for (const [index, tile] of this.#tiles) this.#fill(tile, index);
  }

  /** What was selected, in order; else the one that the keyboard is on. */
  chosen() {
    return [...this.selected].sort((a, b) => a - b).map((index) => this.#items[index]);
  }

  /** Where two that belong together are in one row: the other one of each that is selected; none where both are. */
  beside() {
    const [chosen, others] = [this.chosen(), [...this.selected].map((index) => this.#items[index ^ 1])];
    return others.some((item) => chosen.includes(item)) ? [] : [...new Set(others)];
  }

  /** Select all, or none. */
  selectAll(wanted = true) {
    this.selected = new Set(wanted ? this.#items.keys() : []);
    this.#selectionChanged();
  }

  #lay() {
    const width = this.#element.clientWidth - 2 * GAP_PX;
    this.#columns = Math.max(2, Math.floor((width + GAP_PX) / (TILE_PX + GAP_PX)));
    if (this.#even) this.#columns -= this.#columns % 2;
    this.#side = Math.floor((width + GAP_PX) / this.#columns) - GAP_PX;
    const rows = Math.ceil(this.#items.length / this.#columns);
    this.#sheet.style.height = `${rows * (this.#side + GAP_PX) + GAP_PX}px`;
    this.#element.style.setProperty("--side", `${this.#side}px`);
    for (const index of [...this.#tiles.keys()]) this.#remove(index);
    this.#draw();
  }

  #draw() {
    const step = this.#side + GAP_PX;
    const first = Math.max(0, Math.floor(this.#element.scrollTop / step) - ROWS_AHEAD) * this.#columns;
    const rows = Math.ceil(this.#element.clientHeight / step) + 2 * ROWS_AHEAD;
    const end = Math.min(this.#items.length, first + rows * this.#columns);
    for (const index of [...this.#tiles.keys()]) if (index < first || index >= end) this.#remove(index);
    for (let index = first; index < end; index++) if (!this.#tiles.has(index)) this.#add(index);
  }

  #remove(index) {
    const tile = this.#tiles.get(index);
    this.#tiles.delete(index);
    tile.hidden = true;
    tile.removeAttribute("id");
    this.#spare.push(tile);
  }

  #add(index) {
    const tile = this.#spare.shift() ?? this.#sheet.appendChild(createTile());
    const step = this.#side + GAP_PX;
    const closer = this.#even ? (GAP_PX / 3) * (index % 2 ? -1 : 1) : 0; // those that belong together
    const [x, y] = [(index % this.#columns) * step + GAP_PX + closer, Math.floor(index / this.#columns) * step + GAP_PX];
    tile.style.transform = `translate(${x}px, ${y}px)`;
    tile.hidden = false;
    tile.index = index;
    tile.id = `picture-${index}`;
    this.#tiles.set(index, tile);
    this.#fill(tile, index);
  }

  #fill(tile, index) {
    const { src, label, text, badges, classes, turn } = this.#describe(this.#items[index]);
    const [image, words, marks] = tile.children;
    if (tile.src !== src) {
      tile.src = src;
      if (src) image.src = src;
      image.hidden = !src;
    }
    image.style.rotate = turn ? `${turn}deg` : "";
    words.textContent = text;
    marks.textContent = badges;
    tile.className = `tile ${classes}`;
    tile.setAttribute("aria-label", label);
    tile.title = label;
    tile.setAttribute("aria-setsize", this.#items.length);
    tile.setAttribute("aria-posinset", index + 1);
    this.#mark(tile, index);
  }

  #mark(tile, index) {
    tile.setAttribute("aria-selected", this.selected.has(index));
    tile.classList.toggle("current", index === this.#current);
  }

  #selectionChanged() {
    for (const [index, tile] of this.#tiles) this.#mark(tile, index);
    if (this.#tiles.has(this.#current)) this.#element.setAttribute("aria-activedescendant", `picture-${this.#current}`);
    this.#onSelect();
  }

  #click(event) {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    const toggles = event.ctrlKey || event.metaKey || event.pointerType === "touch";
    this.#goTo(tile.index, event.shiftKey ? "extend" : toggles ? "toggle" : "only");
  }

  #goTo(index, how) {
    this.#current = index;
    if (how === "extend") {
      const [from, to] = [Math.min(this.#anchor, index), Math.max(this.#anchor, index)];
      for (let each = from; each <= to; each++) this.selected.add(each);
    } else {
      this.#anchor = index;
      if (how === "only") this.selected = new Set([index]);
      else if (how === "toggle" && !this.selected.delete(index)) this.selected.add(index);
    }
    this.#scrollTo(index);
    this.#selectionChanged();
  }

  #scrollTo(index) {
    const step = this.#side + GAP_PX;
    const top = Math.floor(index / this.#columns) * step;
    const { scrollTop, clientHeight } = this.#element;
    if (top < scrollTop) this.#element.scrollTop = top;
    else if (top + step + GAP_PX > scrollTop + clientHeight) this.#element.scrollTop = top + step + GAP_PX - clientHeight;
    this.#draw();
  }

  #key(event) {
    if (event.altKey || !this.#items.length) return;
    const page = Math.max(1, Math.floor(this.#element.clientHeight / (this.#side + GAP_PX))) * this.#columns;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.#columns, ArrowDown: this.#columns, PageUp: -page, PageDown: page };
    const control = event.ctrlKey || event.metaKey;
    const last = this.#items.length - 1;
    let to = { Home: 0, End: last }[event.key] ?? this.#current + (steps[event.key] ?? NaN);
    if (control && event.key === "a") this.selectAll();
    else if (event.key === " ") this.#goTo(this.#current, "toggle");
    else if (event.key === "Escape") this.selectAll(false);
    else if (!Number.isNaN(to)) {
      to = Math.min(last, Math.max(0, to));
      this.#goTo(to, event.shiftKey ? "extend" : control ? "move" : "only");
    } else return;
    event.preventDefault();
  }
}

function createTile() {
  const image = createElement("img", { alt: "", decoding: "async", draggable: "false" });
  const tile = createElement("div", { role: "option", class: "tile" });
  tile.append(image, createElement("span", { class: "words" }), createElement("span", { class: "badges" }));
  return tile;
}
