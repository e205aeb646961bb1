// Keyboard shortcuts: single keys where nothing is being typed, and a switch to turn them off (WCAG 2.1.4).

import { byId, createElement } from "../ui/dom.js";
import { load, save } from "../ui/storage.js";

const STORAGE_KEY = "vgc-single-keys";

const SHORTCUTS = [
  ["z", "Undo", "undo"],
  ["y", "Redo", "redo"],
  ["w", "Back to the wall", "home"],
  ["n", "Other characters on the wall", "fresh"],
  ["1", "Breed", "tab-children"],
  ["2", "Shape", "tab-traits"],
  ["3", "Mix", "tab-mix"],
  ["m", "New children", "more-children"],
  ["r", "Reroll what is not locked", "reroll"],
  ["k", "Keep, or let go", "keep"],
  ["c", "Copy the link", "share"],
  ["s", "Save as PNG", "save"],
  ["g", "For a game", "sprites"],
  ["o", "Open a link, a code, or any picture", "open"],
  ["?", "This help", "help"],
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
    ...SHORTCUTS.filter(([, , button]) => !byId(button).hidden).flatMap(([key, text]) => [
      createElement("dt", {}, createElement("kbd", {}, key.toUpperCase())),
      createElement("dd", {}, text),
    ]),
    createElement("dt", {}, createElement("kbd", {}, "← ↑ ↓ →")),
    createElement("dd", {}, "Move between characters; Enter selects one"),
  );
  document.addEventListener("keydown", (event) => {
    if (typing(event.target) || document.querySelector("dialog[open]") || event.altKey) return;
    const withControl = event.ctrlKey || event.metaKey;
    const key = withControl && event.shiftKey && event.key.toLowerCase() === "z" ? "y" : event.key.toLowerCase();
    if (withControl ? !"zy".includes(key) : !enabled.checked) return;
    const button = byId(SHORTCUTS.find(([own]) => own === key)?.[2]);
    if (!button || !usable(button)) return;
    event.preventDefault();
    button.click();
  });
}
