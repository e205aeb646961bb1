// The start page: what there is.

import { byId, createElement } from "../ui/dom.js";
import { alertError } from "./announce.js";
import { overview } from "./api.js";
import { text, translate } from "./messages.js";
import { showJob } from "./now.js";
import { showRuns } from "./runs.js";
import { meet } from "./train_api.js";

const setLine = (set) =>
  createElement(
    "li",
    {},
    createElement("a", { href: `set.html?${new URLSearchParams({ folder: set.folder })}` }, set.folder),
    createElement(
      "span",
      {},
      text("start.set", { pictures: set.pictures, size: set.size_px, rejected: set.rejected }),
    ),
    createElement(
      "a",
      { class: "button", href: `train.html?${new URLSearchParams({ folder: set.folder })}` },
      text("training.start"),
    ),
  );

function show({ root, sets }) {
  byId("sets").append(...sets.map(setLine));
  byId("sets-empty").hidden = sets.length > 0;
  byId("root").textContent = text("start.root", { root });
}

translate();
byId("built-in").addEventListener("click", () => meet("").catch(alertError)); // of no run
document.body.classList.add("translated"); // to look for sets may take seconds
try {
  const [there] = await Promise.all([overview(), showRuns(), showJob()]);
  show(there);
} catch (error) {
  alertError(error);
}
document.body.classList.add("ready");
