// The runs on the start page: what trains, what waits, what can be met.

import { byId, createElement } from "../ui/dom.js";
import { alertError } from "./announce.js";
import { duration } from "./durations.js";
import { text } from "./messages.js";
import { showTraining } from "./now.js";
import * as api from "./train_api.js";

const ASK_AGAIN_MS = 3000;
const WORKS = ["training", "stopping", "waiting"];

function meetButton(run) {
  const button = createElement("button", { class: "button", type: "button" }, text("meet"));
  button.addEventListener("click", async () => {
    button.disabled = true;
    button.textContent = text("meet.loading");
    try {
      await api.meet(run);
    } catch (error) {
      alertError(error);
      button.disabled = false;
      button.textContent = text("meet");
    }
  });
  return button;
}

function runLine(run) {
  const about = [text(`state.${run.state}`)];
  if (run.share !== null) about.push(text("run.percent", { percent: Math.floor(100 * run.share) }));
  if (run.minutes_left !== null) about.push(text("run.left", { time: duration(run.minutes_left) }));
  else if (run.images) about.push(text("run.images", { images: run.images }));
  const line = createElement(
    "li",
    { class: "run-line" },
    createElement("a", { href: api.runPage(run.run) }, run.run),
    createElement("span", {}, [about.join(" · "), run.note].filter(Boolean).join(" – ")),
  );
  if (run.sample) line.prepend(createElement("img", { src: api.firstAddress(run.run, run.sample), alt: "", loading: "lazy" }));
  if (run.can_draw) line.append(meetButton(run.run));
  return line;
}

const keepShowing = () => showRuns().catch(alertError);

/** Fill the list, and keep it up to date while anything trains. */
export async function showRuns() {
  const { runs } = await api.trainings();
  const focused = document.activeElement?.getAttribute?.("href");
  byId("runs").replaceChildren(...runs.map(runLine));
  if (focused)
    byId("runs")
      .querySelector(`[href="${CSS.escape(focused)}"]`)
      ?.focus();
  byId("runs-empty").hidden = runs.length > 0;
  showTraining(runs);
  byId("compare").hidden = runs.filter((run) => run.sample !== null).length < 2;
  if (runs.some((run) => WORKS.includes(run.state))) setTimeout(keepShowing, ASK_AGAIN_MS);
}
