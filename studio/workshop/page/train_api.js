// The workshop's API of runs and trainings.

import { ask, post, query } from "./api.js";

export const trainings = () => ask("trainings");
export const runState = (run) => ask(`run?${query({ run })}`);
export const plan = (wish) => post("training/plan", wish);
export const cost = (wish) => post("training/cost", wish);
export const start = (wish) => post("training", wish);
export const pause = (run) => post("run/pause", { run });
export const stop = (run) => post("run/stop", { run });
export const goOn = (run, minutes = null) => post("run/go-on", { run, more_minutes: minutes });
export const leaveQueue = (run) => post("run/leave-queue", { run });
export const rename = (run, name) => post("run/rename", { run, name });
export const note = (run, text) => post("run/note", { run, note: text });
export const remove = (run, name) => post("run/delete", { run, name });

/** Have the creator draw with a run, or with the built-in generator (""), and go there. */
export async function meet(run) {
  await post("model", { run });
  location.assign("../");
}

const sample = (run, shown, rest) =>
  `../api/workshop/sample?${query({ run, name: typeof shown === "number" ? String(shown).padStart(8, "0") : shown, ...rest })}`;

/** The address of a board of samples, in few bytes: pictures shown, or "real". */
export const boardAddress = (run, shown) => sample(run, shown, { view: "board" });

/** The address of a board as it was saved. */
export const boardFile = (run, shown) => sample(run, shown);

/** The address of the first picture of a board. */
export const firstAddress = (run, shown) => sample(run, shown, { view: "first" });

/** The address of a page about runs. */
export const runPage = (run) => `run.html?${query({ run })}`;
export const comparePage = (runs) => `compare.html?${new URLSearchParams(runs.map((run) => ["run", run]))}`;
