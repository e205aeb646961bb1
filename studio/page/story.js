// The character on the bench, how it came there, and the ways back: undo, and the line of its ancestors.

/**
 * @typedef {object} Node
 * @property {Float32Array} latent
 * @property {"picked" | "opened" | "child" | "shaped" | "mixed" | "reroll"} kind how it came to be
 * @property {Node | null} parent
 * @property {Float32Array | null} other the second parent of a mix
 */

const MOST_STEPS = 200;
/** Steps that refine the same thing stand once in the family line; undo still takes them one by one. */
const REFINING = new Set(["shaped", "mixed"]);

export class Story extends EventTarget {
  #past = [];
  #future = [];
  /** @type {Node | null} */
  current = null;

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** A character without parents, from the wall, the tray or a code: a new family begins. */
  begin(latent, kind) {
    this.#become({ latent, kind, parent: null, other: null });
  }

  /** The character on the bench turns into another. */
  goOn(latent, kind, other = null) {
    const refines = REFINING.has(kind) && this.current.kind === kind && this.current.other === other;
    this.#become({ latent, kind, other, parent: refines ? this.current.parent : this.current });
  }

  /** Back to an ancestor. */
  goTo(node) {
    if (node !== this.current) this.#become(node);
  }

  undo() {
    if (this.canUndo) this.#move(this.#past, this.#future);
  }

  redo() {
    if (this.canRedo) this.#move(this.#future, this.#past);
  }

  /** The character's ancestors along its first parents, oldest first, itself last. */
  line() {
    const line = [];
    for (let node = this.current; node; node = node.parent) line.unshift(node);
    return line;
  }

  /** Take up a line again, as `line` gave it. */
  restore(line) {
    let parent = null;
    for (const { latent, kind, other } of line) parent = { latent, kind, other, parent };
    this.#become(parent);
  }

  #become(node) {
    if (this.current) this.#past.push(this.current);
    if (this.#past.length > MOST_STEPS) this.#past.shift();
    this.#future = [];
    this.#set(node);
  }

  #move(from, to) {
    to.push(this.current);
    this.#set(from.pop());
  }

  #set(node) {
    this.current = node;
    this.dispatchEvent(new Event("change"));
  }
}
