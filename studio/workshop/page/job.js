// How far what the page has started is; it goes on without the page.

import { byId, createElement } from "../ui/dom.js";
import { alertError } from "./announce.js";
import { jobState, stopJob } from "./api.js";
import { text } from "./messages.js";

const ASK_AGAIN_MS = 400;
const MIB = 2 ** 20;

const button = (id, onclick) => createElement("button", { type: "button", class: "button", id, onclick }, text(`job.${id}`));

/** The section, filled when it is first needed. */
function section() {
  const job = byId("job");
  if (job.childElementCount) return job;
  const lines = { id: "lines", tabindex: 0, role: "region", "aria-label": text("job.lines") };
  job.append(
    createElement("h2", { id: "job-title" }),
    createElement("progress", { id: "progress", "aria-label": text("job.progress") }),
    createElement("p", { id: "doing", role: "status" }),
    createElement("div", { id: "refused-part" }, createElement("h3", {}, text("job.refused")), createElement("ul", { id: "refused" })),
    createElement(
      "div",
      { class: "row" },
      button("stop", () => stopJob().catch(alertError)),
      createElement("a", { class: "button main", id: "open" }, text("job.open")),
    ),
    createElement("pre", lines),
  );
  return job;
}

/** Pictures are on their way. */
export function showUpload(done, total) {
  reveal();
  byId("stop").hidden = byId("open").hidden = true;
  byId("refused-part").hidden = byId("lines").hidden = true;
  byId("job-title").textContent = text("job.upload");
  const mib = (bytes) => (bytes / MIB).toFixed(1);
  showProgress(done, total, text("job.sent", { done: mib(done), total: mib(total) }));
}

/** Follow it to its end, and give that; `refused` is what was not even sent. */
export async function followJob(refused = []) {
  let state = await jobState();
  reveal();
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
  byId("doing").textContent = ending(state);
  return state;
}

/** Under what has been made, the way to it. */
export function offerSet(folder) {
  byId("open").hidden = false;
  byId("open").href = `set.html?${new URLSearchParams({ folder })}`;
}

function ending({ ok, kind, message, lines }) {
  if (message === "stopped") return text("job.stopped");
  if (!ok) return message;
  return kind === "make" ? text("job.made") : text("job.estimated", { estimate: lines.at(-1) });
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

function reveal() {
  if (!section().hidden) return;
  byId("job").hidden = false;
  byId("job").scrollIntoView({ block: "nearest" });
}

function showProgress(done, total, words) {
  const bar = byId("progress");
  bar.hidden = false;
  if (total) Object.assign(bar, { max: total, value: done });
  else bar.removeAttribute("value");
  byId("doing").textContent = words;
}
