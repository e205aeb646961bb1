// Elements by their id, and new ones.

/** The element with an id. */
export const the = (id) => document.getElementById(id);

/** A new element with attributes (`on…` are listeners) and content. */
export function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...content);
  return element;
}

/** One of the page's own icons. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Only the newest call counts: while one runs, the next waits, and any between are forgotten. */
export function newest(work) {
  let running = false;
  let waiting = null;
  return async (...values) => {
    waiting = values;
    if (running) return;
    running = true;
    try {
      while (waiting) {
        const now = waiting;
        waiting = null;
        await work(...now);
      }
    } finally {
      running = false;
    }
  };
}

/**
 * Something that is kept over a reload, in the window's `store`; where the browser keeps nothing, `fallback` and no
 * harm. One that blocks cookies raises an error at the mere name of the store.
 */
export function remembered(key, fallback, store = "localStorage") {
  try {
    return JSON.parse(window[store].getItem(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

/** Keep something over a reload; false where the browser keeps nothing. */
export function remember(key, value, store = "localStorage") {
  try {
    window[store].setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
