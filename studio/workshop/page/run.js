// One run: how far it is, its samples, its curves, what went wrong, and what can be done with it.

import { byId, createElement } from "../ui/dom.js";
import { announce } from "./announce.js";
import { runCharts } from "./charts.js";
import { enableChanges } from "./run_changes.js";
import { duration, figure, rough } from "./durations.js";
import { text, translate } from "./messages.js";
import * as api from "./train_api.js";

const ASK_AGAIN_MS = 2000;
const RESTS_MS = 10000; // of a run that does not train, lest somebody goes on with it in a terminal
const MORE_MINUTES = [2, 20, 480];
const HELPFUL_MINUTES = 20; // where a training was too short
const TRAINS = ["training", "stopping"];
const run = new URLSearchParams(location.search).get("run") ?? "";
const name = run.split("/").at(-1);
let state = { samples: [] };
let notifies = false;
let acts = false;

async function act(doing, done) {
  acts = true;
  enableActions();
  try {
    await doing;
    if (done) announce(text(done));
  } catch (error) {
    announce(error.message);
  }
  acts = false;
  await refresh();
}

const BUTTONS = {
  meet: ["meet", () => meet()],
  pause: ["run.pause", () => act(api.pause(run), "run.saving")],
  stop: ["run.stop", () => act(api.stop(run), "run.saving")],
  "go-on": ["run.go-on", () => act(api.goOn(run))],
  leave: ["run.leave", () => act(api.leaveQueue(run))],
  notify: ["run.notify", askToNotify],
};

/** The creator draws with it; until the model is there, which may take some seconds, that is said. */
function meet() {
  announce(text("meet.loading"));
  return act(api.meet(run));
}

/** What can be done in a state; the first is the likeliest. */
function actionsOf({ state, queued, can_draw }) {
  const meets = can_draw ? ["meet"] : [];
  if (state === "training") return queued ? ["pause", "stop", "notify", ...meets] : meets;
  if (state === "waiting") return ["leave"];
  if (state === "paused") return ["go-on", ...meets, "leave"];
  if (state === "stopping") return [];
  return state === "ended" ? meets : [...meets, "go-on"];
}

function showActions() {
  const wanted = actionsOf(state);
  const isTooShort = "too_short" in state.verdicts;
  const key = `${wanted} ${state.state} ${isTooShort}`;
  if (byId("actions").dataset.shown === key) return enableActions(); // the focus stays
  byId("actions").dataset.shown = key;
  const buttons = wanted.map((each) => {
    const [label, onclick] = BUTTONS[each];
    const isMain = each === (isTooShort ? "go-on" : wanted[0]) && !TRAINS.includes(state.state);
    return createElement("button", { id: each, class: buttonClass(isMain), onclick }, text(label));
  });
  const more = MORE_MINUTES.map((minutes) => moreButton(minutes, isTooShort && minutes === HELPFUL_MINUTES));
  byId("actions").replaceChildren(...buttons, ...(state.state === "ended" ? more : []));
  enableActions();
}

function enableActions() {
  for (const button of byId("actions").children) button.disabled = acts;
  if (byId("notify")) byId("notify").hidden = notifies || !window.Notification;
}

const buttonClass = (isMain) => (isMain ? "button main" : "button");

const moreButton = (minutes, isMain) =>
  createElement(
    "button",
    { class: buttonClass(isMain), onclick: () => act(api.goOn(run, minutes)) },
    text("run.more", { time: duration(minutes) }),
  );

async function askToNotify() {
  notifies = (await Notification.requestPermission()) === "granted";
  announce(text(notifies ? "run.will-notify" : "run.cannot-notify"));
  enableActions();
}

function showState() {
  const share = state.share ?? 0;
  const trains = TRAINS.includes(state.state);
  const percent = Math.floor(100 * share);
  document.title = trains ? text("run.title-percent", { percent, name }) : text("run.title", { name });
  byId("state").textContent = text(`state.${state.state}`);
  byId("progress").hidden = !trains;
  byId("progress").value = share;
  byId("figures").textContent = figures(trains).join(" · ");
  byId("failure").textContent = state.failure;
  const verdicts = Object.entries(state.verdicts).map(([each, images]) => text(`verdict.${each}`, { images }));
  byId("verdicts").replaceChildren(...verdicts.map((verdict) => createElement("li", {}, verdict)));
}

const figures = (trains) =>
  [
    trains && !state.images && text(state.samples?.length ? "run.has-begun" : "run.begins"),
    trains && Boolean(state.images || state.share) && text("run.percent", { percent: Math.floor(100 * (state.share ?? 0)) }),
    trains && state.minutes_left !== null && text("run.left", { time: duration(state.minutes_left) }),
    state.images && text("run.images", { images: state.images }),
    trains && state.speed && text("run.speed", { speed: rough(state.speed) }),
    !trains && state.minutes && text("run.trained", { time: duration(state.minutes) }),
  ].filter(Boolean);

function showSamples(isNew) {
  byId("samples").hidden = !state.samples.length;
  if (!state.samples.length) return;
  const slider = byId("time");
  const follows = isNew || slider.valueAsNumber >= Number(slider.max);
  slider.max = state.samples.length - 1;
  if (follows) slider.value = slider.max;
  showBoard();
  const real = byId("real");
  byId("real-figure").hidden = !state.has_real;
  if (!state.has_real || real.src) return;
  real.src = api.boardAddress(run, "real");
  byId("real-file").href = api.boardFile(run, "real");
}

function showBoard() {
  const shown = state.samples[byId("time").valueAsNumber];
  const label = text("run.shown", { images: shown });
  byId("shown").textContent = label;
  byId("time").setAttribute("aria-valuetext", label);
  if (byId("board").dataset.shown === String(shown)) return;
  byId("board").dataset.shown = shown;
  byId("board").src = api.boardAddress(run, shown);
  byId("board-file").href = api.boardFile(run, shown);
  byId("board").alt = text("run.board", { images: shown });
}

function showRest() {
  const charts = runCharts(state);
  byId("curves").hidden = !state.samples.length;
  byId("charts").replaceChildren(...charts);
  byId("no-curves").hidden = charts.length > 0;
  const scores = Object.entries(state.scores).map(([score, value]) => `${score} ${figure(value)}`);
  byId("scores").textContent = scores.length ? text("run.scores", { scores: scores.join(", ") }) : "";
  const from = state.lineage.at(-1) ?? text("from.nothing");
  byId("made").textContent = state.data ? text("run.made", { preset: state.preset, data: state.data, from }) : "";
  byId("log-part").hidden = !state.log;
  byId("log").textContent = state.log;
  if (state.state === "failed") byId("log-part").open = true;
}

function notify(before) {
  if (!notifies || !TRAINS.includes(before) || TRAINS.includes(state.state)) return;
  new Notification(text("run.title", { name }), { body: text(`state.${state.state}`) });
}

async function refresh(isNew = false) {
  const before = state.state;
  try {
    state = await api.runState(run);
    byId("alert").replaceChildren();
  } catch (error) {
    byId("alert").replaceChildren(createElement("p", {}, error.message));
    return;
  }
  showState();
  showActions();
  showSamples(isNew);
  showRest();
  if (isNew) byId("note").value = state.note;
  notify(before);
}

async function keepAsking() {
  const rests = !["training", "stopping", "waiting"].includes(state.state);
  await new Promise((done) => setTimeout(done, rests ? RESTS_MS : ASK_AGAIN_MS));
  await refresh(!state.run); // the first time that it is there
  keepAsking();
}

async function offerOthers() {
  const others = (await api.trainings()).runs.filter((each) => each.run !== run && each.sample !== null);
  byId("others").hidden = !others.length;
  const options = [createElement("option", { value: "" }, text("run.compare-none"))];
  byId("other").append(...options, ...others.map((each) => createElement("option", { value: each.run }, each.run)));
  byId("other").addEventListener("change", () => location.assign(api.comparePage([run, byId("other").value])));
}

translate();
byId("title").textContent = name;
byId("time").addEventListener("input", showBoard);
enableChanges(run, name);
await refresh(true);
await offerOthers().catch((error) => announce(error.message));
keepAsking();
document.body.classList.add("ready");
