// What the page tells: a line for everybody, also for screen readers, and an alert while the engine is gone.

import { answers } from "../engine/engine.js";
import { EngineError } from "../engine/errors.js";
import { text } from "../messages/text.js";
import { byId, createElement } from "./dom.js";

const SHOWN_MS = 4500;
const ASK_AGAIN_MS = 1500;
let hiding;

/** Tell something in passing. */
export function announce(message) {
  byId("announcement").textContent = message;
  byId("announcement").classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => byId("announcement").classList.remove("shown"), SHOWN_MS);
}

let alerted = null; // the kind of error that the alert tells of

/**
 * Tell what went wrong: in passing, or as an alert that stays where the engine does not draw any more. Where it is gone,
 * keep asking for it and dispatch `engine-back` on the document.
 */
export async function reportError(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof EngineError)) console.error(error);
  if (!error.kind || error.kind === "failed") return announce(error.message);
  if (error.kind === alerted) return;
  alerted = error.kind;
  byId("alert").replaceChildren(createElement("p", {}, error.message, ...remedies(error.kind)));
  if (error.kind === "gone") await waitForEngine();
}

function remedies(kind) {
  if (kind !== "other model") return [];
  const button = { class: "button", type: "button", onclick: () => location.reload() };
  return [createElement("button", button, text("engine.reload"))];
}

async function waitForEngine() {
  while (!(await answers())) await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
  if (alerted !== "gone") return;
  alerted = null;
  byId("alert").replaceChildren();
  announce(text("engine.back"));
  document.dispatchEvent(new Event("engine-back"));
}

/** Put a text on the clipboard; false where the browser does not let us. */
export async function copyText(copied) {
  try {
    await navigator.clipboard.writeText(copied);
    return true;
  } catch {
    return false;
  }
}
