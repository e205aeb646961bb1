// A new set: where its pictures come from, how they are made, and how far it is.

import { byId, createElement } from "../ui/dom.js";
import * as api from "./api.js";
import { followJob, offerSet, showUpload } from "./job.js";
import { text, translate } from "./messages.js";
import { fromDrop, fromInput, upload } from "./upload.js";

const PLAN_AFTER_MS = 250;
const MIB = 2 ** 20;
const CHOICES = {
  background: ["black", "white", "edge"],
  trim: ["none", "each", "together"],
  pixel_art: ["off", "auto", "on"],
};
const SCRAPED = ["built-in", "game-art-hq", "site"];
let chosen = [];
let taken = new Set();
let planning, isNamed;

const source = () => document.querySelector("[name=source]:checked").value;
const panels = () => document.querySelectorAll("[data-source]");

/** The new set as the server has it. */
function wanted() {
  const from = source();
  const path = { folder: "folder-path", site: "site-path" }[from];
  const request = { source: from, name: byId("name").value.trim(), size_px: Number(byId("size").value) };
  for (const id of Object.keys(CHOICES)) request[id] = byId(id).value;
  if (path) request.path = byId(path).value.trim();
  if (SCRAPED.includes(from)) {
    request.letters = byId("letters").value.trim() || null;
    request.limit = Number(byId("limit").value) || null;
    if (from !== "built-in") request.base_url = byId("base-url").value.trim() || null;
  }
  return request;
}

function suggest(name) {
  if (isNamed) return;
  const plain = name.replace(/[^\p{L}\p{N} _-]+/gu, "-").replace(/^[-_ ]+|[-_ ]+$/g, "").slice(0, 50) || text("new.unnamed");
  let free = plain;
  for (let number = 2; taken.has(free); number++) free = `${plain}-${number}`;
  byId("name").value = free;
}

const SUGGESTED = {
  upload: () => chosen.top || (chosen.length === 1 && chosen[0].file.name.replace(/\.\w+$/, "")) || text("new.unnamed"),
  folder: () => byId("folder-path").value.split("/").filter(Boolean).at(-1) ?? text("new.unnamed"),
  site: () => byId("site-path").value.split("/").at(-1).replace(/\.toml$/, ""),
  "built-in": () => "built-in",
  "game-art-hq": () => "game-art-hq",
};

/** Show what belongs to the source, and what will be done. */
function refresh() {
  const from = source();
  for (const panel of panels()) panel.hidden = !panel.dataset.source.split(" ").includes(from);
  for (const button of document.querySelectorAll(".choices button")) {
    button.setAttribute("aria-pressed", [byId("folder-path").value, byId("site-path").value].includes(button.value));
  }
  byId("about-site").textContent = SCRAPED.includes(from) ? text(`about.${from}`) : "";
  suggest(SUGGESTED[from]());
  clearTimeout(planning);
  planning = setTimeout(plan, PLAN_AFTER_MS);
}

async function plan() {
  const request = wanted();
  const isWhole = request.name && request.path !== "" && (request.source !== "upload" || chosen.length);
  byId("wrong").textContent = "";
  if (!isWhole) {
    byId("terminal").hidden = true;
    return;
  }
  try {
    const { commands } = await api.planSet(request);
    byId("terminal").hidden = false;
    byId("commands").textContent = commands.join("\n");
  } catch (error) {
    byId("terminal").hidden = true;
    byId("wrong").textContent = error.message;
  }
}

function take(files) {
  chosen = files;
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  const named = files.length === 1 ? { name: files[0].file.name } : { files: files.length };
  const chosenText = files.length === 1 ? "upload.chosen-one" : "upload.chosen";
  byId("chosen").textContent = text(chosenText, { ...named, mib: Math.ceil((10 * bytes) / MIB) / 10 });
  refresh();
}

function enableDrop() {
  const drop = byId("drop");
  for (const [button, input] of [["choose-files", "files"], ["choose-folder", "folder-files"]]) {
    byId(button).addEventListener("click", () => byId(input).click());
    byId(input).addEventListener("change", () => take(fromInput(byId(input))));
  }
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    document.querySelector("[name=source][value=upload]").checked = true;
    take(await fromDrop(event.dataTransfer));
  });
}

const choice = (field, value, ...content) =>
  createElement("li", {}, createElement("button", { type: "button", value, onclick: () => choose(field, value) }, ...content));

function choose(field, value) {
  byId(field).value = value;
  refresh();
}

function showSources({ folders, sites, begun, uploads }) {
  const lines = folders.map(({ path, pictures }) =>
    choice("folder-path", path, createElement("b", {}, path), createElement("span", {}, text("folder.pictures", { pictures }))),
  );
  byId("folders").replaceChildren(...lines);
  byId("sites").replaceChildren(...sites.map((path) => choice("site-path", path, createElement("b", {}, path))));
  byId("folders-empty").hidden = folders.length > 0;
  byId("sites-empty").hidden = sites.length > 0;
  byId("begun").replaceChildren(...begun.map((each) => begunLine(each, goOnButton(each))), ...uploads.map((each) => begunLine(each)));
  byId("begun-section").hidden = !begun.length && !uploads.length;
}

const begunLine = (request, ...ends) =>
  createElement(
    "li",
    {},
    createElement("b", {}, request.name),
    createElement("span", {}, text(ends.length ? `source.${request.source}` : "new.drop-again")),
    createElement("div", { class: "row" }, ...ends, discardButton(request)),
  );

const goOnButton = (request) =>
  createElement("button", { class: "button", type: "button", onclick: () => run(() => api.startSet(request)) }, text("new.go-on"));

/** Throws away what has come, at the second click. */
function discardButton(request) {
  const button = createElement("button", { class: "button", type: "button" }, text("new.discard"));
  const discard = async () => {
    try {
      showSources(await api.discardSet(request));
    } catch (error) {
      fail(error);
    }
  };
  const ask = () => {
    button.textContent = text("new.discard-sure");
    button.addEventListener("click", discard, { once: true });
  };
  button.addEventListener("click", ask, { once: true });
  return button;
}

/** Start something on the server, and follow it. */
async function run(start, refused = []) {
  byId("alert").replaceChildren();
  byId("begun-section").hidden = true;
  setBusy(true);
  try {
    await start();
    const state = await followJob(refused);
    document.title = text("new.done", { name: state.name });
    if (state.ok && state.kind === "make") leadToSet(state, refused);
  } catch (error) {
    fail(error);
  }
  setBusy(false);
}

/** The set opens, unless something was refused, which is to be read. */
function leadToSet(state, refused) {
  offerSet(state.folder);
  if (!refused.length && !state.refused.length) location.href = byId("open").href;
}

function setBusy(busy) {
  for (const id of ["go", "estimate"]) byId(id).disabled = busy;
}

async function make() {
  const request = wanted();
  if (request.source === "upload" && !chosen.length) {
    byId("wrong").textContent = text("upload.none");
    return byId("choose-files").focus();
  }
  const refused = [];
  await run(async () => {
    if (request.source === "upload") refused.push(...(await upload(request, chosen, showUpload)));
    await api.startSet(request);
  }, refused);
}

function fail(error) {
  byId("alert").replaceChildren(createElement("p", {}, error.message));
  byId("alert").scrollIntoView({ block: "nearest" });
}

function enableForm() {
  for (const [id, values] of Object.entries(CHOICES)) {
    byId(id).append(...values.map((value) => createElement("option", { value }, text(`${id}.${value}`))));
  }
  byId("name").addEventListener("input", () => (isNamed = byId("name").value !== ""));
  byId("form").addEventListener("input", refresh);
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    make();
  });
  byId("estimate").addEventListener("click", () => run(() => api.estimateSet(wanted())));
  byId("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId("commands").textContent);
    byId("copy").textContent = text("copied");
  });
}

translate();
enableForm();
enableDrop();
refresh();
document.body.classList.add("translated"); // to look for folders may take seconds
try {
  const [there, sources, state] = await Promise.all([api.overview(), api.sources(), api.jobState()]);
  taken = new Set(there.sets.map(({ folder }) => folder.split("/").at(-1)));
  showSources(sources);
  refresh();
  if (state.running) run(async () => {});
} catch (error) {
  fail(error);
}
document.body.classList.add("ready");
