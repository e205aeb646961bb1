// Curves as SVG, and which of the metrics make a chart together.

import { createElement } from "../ui/dom.js";
import { figure } from "./durations.js";
import { text } from "./messages.js";

const WIDTH = 600;
const HEIGHT = 160;
const LOGARITHMIC_FROM = 50; // ratio of the largest value to the smallest
const COLOURS = 6; // in training.css

/** What is drawn together; what is not named here has no chart. */
export const CHARTS = [
  { name: "score", keys: ["kid", "kd_efficientnet_lite0"] },
  { name: "health", keys: ["diversity", "crispness", "coherence"], bounds: [0, 1.2] },
  { name: "loss", keys: ["loss_d", "loss_g"] },
  { name: "signs", keys: ["sign_real", "sign_fake"], bounds: [-1, 1] },
  { name: "augment", keys: ["augment"], bounds: [0, 1] },
  { name: "speed", keys: ["images_per_second"] },
];

/** The charts of one run: a curve for each metric. */
export function runCharts(run) {
  const curves = new Map(run.curves.map(({ name, points }) => [name, points]));
  return CHARTS.map(({ name, keys, bounds }) => {
    const lines = keys.filter((key) => curves.has(key)).map((key) => [text(`metric.${key}`), curves.get(key)]);
    return lines.length && chart(name, lines, run.images, bounds);
  }).filter(Boolean);
}

/** The charts of several runs: a curve for each run, a chart for each metric, all to one scale. */
export function comparedCharts(runs) {
  const last = Math.max(...runs.map((run) => run.images));
  const charts = CHARTS.flatMap(({ name, keys, bounds }) => keys.map((key) => ({ name, key, bounds })));
  return charts
    .map(({ name, key, bounds }) => {
      const own = (run) => run.curves.find((curve) => curve.name === key)?.points;
      const lines = runs.map((run) => [run.run, own(run) ?? []]);
      return lines.some(([, points]) => points.length) && chart(name, lines, last, bounds, text(`metric.${key}`));
    })
    .filter(Boolean);
}

function chart(name, lines, last, bounds, title = text(`chart.${name}`)) {
  const values = lines.flatMap(([, points]) => points.map(([, value]) => value));
  const scale = scaleOf(values, bounds);
  const ends = lines.map(([label, points]) => [label, points.length ? figure(points.at(-1)[1]) : text("chart.none")]);
  const svg = createSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  svg.setAttribute("aria-label", `${title}: ${ends.map((end) => end.join(" ")).join(", ")}`);
  for (const y of [0, HEIGHT / 2, HEIGHT]) svg.append(createSvg("path", { class: "rule", d: `M0 ${y}H${WIDTH}` }));
  lines.forEach(([, points], index) => {
    const at = ([x, value]) => `${((WIDTH * x) / Math.max(last, 1)).toFixed(1)},${scale.y(value).toFixed(1)}`;
    const drawn = points.length === 1 ? [...points, ...points] : points; // a dot
    svg.append(createSvg("polyline", { class: `curve c${index % COLOURS}`, points: drawn.map(at).join(" ") }));
  });
  const ticks = [scale.high, scale.middle, scale.low].map((value) => createElement("span", {}, figure(value)));
  const times = ["0", text("chart.shown", { images: figure(last) })].map((time) => createElement("span", {}, time));
  return createElement(
    "figure",
    { class: "chart" },
    createElement("figcaption", {}, createElement("b", {}, title), legend(ends)),
    createElement("p", {}, text(`hint.${name}`)),
    createElement("div", { class: "plot" }, createElement("div", { class: "ticks" }, ...ticks), svg),
    createElement("div", { class: "times" }, ...times),
  );
}

const legend = (ends) =>
  createElement(
    "span",
    { class: "legend" },
    ...ends.map(([label, value], index) =>
      createElement("span", { class: `key c${index % COLOURS}` }, `${label} `, createElement("b", {}, value)),
    ),
  );

function scaleOf(values, bounds) {
  let [low, high] = bounds ?? [Math.min(...values), Math.max(...values)];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const isLogarithmic = !bounds && low > 0 && high / low >= LOGARITHMIC_FROM;
  const transform = isLogarithmic ? Math.log : (value) => value;
  const [from, to] = [transform(low), transform(high)];
  const y = (value) => HEIGHT * (1 - (transform(Math.min(Math.max(value, low), high)) - from) / (to - from));
  return { low, high, y, middle: isLogarithmic ? Math.sqrt(low * high) : (low + high) / 2 };
}

function createSvg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
