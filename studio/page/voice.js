// What the page says: a line for everybody, also for screen readers, and an alarm while the engine is gone.

import { make, the } from "./dom.js";
import { answers } from "./engine.js";
import { EngineError } from "./failure.js";

const SHOWN_MS = 4500;
const ASK_AGAIN_MS = 1500;
let hiding;

/** Say something in passing. */
export function say(words) {
  the("said").textContent = words;
  the("said").classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => the("said").classList.remove("shown"), SHOWN_MS);
}

let alarmed = false;

/** Say what went wrong; where the engine is gone, keep asking for it and announce `back`. */
export async function trouble(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof EngineError)) console.error(error);
  if (!error.gone) {
    say(error.message);
    return;
  }
  if (alarmed) return;
  alarmed = true;
  the("alarm").replaceChildren(make("p", {}, error.message));
  while (!(await answers())) await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
  alarmed = false;
  the("alarm").replaceChildren();
  say("All is back.");
  document.dispatchEvent(new Event("back"));
}

/** Put a text on the clipboard; false where the browser does not let us. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
