// What the generator has learned from, and behind a disclosure what it began with.

import { byId, createElement } from "../ui/dom.js";
import { text } from "../messages/text.js";

const BEGUN = "; started from "; // as gan.runs.checkpoint joins them, the nearest first

/** Tell it on the wall and in the help. */
export function showProvenance(info) {
  const [trained_on, ...ancestors] = info.trained_on.split(BEGUN);
  byId("model").textContent = text("wall.model", { ...info, trained_on });
  byId("about").textContent = text("help.about", { ...info, trained_on });
  for (const disclosure of document.querySelectorAll(".ancestors")) {
    disclosure.hidden = !ancestors.length;
    disclosure.lastElementChild.replaceChildren(...ancestors.map((each) => createElement("li", {}, each)));
  }
}
