// What is decided on pictures: written in order, shown once it is written, and taken back step by step, also after a
// build and a reload.

import { load, save } from "../ui/storage.js";
import { decide } from "./api.js";

const MOST_AT_ONCE = 1500; // the server takes 2,000
const MOST_STEPS = 50;
const STORED = "sessionStorage"; // another tab has steps of its own
const NOTHING = { leave_out: false, crop: null, turn_degrees: 0, group: null };

/** What is decided on a picture, in full. */
export const decisionOn = (picture) => ({ ...NOTHING, ...picture.decision });

const line = (picture, decision) => {
  const named = { sha256: picture.sha256 };
  if (picture.frame) Object.assign(named, { frame: picture.frame, cell: picture.cell ?? "" });
  for (const [name, none] of Object.entries(NOTHING)) if (decision[name] !== none) named[name] = decision[name];
  return named;
};

const keyOf = ({ sha256, frame = 0, cell = "" }) => `${sha256} ${frame} ${cell}`;

export class Decisions {
  #folder;
  #steps;
  #pictures;
  #writing = Promise.resolve();

  constructor(folder) {
    this.#folder = folder;
    this.#steps = load(this.#storedAs, [], STORED).filter(Array.isArray);
  }

  get #storedAs() {
    return `vgc-undo ${this.#folder}`;
  }

  /** The set's pictures, when it is loaded and after each build; a copy goes by the key of the one that stays. */
  set pictures(all) {
    this.#pictures = new Map(all.filter((each) => each.sha256 && !each.duplicate_of).map((each) => [keyOf(each), each]));
  }

  get canUndo() {
    return this.#steps.length > 0;
  }

  /** Change the decisions on pictures by a function of each; gives how many were changed. Rejects where not all were. */
  change(pictures, changed) {
    return this.#inTurn(async () => {
      const step = pictures
        .filter((picture) => picture.sha256)
        .map((picture) => ({ key: keyOf(picture), before: decisionOn(picture), after: { ...decisionOn(picture), ...changed(picture) } }))
        .filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
      const unwritten = [...step];
      try {
        await this.#write(unwritten, "after");
      } finally {
        this.#push(step.slice(0, step.length - unwritten.length));
      }
      return step.length;
    });
  }

  /** Take the last step back; gives how many pictures that were. Rejects where not all of it was. */
  undo() {
    return this.#inTurn(async () => {
      const step = (this.#steps.pop() ?? []).filter(({ key }) => this.#pictures.has(key));
      const count = step.length;
      try {
        await this.#write(step, "before");
      } finally {
        this.#push(step);
      }
      return count;
    });
  }

  /** Once all is written, or failed. */
  written() {
    return this.#writing;
  }

  #push(step) {
    if (step.length) this.#steps = [...this.#steps, step].slice(-MOST_STEPS);
    save(this.#storedAs, this.#steps, STORED);
  }

  #inTurn(work) {
    const done = this.#writing.then(work);
    this.#writing = done.catch(() => {});
    return done;
  }

  /** Write one side of a step, as many pictures at once as the server takes; those that are written leave the step. */
  async #write(step, side) {
    while (step.length) {
      const part = step.slice(0, MOST_AT_ONCE);
      const pictures = part.map(({ key }) => this.#pictures.get(key));
      await decide(this.#folder, part.map((each, index) => line(pictures[index], each[side])));
      part.forEach((each, index) => (pictures[index].decision = each[side]));
      step.splice(0, part.length);
    }
  }
}
