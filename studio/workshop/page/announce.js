// A line in passing, also for screen readers.

import { byId, createElement } from "../ui/dom.js";

const SHOWN_MS = 4000;
let hiding;

/** What went wrong stays. */
export const alertError = (error) => byId("alert").replaceChildren(createElement("p", {}, error.message));

export function announce(message) {
  byId("announcement").textContent = message;
  byId("announcement").classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => byId("announcement").classList.remove("shown"), SHOWN_MS);
}
