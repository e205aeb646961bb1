// Keyboard shortcuts: single keys where nothing is being typed, and a switch to turn them off (WCAG 2.1.4).

import { make, remember, remembered, the } from "./dom.js";

const SWITCH_KEY = "vgc-single-keys";

const SHORTCUTS = [
  ["z", "Undo", "undo"],
  ["y", "Redo", "redo"],
  ["w", "Back to the wall", "home"],
  ["n", "Other characters on the wall", "fresh"],
  ["1", "Breed", "tab-children"],
  ["2", "Shape", "tab-traits"],
  ["3", "Mix", "tab-mix"],
  ["m", "New children", "litter"],
  ["r", "Reroll what is not locked", "reroll"],
  ["k", "Keep, or let go", "keep"],
  ["c", "Copy the link", "share"],
  ["s", "Save as PNG", "save"],
  ["g", "For a game", "game"],
  ["o", "Open a link, a code, or any picture", "open"],
  ["?", "This help", "help"],
];

const typing = (element) =>
  element.matches("textarea, select, input:not([type=range], [type=checkbox], [type=radio])");

const seen = (button) => button.checkVisibility() && !button.disabled;

/** Listen for the shortcuts, and list in the help those of the buttons that this studio has. */
export function keys() {
  const on = the("single-keys");
  on.checked = remembered(SWITCH_KEY, true);
  const follow = () => document.body.classList.toggle("no-keys", !on.checked);
  on.addEventListener("change", () => (remember(SWITCH_KEY, on.checked), follow()));
  follow();
  the("shortcuts").append(
    ...SHORTCUTS.filter(([, , button]) => !the(button).hidden).flatMap(([key, words]) => [
      make("dt", {}, make("kbd", {}, key.toUpperCase())),
      make("dd", {}, words),
    ]),
    make("dt", {}, make("kbd", {}, "← ↑ ↓ →")),
    make("dd", {}, "From character to character; Enter takes one"),
  );
  document.addEventListener("keydown", (event) => {
    if (typing(event.target) || document.querySelector("dialog[open]") || event.altKey) return;
    const withControl = event.ctrlKey || event.metaKey;
    const key = withControl && event.shiftKey && event.key.toLowerCase() === "z" ? "y" : event.key.toLowerCase();
    if (withControl ? !"zy".includes(key) : !on.checked) return;
    const button = the(SHORTCUTS.find(([own]) => own === key)?.[2]);
    if (!button || !seen(button)) return;
    event.preventDefault();
    button.click();
  });
}
