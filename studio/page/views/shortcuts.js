// Keyboard shortcuts: single keys where nothing is being typed, and a switch to turn them off (WCAG 2.1.4).

import { byId, createElement } from "../ui/dom.js";
import { text } from "../messages/text.js";
import { load, save } from "../ui/storage.js";

const STORAGE_KEY = "vgc-single-keys";

/** Keys, and the buttons that they press. */
const SHORTCUTS = [
  ["z", "undo"],
  ["y", "redo"],
  ["w", "home"],
  ["n", "fresh"],
  ["1", "tab-children"],
  ["2", "tab-traits"],
  ["3", "tab-mix"],
  ["m", "more-children"],
  ["r", "reroll"],
  ["k", "keep"],
  ["c", "share"],
  ["s", "save"],
  ["g", "sprites"],
  ["o", "open"],
  ["?", "help"],
];

const typing = (element) =>
  element.matches("textarea, select, input:not([type=range], [type=checkbox], [type=radio])");

const usable = (button) => button.checkVisibility() && !button.disabled;

/** Listen for the shortcuts, and list in the help those of the buttons that this studio has. */
export function enableShortcuts() {
  const enabled = byId("single-keys");
  enabled.checked = load(STORAGE_KEY, true);
  const update = () => document.body.classList.toggle("no-keys", !enabled.checked);
  enabled.addEventListener("change", () => (save(STORAGE_KEY, enabled.checked), update()));
  update();
  byId("shortcuts").append(
    ...SHORTCUTS.filter(([, button]) => !byId(button).hidden).flatMap(([key, button]) => [
      createElement("dt", {}, createElement("kbd", {}, key.toUpperCase())),
      createElement("dd", {}, text(`key.${button}`)),
    ]),
    createElement("dt", {}, createElement("kbd", {}, "← ↑ ↓ →")),
    createElement("dd", {}, text("key.arrows")),
  );
  document.addEventListener("keydown", (event) => {
    if (typing(event.target) || document.querySelector("dialog[open]") || event.altKey) return;
    const withControl = event.ctrlKey || event.metaKey;
    const key = withControl && event.shiftKey && event.key.toLowerCase() === "z" ? "y" : event.key.toLowerCase();
    if (withControl ? !"zy".includes(key) : !enabled.checked) return;
    const button = byId(SHORTCUTS.find(([own]) => own === key)?.[1]);
    if (!button || !usable(button)) return;
    event.preventDefault();
    button.click();
  });
}
