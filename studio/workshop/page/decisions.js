// What is decided on pictures: changed at once in the page, written in order, and taken back step by step.

import { decide } from "./api.js";

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
  #onFailure;
  #steps = [];
  #writing = Promise.resolve();

  constructor(folder, onFailure) {
    this.#folder = folder;
    this.#onFailure = onFailure;
  }

  get canUndo() {
    return this.#steps.length > 0;
  }

  /** Change the decisions on pictures by a function of each; gives how many were changed. */
  change(pictures, changed) {
    const step = pictures
      .filter((picture) => picture.sha256)
      .map((picture) => ({ picture, before: decisionOn(picture), after: { ...decisionOn(picture), ...changed(picture) } }))
      .filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
    if (step.length) {
      this.#steps.push(step);
      this.#write(step.map(({ picture, after }) => [picture, after]));
    }
    return step.length;
  }

  /** Take the last step back; gives how many pictures that were. */
  undo() {
    const step = this.#steps.pop() ?? [];
    this.#write(step.map(({ picture, before }) => [picture, before]));
    return step.length;
  }

  /** Once all is written. */
  written() {
    return this.#writing;
  }

  #write(pairs) {
    for (const [picture, decision] of pairs) picture.decision = decision;
    const lines = pairs.map(([picture, decision]) => line(picture, decision));
    this.#writing = this.#writing.then(() => decide(this.#folder, lines)).catch(this.#onFailure);
  }
}
