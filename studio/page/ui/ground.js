// What lies behind transparent characters: a choice where the model draws any.

import { byId } from "./dom.js";
import { load, save } from "./storage.js";

const KEY = "vgc-ground";

/** Offer the choice, and show the ground that was chosen last. */
export function enableGround(info) {
  if (info.channels !== 4) return;
  const choice = byId("ground");
  const show = () => (document.documentElement.dataset.ground = choice.value);
  choice.value = load(KEY, "chequer");
  if (!choice.value) choice.value = "chequer";
  byId("ground-choice").hidden = false;
  choice.addEventListener("change", () => {
    save(KEY, choice.value);
    show();
  });
  show();
}
