// The start page: what there is.

import { byId, createElement } from "../ui/dom.js";
import { overview } from "./api.js";
import { text, translate } from "./messages.js";

const setLine = (set) =>
  createElement(
    "li",
    {},
    createElement("a", { href: `set.html?${new URLSearchParams({ folder: set.folder })}` }, set.folder),
    createElement("span", {}, text("start.set", { pictures: set.pictures, size: set.size_px, rejected: set.rejected })),
  );

const runLine = (run) =>
  createElement("li", {}, createElement("b", {}, run), createElement("code", {}, text("start.run", { run })));

function show({ root, sets, runs }) {
  byId("sets").append(...sets.map(setLine));
  byId("runs").append(...runs.map(runLine));
  byId("sets-empty").hidden = sets.length > 0;
  byId("runs-empty").hidden = runs.length > 0;
  byId("root").textContent = text("start.root", { root });
}

translate();
try {
  show(await overview());
} catch (error) {
  byId("alert").replaceChildren(createElement("p", {}, error.message));
}
document.body.classList.add("ready");
