// A new training: what on, how long, what it will cost, and the command that it is.

import { byId, createElement } from "../ui/dom.js";
import * as api from "./train_api.js";
import { overview } from "./api.js";
import { duration, rough } from "./durations.js";
import { text, translate } from "./messages.js";
import { announce } from "./announce.js";

const LENGTHS = { look: 2, coffee: 20, night: 480 };
const PLAN_AFTER_MS = 250;
const WORKS = ["training", "stopping"];
const folder = new URLSearchParams(location.search).get("folder") ?? "";
let presets, speed, planning;
let measured = 0; // the last measurement asked for

const wish = () => ({
  folder,
  minutes: byId("minutes").valueAsNumber || 0,
  preset: byId("preset").value,
  init_from: byId("init-from").value,
  run: byId("name").value.trim(),
  scores: byId("scores").checked,
});

function choose(minutes) {
  byId("minutes").value = minutes;
  refresh();
}

const lengthChoice = ([name, minutes]) =>
  createElement(
    "label",
    { class: "length" },
    createElement("input", { type: "radio", name: "length", value: minutes, onchange: () => choose(minutes) }),
    createElement("b", {}, text(`length.${name}`)),
    createElement("span", {}, text(`length.${name}.time`)),
    createElement("span", {}, text(`length.${name}.what`)),
  );

/** The form has changed: show the command, and what the length comes to. */
function refresh() {
  for (const radio of document.querySelectorAll("[name=length]")) {
    radio.checked = Number(radio.value) === byId("minutes").valueAsNumber;
  }
  showCost();
  clearTimeout(planning);
  planning = setTimeout(showPlan, PLAN_AFTER_MS);
}

async function showPlan() {
  try {
    byId("command").textContent = (await api.plan(wish())).command;
    byId("wrong").textContent = "";
  } catch (error) {
    byId("wrong").textContent = error.message;
  }
}

function showCost() {
  if (!speed) return;
  const minutes = byId("minutes").valueAsNumber || 0;
  const images = Math.round(speed.images_per_second * minutes * 60);
  const times = images / speed.pictures;
  const costs = text("train.costs", {
    time: duration(minutes),
    device: speed.device,
    speed: rough(speed.images_per_second),
    images: rough(images),
    times: rough(times, times < 10 ? 1 : 2),
    memory: rough(speed.memory_bytes / 2 ** 20),
  });
  const { fewest_images: fewest } = speed;
  byId("cost").textContent = images < fewest ? `${costs} ${text("train.too-few", { fewest })}` : costs;
}

/** A dry run of what is chosen; the newest wish counts. */
async function measure() {
  const own = ++measured;
  speed = null;
  byId("measure").hidden = true;
  byId("cost").textContent = text("train.measuring");
  try {
    const result = await api.cost({ ...wish(), run: "" });
    if (own !== measured) return;
    speed = result;
    showCost();
  } catch (error) {
    if (own === measured) byId("cost").textContent = text("train.unmeasured", { reason: error.message });
  }
}

function offerMeasuring() {
  byId("cost").textContent = text("train.busy");
  byId("measure").hidden = false;
}

/** Only networks of the base's kind can begin from it. */
function offerBase() {
  const preset = presets.find(({ name }) => name === byId("preset").value);
  const from_base = preset?.from_base ?? true;
  const base = byId("init-from").querySelector("[value=base]");
  base.disabled = !from_base;
  if (!from_base && byId("init-from").value === "base") byId("init-from").value = "";
}

function listen(isBusy) {
  for (const id of ["minutes", "name", "scores"]) byId(id).addEventListener("input", refresh);
  for (const id of ["preset", "init-from"]) {
    byId(id).addEventListener("input", () => {
      offerBase();
      refresh();
      if (isBusy) offerMeasuring();
      else measure();
    });
  }
  byId("measure").addEventListener("click", measure);
  byId("copy").addEventListener("click", copy);
  byId("form").addEventListener("submit", start);
}

async function copy() {
  try {
    await navigator.clipboard.writeText(byId("command").textContent);
    announce(text("copied"));
  } catch {
    getSelection().selectAllChildren(byId("command"));
    announce(text("copy.by-hand"));
  }
}

async function start(event) {
  event.preventDefault();
  byId("start").disabled = true;
  try {
    const { run } = await api.start(wish());
    location.assign(api.runPage(run));
  } catch (error) {
    byId("wrong").textContent = error.message;
    byId("start").disabled = false;
  }
}

async function open() {
  const [there, known] = await Promise.all([overview(), api.trainings()]);
  const set = there.sets.find((each) => each.folder === folder);
  if (!set) throw new Error(text("train.no-set", { folder }));
  presets = known.presets;
  byId("set").textContent = text("train.about", { folder, pictures: set.pictures, size: set.size_px });
  byId("lengths").append(...Object.entries(LENGTHS).map(lengthChoice));
  const recipes = [["", text("train.preset.fitting")], ...presets.map(({ name }) => [name, name])];
  byId("preset").append(...recipes.map(([value, shown]) => createElement("option", { value }, shown)));
  const runs = known.runs.filter((run) => run.can_draw).map((run) => run.run);
  const sources = [["base", text("from.base")], ["", text("from.nothing")], ...runs.map((run) => [run, run])];
  byId("init-from").append(...sources.map(([value, shown]) => createElement("option", { value }, shown)));
  const isBusy = known.runs.some((run) => WORKS.includes(run.state));
  byId("start").textContent = text(known.runs.some((run) => run.queued) ? "train.queue" : "train.start");
  listen(isBusy);
  choose(LENGTHS.coffee);
  if (isBusy) offerMeasuring();
  else measure();
}

translate();
try {
  await open();
} catch (error) {
  byId("form").hidden = true;
  byId("alert").replaceChildren(createElement("p", {}, error.message));
}
document.body.classList.add("ready");
