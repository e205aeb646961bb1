// The character on the bench, how it came there, and the ways back: undo, redo, and its ancestors.

/**
 * @typedef {object} Node
 * @property {Float32Array} latent
 * @property {"picked" | "opened" | "child" | "shaped" | "mixed" | "reroll"} kind how it came to be
 * @property {Node | null} parent
 * @property {Float32Array | null} other the second parent of a mix
 */

const MAX_UNDO = 200;
/** Steps that refine the same thing stand once in the lineage; undo still takes them one by one. */
const REFINING = new Set(["shaped", "mixed"]);

export class EditHistory extends EventTarget {
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

  /** A character without parents, from the wall, the tray or a code: a new lineage begins. */
  start(latent, kind) {
    this.#enter({ latent, kind, parent: null, other: null });
  }

  /** The character on the bench turns into another. */
  push(latent, kind, other = null) {
    const refines = REFINING.has(kind) && this.current.kind === kind && this.current.other === other;
    this.#enter({ latent, kind, other, parent: refines ? this.current.parent : this.current });
  }

  /** Back to an ancestor. */
  returnTo(node) {
    if (node !== this.current) this.#enter(node);
  }

  undo() {
    if (this.canUndo) this.#move(this.#past, this.#future);
  }

  redo() {
    if (this.canRedo) this.#move(this.#future, this.#past);
  }

  /** The character's ancestors along its first parents, oldest first, itself last. */
  lineage() {
    const nodes = [];
    for (let node = this.current; node; node = node.parent) nodes.unshift(node);
    return nodes;
  }

  /** Take up a lineage again, as `lineage` gave it. */
  restore(nodes) {
    let parent = null;
    for (const { latent, kind, other } of nodes) parent = { latent, kind, other, parent };
    this.#enter(parent);
  }

  #enter(node) {
    if (this.current) this.#past.push(this.current);
    if (this.#past.length > MAX_UNDO) this.#past.shift();
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
