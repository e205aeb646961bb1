// Characters as small images that can be clicked, dragged, and reached with the arrow keys.

import { describe, nameOf } from "../model/describe.js";
import { channelsOf } from "../model/pixels.js";
import { text } from "../messages/text.js";
import { createElement } from "./dom.js";

/** Put pixels, RGB or RGBA, on a canvas. */
export function showPixels(canvas, pixels, side) {
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const image = new ImageData(side, side);
  const channels = channelsOf(pixels, side);
  for (let from = 0, to = 0; from < pixels.length; from += channels, to += 4) {
    image.data[to] = pixels[from];
    image.data[to + 1] = pixels[from + 1];
    image.data[to + 2] = pixels[from + 2];
    image.data[to + 3] = channels === 4 ? pixels[from + 3] : 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** A card without an image yet. It is to show `latent`, which may change; a click picks the one that is `shown`. */
export function createCard(latent, pick) {
  const card = createElement("button", {
    class: "card",
    type: "button",
    "aria-label": text("card.waits"),
  });
  card.append(createElement("canvas", { width: 80, height: 80, "aria-hidden": "true" }));
  card.latent = latent;
  card.addEventListener("click", () => card.shown && pick(card.shown));
  return card;
}

/** Draw cards, each as its image comes; `prefix(card)` stands before the name, for those who listen. */
export function drawCards(images, cards, side, signal, prefix = () => "") {
  const latents = cards.map((card) => card.latent);
  return images.draw(
    latents,
    (index, pixels) => {
      const card = cards[index];
      if (card.latent !== latents[index]) return;
      showPixels(card.querySelector("canvas"), pixels, side);
      card.shown = card.latent;
      card.classList.add("drawn");
      const label = text("card", { name: nameOf(card.latent), looks: describe(pixels, side) });
      card.setAttribute("aria-label", prefix(card) + label);
      card.title = nameOf(card.latent);
    },
    signal,
  );
}

const STEPS = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: (columns) => -columns,
  ArrowDown: (columns) => columns,
};

/**
 * Arrow keys, Home and End in a grid of cards; one card at a time is in the tab order (a roving tabindex). Call what
 * it returns after cards were added or removed.
 */
export function enableArrowKeys(grid) {
  const cards = () => [...grid.querySelectorAll(".card")];
  const enter = (card) => {
    for (const other of cards()) other.tabIndex = other === card ? 0 : -1;
  };
  grid.addEventListener("focusin", (event) => event.target.matches(".card") && enter(event.target));
  grid.addEventListener("keydown", (event) => {
    const all = cards();
    const at = all.indexOf(document.activeElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const columns = all.filter((card) => card.offsetTop === all[0].offsetTop).length;
    const to = { Home: 0, End: all.length - 1 }[event.key] ?? at + (STEPS[event.key]?.(columns) ?? NaN);
    if (!all[to]) return;
    event.preventDefault();
    all[to].focus();
  });
  return () => enter(cards().find((card) => card.tabIndex === 0) ?? cards()[0]);
}
