// How far what the page has started is; it goes on without the page.

import { byId, createElement } from "../ui/dom.js";
import { jobState } from "./api.js";
import { text } from "./messages.js";

const ASK_AGAIN_MS = 400;
const MIB = 2 ** 20;

/** Pictures are on their way. */
export function showUpload(done, total) {
  byId("stop").hidden = byId("open").hidden = true;
  byId("refused-part").hidden = byId("lines").hidden = true;
  byId("job-title").textContent = text("job.upload");
  const mib = (bytes) => (bytes / MIB).toFixed(1);
  showProgress(done, total, text("job.sent", { done: mib(done), total: mib(total) }));
}

/** Follow it to its end; then its set opens, unless something was refused, which is to be read. */
export async function followJob(refused) {
  let state = await jobState();
  byId("stop").hidden = false;
  byId("open").hidden = true;
  while (state.running) {
    show(state, refused);
    await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
    state = await jobState();
  }
  show(state, refused);
  byId("stop").hidden = true;
  byId("progress").hidden = true;
  const isMade = state.ok && state.kind === "make";
  byId("open").hidden = !isMade;
  byId("open").href = `set.html?${new URLSearchParams({ folder: state.folder })}`;
  byId("doing").textContent = ending(state);
  document.title = text("new.done", { name: state.name });
  if (isMade && !refused.length && !state.refused.length) location.href = byId("open").href;
}

function ending({ ok, kind, message }) {
  if (message === "stopped") return text("job.stopped");
  if (!ok) return message;
  return text(kind === "make" ? "job.made" : "job.estimated");
}

function show(state, refused) {
  byId("job-title").textContent = text(`job.${state.step}`, { name: state.name });
  const { done, total, doing } = state;
  const amount = total ? text("job.amount", { done, total }) : "";
  showProgress(done, total, [amount, doing].filter(Boolean).join(" "));
  document.title = [amount, text(`job.${state.step}`, { name: state.name })].filter(Boolean).join(" · ");
  const all = [...refused, ...state.refused];
  byId("refused-part").hidden = !all.length;
  byId("refused").replaceChildren(...all.map(({ name, reason }) => createElement("li", {}, `${name}: ${reason}`)));
  byId("lines").hidden = !state.lines.length;
  byId("lines").textContent = state.lines.join("\n");
}

function showProgress(done, total, words) {
  const bar = byId("progress");
  if (byId("job").hidden) {
    byId("job").hidden = false;
    byId("job").scrollIntoView({ block: "nearest" });
  }
  bar.hidden = false;
  if (total) Object.assign(bar, { max: total, value: done });
  else bar.removeAttribute("value");
  byId("doing").textContent = words;
}
