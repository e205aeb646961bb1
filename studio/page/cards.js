// Characters as small pictures that can be clicked, dragged, and reached with the arrow keys.

import { make } from "./dom.js";
import { looksOf, nameOf } from "./portrait.js";

/** Put pixels on a canvas. */
export function show(canvas, rgb, side) {
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const image = new ImageData(side, side);
  for (let from = 0, to = 0; from < rgb.length; to += 4) {
    image.data[to] = rgb[from++];
    image.data[to + 1] = rgb[from++];
    image.data[to + 2] = rgb[from++];
    image.data[to + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** A card without a picture yet. It is to show `latent`, which may change; taken is what it `shows`. */
export function makeCard(latent, pick) {
  const card = make("button", { class: "card", type: "button", "aria-label": "A character, being drawn" });
  card.append(make("canvas", { width: 80, height: 80, "aria-hidden": "true" }));
  card.latent = latent;
  card.addEventListener("click", () => card.shows && pick(card.shows));
  return card;
}

/** Paint cards, each as its picture comes; `said(card)` gives words before the name, for those who listen. */
export function paintCards(artist, cards, side, signal, said = () => "") {
  const latents = cards.map((card) => card.latent);
  return artist.paint(
    latents,
    (place, rgb) => {
      const card = cards[place];
      if (card.latent !== latents[place]) return;
      show(card.querySelector("canvas"), rgb, side);
      card.shows = card.latent;
      card.classList.add("drawn");
      card.setAttribute("aria-label", `${said(card)}${nameOf(card.latent)}: ${looksOf(rgb, side)}`);
      card.title = nameOf(card.latent);
    },
    signal,
  );
}

const stepsOf = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: (wide) => -wide, ArrowDown: (wide) => wide };

/** Arrow keys, Home and End in a grid of cards; one card at a time is in the tab order. */
export function walkable(grid) {
  const cards = () => [...grid.querySelectorAll(".card")];
  const enter = (card) => {
    for (const other of cards()) other.tabIndex = other === card ? 0 : -1;
  };
  grid.addEventListener("focusin", (event) => event.target.matches(".card") && enter(event.target));
  grid.addEventListener("keydown", (event) => {
    const all = cards();
    const at = all.indexOf(document.activeElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const wide = all.filter((card) => card.offsetTop === all[0].offsetTop).length;
    const to = { Home: 0, End: all.length - 1 }[event.key] ?? at + (stepsOf[event.key]?.(wide) ?? NaN);
    if (!all[to]) return;
    event.preventDefault();
    all[to].focus();
  });
  return () => enter(cards().find((card) => card.tabIndex === 0) ?? cards()[0]);
}
