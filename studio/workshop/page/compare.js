// Several runs side by side: their samples at the same pictures shown, their curves to one scale.

import { byId, createElement } from "../ui/dom.js";
import { comparedCharts } from "./charts.js";
import { text, translate } from "./messages.js";
import * as api from "./train_api.js";

const MOST = 6; // as many as there are colours
const COMPARED_FIRST = 3;
const ASK_AGAIN_MS = 10000;
let known = [];
let chosen = new URLSearchParams(location.search).getAll("run");
let states = [];

const chip = ({ run }) =>
  createElement(
    "button",
    { class: "chip", type: "button", "aria-pressed": chosen.includes(run), onclick: () => toggle(run) },
    run,
  );

function toggle(run) {
  chosen = chosen.includes(run) ? chosen.filter((each) => each !== run) : [...chosen, run].slice(-MOST);
  history.replaceState(null, "", api.comparePage(chosen));
  for (const each of byId("chips").children) each.setAttribute("aria-pressed", chosen.includes(each.textContent));
  load();
}

/** The last board that a run had at a time, if it had begun. */
const boardAt = (samples, images) => samples.filter((shown) => shown <= images).at(-1) ?? samples[0];

function showBoards() {
  const last = Math.max(...states.map((run) => run.samples.at(-1)));
  const images = Math.round((last * byId("time").valueAsNumber) / 100);
  const label = text("run.shown", { images });
  byId("shown").textContent = label;
  byId("time").setAttribute("aria-valuetext", label);
  states.forEach(({ run, samples }, index) => {
    const figure = byId("boards").children[index];
    const shown = boardAt(samples, images);
    const [link, caption] = figure.children;
    const image = link.firstChild;
    caption.textContent = `${run}: ${text("run.shown", { images: shown })}`;
    if (image.dataset.shown === String(shown)) return;
    image.dataset.shown = shown;
    link.href = api.boardFile(run, shown);
    image.src = api.boardAddress(run, shown);
    image.alt = text("run.board", { images: shown });
  });
}

async function load() {
  const asked = chosen;
  const answers = await Promise.all(asked.map((run) => api.runState(run).catch(() => null)));
  if (asked !== chosen) return;
  const before = states.map(({ run }) => run).join();
  states = answers.filter((answer) => answer?.samples.length);
  byId("empty").hidden = states.length > 0;
  byId("compared").hidden = states.length === 0;
  if (!states.length) return;
  if (before !== states.map(({ run }) => run).join()) {
    const figures = states.map(() =>
      createElement("figure", {}, createElement("a", {}, createElement("img")), createElement("figcaption")),
    );
    byId("boards").replaceChildren(...figures);
  }
  showBoards();
  const charts = comparedCharts(states);
  byId("no-curves").hidden = charts.length > 0;
  byId("charts").replaceChildren(...charts);
}

async function keepLoading() {
  await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
  await load();
  keepLoading();
}

translate();
document.title = text("compare.page");
byId("time").addEventListener("input", showBoards);
try {
  known = (await api.trainings()).runs.filter((run) => run.sample !== null);
  if (!chosen.length) chosen = known.slice(0, COMPARED_FIRST).map(({ run }) => run);
  byId("chips").append(...known.map(chip));
  await load();
} catch (error) {
  byId("alert").replaceChildren(createElement("p", {}, error.message));
}
keepLoading();
document.body.classList.add("ready");
