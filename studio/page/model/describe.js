// What an image shows, in words, and a character's name: for people who do not see it, and for all to remember.

import { crc32 } from "./crc32.js";
import { text } from "../messages/text.js";
import { overBlack } from "./pixels.js";

const FIRST =
  "Bel Dor Fen Gil Hal Ivo Jor Kel Lum Mar Nim Oli Pim Quil Ros Sol Tam Una Vel Wil Yor Zan Ember Tilo".split(" ");
const LAST = "bert bo dan do fin gar ina ix la lo mo na nor ra rik ro ta to vin wen zo ska lin dra".split(" ");
const BACKGROUND = 40; // brightest channel of a pixel that counts as nothing

/** A name for a character, the same wherever it comes up. */
export function nameOf(latent) {
  const number = crc32(new Uint8Array(latent.buffer, latent.byteOffset, latent.byteLength));
  return FIRST[number % FIRST.length] + LAST[Math.floor(number / FIRST.length) % LAST.length];
}

const COLOURS = "red orange yellow olive green teal blue purple pink red brown white grey dark".split(" ");
const HUE_ENDS = [14, 42, 66, 90, 158, 188, 250, 290, 335, 361]; // degrees, of the first ten
const [BROWN, WHITE, GREY, DARK] = [10, 11, 12, 13];

/** The names of colours, each once. */
export const COLOUR_NAMES = [...new Set(COLOURS)];

/** The place of a colour's name in COLOURS. */
function colourOf(red, green, blue) {
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  const lightness = (most + least) / 510;
  if (most - least < 28) return lightness > 0.75 ? WHITE : lightness > 0.3 ? GREY : DARK;
  const sixth =
    most === red
      ? (green - blue) / (most - least)
      : most === green
        ? 2 + (blue - red) / (most - least)
        : 4 + (red - green) / (most - least);
  const hue = ((sixth * 60 + 360) % 360) | 0;
  if (hue < 48 && lightness < 0.42 && hue > 12) return BROWN;
  let index = 0;
  while (hue >= HUE_ENDS[index]) index++;
  return index;
}

/** A few words on an image: "Mostly teal, some white; tall". */
export function describe(pixels, side) {
  const { counts, ink, shape } = survey(pixels, side);
  if (ink < side) return text("looks.empty");
  const [[first], second] = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  const also = second && second[1] > ink * 0.12 ? text("looks.also", { colour: text(`colour.${second[0]}`) }) : "";
  const form = text(`looks.${shape > 1.1 ? "wide" : shape < 0.75 ? "tall" : "stocky"}`);
  return text("looks", { colour: text(`colour.${first}`), also, form });
}

/** The share of each colour, by its name, in what is not background. */
export function colourShares(pixels, side) {
  const { counts, ink } = survey(pixels, side);
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count / ink]));
}

/**
 * How many pixels each colour has and all have, and the shape of their box: its width over its height. The loop makes no
 * objects: a whole wall is looked at while its pictures come.
 */
function survey(pixels, side) {
  const rgb = overBlack(pixels, side);
  const pixelsOf = new Uint32Array(COLOURS.length);
  let [left, right, top, bottom, ink] = [side, 0, side, 0, 0];
  for (let at = 0; at < side * side; at++) {
    const red = rgb[3 * at];
    const green = rgb[3 * at + 1];
    const blue = rgb[3 * at + 2];
    if (Math.max(red, green, blue) < BACKGROUND) continue;
    const x = at % side;
    const y = Math.floor(at / side);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = y;
    pixelsOf[colourOf(red, green, blue)]++;
    ink++;
  }
  const counts = {};
  pixelsOf.forEach((count, index) => count && (counts[COLOURS[index]] = (counts[COLOURS[index]] ?? 0) + count));
  return { counts, ink, shape: (right - left + 1) / (bottom - top + 1) };
}
