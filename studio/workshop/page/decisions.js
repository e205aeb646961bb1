// What is decided on pictures: written in order, shown once it is written, and taken back step by step.

import { decide } from "./api.js";

const MOST_AT_ONCE = 1500; // the server takes 2,000
const NOTHING = { leave_out: false, crop: null, turn_degrees: 0, group: null };

/** What is decided on a picture, in full. */
export const decisionOn = (picture) => ({ ...NOTHING, ...picture.decision });

const line = (picture, decision) => {
  const named = { sha256: picture.sha256 };
  if (picture.frame) Object.assign(named, { frame: picture.frame, cell: picture.cell ?? "" });
  for (const [name, none] of Object.entries(NOTHING)) if (decision[name] !== none) named[name] = decision[name];
  return named;
};

export class Decisions {
  #folder;
  #steps = [];
  #writing = Promise.resolve();

  constructor(folder) {
    this.#folder = folder;
  }

  get canUndo() {
    return this.#steps.length > 0;
  }

  /** Change the decisions on pictures by a function of each; gives how many were changed. Rejects where not all were. */
  change(pictures, changed) {
    return this.#inTurn(async () => {
      const step = pictures
        .filter((picture) => picture.sha256)
        .map((picture) => ({ picture, before: decisionOn(picture), after: { ...decisionOn(picture), ...changed(picture) } }))
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
      const step = this.#steps.pop() ?? [];
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
    if (step.length) this.#steps.push(step);
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
      await decide(this.#folder, part.map((each) => line(each.picture, each[side])));
      for (const each of part) each.picture.decision = each[side];
      step.splice(0, part.length);
    }
  }
}
