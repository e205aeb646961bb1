// What goes on now, on the start page: a set being made, and in the tab's title the training too.

import { byId } from "../ui/dom.js";
import { alertError } from "./announce.js";
import { jobState } from "./api.js";
import { text } from "./messages.js";

const ASK_AGAIN_MS = 2000;
const titles = { job: "", training: "" };

function showTitle() {
  document.title = [titles.training, titles.job, text("studio")].filter(Boolean).join(" · ");
}

/** A line that leads to the set that is being made, until it is made. */
export async function showJob() {
  const { running, step, name, done, total } = await jobState();
  const amount = total ? text("job.amount", { done, total }) : "";
  const what = running ? text(`job.${step}`, { name }) : "";
  byId("job").hidden = !running;
  byId("job-link").textContent = what;
  byId("job-amount").textContent = amount;
  titles.job = [amount, what].filter(Boolean).join(" ");
  showTitle();
  if (running) setTimeout(() => showJob().catch(alertError), ASK_AGAIN_MS);
}

/** How far the run is that trains, if one does. */
export function showTraining(runs) {
  const run = runs.find(({ state, share }) => state === "training" && share !== null);
  titles.training = run
    ? text("start.trains", { percent: Math.floor(100 * run.share), name: run.run.split("/").at(-1) })
    : "";
  showTitle();
}
