// One set: its wall, what is decided on its pictures, and the set made again.

import { byId, createElement } from "../ui/dom.js";
import { load as stored } from "../ui/storage.js";
import { announce } from "./announce.js";
import * as api from "./api.js";
import { openCrop } from "./crop.js";
import { decisionOn, Decisions } from "./decisions.js";
import { Filters, groupNames, groupOf, isLeftOut, isOpen, isWaiting, wasLeftOut } from "./filters.js";
import { followJob } from "./job.js";
import { text, translate } from "./messages.js";
import { Wall } from "./wall.js";

const MEASURE_AFTER_MS = 1500; // the pictures come first
const FIRST_PICTURES = 400; // as many as any screen shows
const folder = new URLSearchParams(location.search).get("folder") ?? "";
let set, wall, filters, decisions;

const KEYS = { leave: "x", back: "t", keep: "k", turn: "r", crop: "c", group: "g", undo: "z" };
const NEED_SELECTION = ["leave", "back", "keep", "turn", "crop", "group"];

const ACTIONS = {
  leave: (chosen) => decisions.change(chosen, () => ({ leave_out: true })),
  back: (chosen) => decisions.change(chosen, () => ({ leave_out: false })),
  turn: (chosen) =>
    decisions.change(chosen, (picture) => ({ turn_degrees: (decisionOn(picture).turn_degrees + 90) % 360 })),
};

function act(name) {
  if (name === "undo") return report(name, decisions.undo());
  const selected = wall.chosen();
  const chosen = selected.filter(isOpen);
  if (!chosen.length) return announce(text(selected.some((each) => each.duplicate_of) ? "set.copies" : "set.rejected"));
  if (name === "keep") return keep();
  if (name === "crop") return crop(chosen);
  if (name === "group") return group(chosen);
  report(name, ACTIONS[name](chosen));
}

async function report(name, writing) {
  try {
    const count = await writing;
    announce(count ? text(`did.${name}`, { count }) : text("set.nothing"));
    if (count) clearAlert(); // for nothing the studio was not asked
  } catch (error) {
    fail(error);
    announce(text("set.not-written"));
  }
  wall.refresh();
  filters.refresh();
  update();
}

function keep() {
  const others = filters.inPairs ? wall.beside() : [];
  if (!others.length) return announce(text("set.keep"));
  report("keep", decisions.change(others, () => ({ leave_out: true })));
}

function crop(chosen) {
  const [picture] = chosen.filter((each) => each.width && !each.frame);
  if (!picture) return announce(text("set.nothing"));
  openCrop(picture, api.rawAddress(folder, picture.raw_file), decisionOn(picture).crop, (box) => {
    const whole = !box || box.join() === [0, 0, picture.width, picture.height].join();
    report("crop", decisions.change([picture], () => ({ crop: whole ? null : box })));
  });
}

function group(chosen) {
  const known = groupNames(set.pictures);
  byId("group-names").replaceChildren(...known.map((value) => createElement("option", { value })));
  byId("group-name").value = known.find((name) => name === groupOf(chosen[0])) ?? "";
  const dialog = byId("group-dialog");
  dialog.returnValue = "cancel";
  byId("group-cancel").onclick = () => dialog.close("cancel");
  dialog.onclose = () => {
    if (dialog.returnValue !== "go") return;
    report("group", decisions.change(chosen, () => ({ group: byId("group-name").value.trim() || null })));
  };
  dialog.showModal();
}

function describe(picture) {
  const decision = decisionOn(picture);
  const isLeft = isLeftOut(picture);
  const badges = [
    isLeft && text("tile.left"),
    !isLeft && wasLeftOut(picture) && text("tile.back"),
    decision.turn_degrees && text("tile.turned", { degrees: decision.turn_degrees }),
    decision.crop && text("tile.cropped"),
    decision.group,
    picture.duplicate_of && text("tile.duplicate", { name: picture.duplicate_of }),
  ].filter(Boolean);
  const wrong = !wasLeftOut(picture) && picture.reason;
  return {
    src: addressOf(picture),
    label: [nameOf(picture), wrong, ...badges].filter(Boolean).join(", "),
    text: wrong ? `${picture.raw_file}: ${wrong}` : "",
    badges: badges.join(" · "),
    classes: isLeft ? "left" : "",
    turn: decision.turn_degrees - picture.turned,
  };
}

const nameOf = ({ name, game, raw_file }) => [name, game].filter(Boolean).join(" · ") || raw_file;

function addressOf(picture) {
  if (picture.turned === undefined) {
    picture.turned = picture.note?.includes("turned by hand") ? decisionOn(picture).turn_degrees : 0;
  }
  if (picture.duplicate_of) return api.imageAddress(folder, picture.duplicate_of, picture.version);
  if (!picture.reason) return api.imageAddress(folder, picture.file_name, picture.version);
  return wasLeftOut(picture) ? api.rawAddress(folder, picture.raw_file) : "";
}

function fail(error) {
  byId("alert").replaceChildren(createElement("p", {}, error.message));
}

/** The studio answers again. */
function clearAlert() {
  byId("alert").replaceChildren();
}

function aboutOne(picture) {
  const { raw_file, width, height } = picture;
  const size = width ? `${width}×${height}` : "";
  return [...new Set([nameOf(picture), raw_file, size].filter(Boolean))].join(" · ");
}

function update() {
  const [shown, all, selected] = [filters.pictures().length, set.pictures.length, wall.selected.size];
  const mayChange = set.is_whole && !set.read_only;
  const waiting = mayChange ? set.pictures.filter(isWaiting).length : 0;
  const parts = set.read_only ? [text("set.read-only", { reason: set.read_only })] : [text("set.about", { shown, all, selected })];
  if (selected === 1) parts.push(aboutOne(wall.chosen()[0]));
  if (!selected && !set.read_only) parts.push(text("set.select"));
  if (waiting) parts.push(text("set.waiting", { waiting }));
  byId("about").textContent = set.is_whole ? parts.join(" · ") : text("set.loading");
  byId("build").classList.toggle("main", waiting > 0);
  for (const name of NEED_SELECTION) byId(`act-${name}`).disabled = !selected || !mayChange;
  byId("act-keep").disabled ||= !filters.inPairs;
  byId("act-undo").disabled = !set.is_whole || !decisions.canUndo;
  byId("build").disabled = !mayChange;
}

/** Whether it was made. */
async function makeAgain() {
  try {
    await decisions.written();
    await api.build(folder);
    clearAlert();
    return await followBuild();
  } catch (error) {
    fail(error);
    return false;
  }
}

/** What is decided comes first, or the training would not know of it. */
async function train(event) {
  if (!set.pictures.some(isWaiting) || set.read_only) return;
  event.preventDefault();
  if (await makeAgain()) location.href = byId("train").href;
}

/** Show how far the set is, and then the set; where it was not made, why stays in sight. */
async function followBuild() {
  byId("build").disabled = true;
  const { ok } = await followJob();
  byId("job").hidden = ok;
  await load();
  showSelection();
  const pictures = set.pictures.filter((each) => !each.reason && !each.duplicate_of).length;
  if (ok) announce(text("set.made", { pictures }));
  return ok;
}

const load = async () => take(await api.pictures(folder));

/** Show what is known of a set: all, or, for the moment, its first pictures, with which nothing can be done yet. */
function take(known) {
  set = known;
  set.named = new Map(set.pictures.filter((each) => !each.reason).map((each) => [each.file_name, each]));
  document.title = text("set.title", { folder });
  byId("title").textContent = folder;
  for (const picture of set.pictures) picture.loaded = picture.decision;
  decisions ??= new Decisions(folder);
  decisions.pictures = set.pictures;
  filters = new Filters(set, showSelection, filters);
  for (const part of document.querySelectorAll(".filters, #train")) part.inert = !set.is_whole;
  if (set.is_whole) setTimeout(measure, MEASURE_AFTER_MS, filters);
}

async function measure(measured) {
  try {
    measured.measures = await api.measures(folder);
  } catch (error) {
    fail(error);
  }
}

function showSelection() {
  wall.show(filters.pictures(), filters.inPairs);
}

function enableActions() {
  for (const [name, key] of Object.entries(KEYS)) {
    const button = createElement("button", { id: `act-${name}`, class: "button", type: "button" });
    button.append(createElement("span", {}, text(`act.${name}`)), createElement("kbd", {}, key.toUpperCase()));
    button.addEventListener("click", () => act(name));
    byId("actions").append(button);
  }
  byId("act-keep").title = text("set.keep");
  byId("build").addEventListener("click", makeAgain);
  byId("train").addEventListener("click", train);
  byId("train").href = `train.html?${new URLSearchParams({ folder })}`;
  document.addEventListener("keydown", (event) => {
    if (!stored("vgc-single-keys", true)) return; // turned off in the creator's help
    if (event.target.matches("input, select") || document.querySelector("dialog[open]") || event.altKey) return;
    const pressed = event.key === "Delete" ? "x" : event.key.toLowerCase();
    const name = Object.keys(KEYS).find((each) => KEYS[each] === pressed);
    if (!name || ((event.ctrlKey || event.metaKey) && name !== "undo") || byId(`act-${name}`).disabled) return;
    event.preventDefault();
    act(name);
  });
}

const first = api.firstPictures(folder, FIRST_PICTURES);
translate();
enableActions();
try {
  take(await first);
  wall = new Wall(byId("wall"), describe, update);
  showSelection();
  document.body.classList.add("ready");
  if (!set.is_whole) {
    await wall.arePicturesThere(); // the list would take their turn
    await load();
    wall.extend(filters.pictures());
  }
  const { running, folder: made } = await api.jobState();
  if (running && made === set.folder) followBuild().catch(fail);
} catch (error) {
  fail(error);
}
document.body.classList.add("ready");
