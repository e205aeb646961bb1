// Words that pick among characters: "large red", "small round blue". Each stands for a measure of model/measures.js and
// a sign, or for a colour of model/describe.js. The one place for another language.

import { colourShares } from "./describe.js";
import { measure } from "./measures.js";

const MEASURES = {
  brightness: ["bright light pale", "dim gloomy"],
  warmth: ["warm fiery", "cold cool icy"],
  colourfulness: ["colourful colorful vivid", "colourless colorless muted faded"],
  size: ["large big huge giant", "small little tiny"],
  width: ["wide broad fat chubby", "narrow thin slim slender"],
  height: ["tall high long", "short low squat"],
  roundness: ["round ball", "lanky spiky"],
  symmetry: ["symmetric symmetrical even", "asymmetric asymmetrical lopsided crooked"],
  outline: ["outlined", "soft"],
  detail: ["busy detailed patterned", "plain simple smooth"],
};
const COLOURS = {
  red: "red",
  orange: "orange",
  yellow: "yellow golden",
  olive: "olive",
  green: "green",
  teal: "teal cyan turquoise",
  blue: "blue",
  purple: "purple violet",
  pink: "pink",
  brown: "brown",
  white: "white",
  grey: "grey gray",
  dark: "dark black",
};
const FILLERS = new Set("a an and the with very of one ones character characters please".split(" "));
const NOTHING = 0.04; // share of the picture: what has so little is no character, however small one is wished for
const CLIP = 2; // standard deviations: nothing is so blue that it may be large where small was asked for

const KNOWN = new Map();
for (const [name, sides] of Object.entries(MEASURES))
  sides.forEach((words, less) =>
    words.split(" ").forEach((word) => KNOWN.set(word, { name, sign: less ? -1 : 1 })),
  );
for (const [name, words] of Object.entries(COLOURS))
  words.split(" ").forEach((word) => KNOWN.set(word, { name, sign: 1 }));

/** A word for each thing that is understood, to tell of. */
export const EXAMPLES = [...Object.values(MEASURES).flatMap((sides) => sides), ...Object.values(COLOURS)].map(
  (words) => words.split(" ")[0],
);

/** What a text asks for: the words that are known, what they wish for, and the other words. */
export function parseWords(text) {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const telling = [...new Set(words)].filter((word) => !FILLERS.has(word));
  const known = telling.filter((word) => KNOWN.has(word));
  const unknown = telling.filter((word) => !KNOWN.has(word));
  return { known, wishes: known.map((word) => KNOWN.get(word)), unknown };
}

/** All that words can ask for, of one image. */
export const lookAt = (pixels, side) => ({ ...measure(pixels, side), ...colourShares(pixels, side) });

/** The indices of images that were looked at: first those of which more is as wished, last those that are empty. */
export function rank(measured, wishes) {
  const scores = new Array(measured.length).fill(0);
  for (const { name, sign } of wishes) {
    const values = measured.map((each) => each[name] ?? 0);
    const centre = values.reduce((sum, value) => sum + value, 0) / values.length;
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / values.length) || 1;
    values.forEach((value, index) => {
      scores[index] += Math.max(-CLIP, Math.min(CLIP, (sign * (value - centre)) / spread));
    });
  }
  measured.forEach(({ size }, index) => {
    if (size < NOTHING) scores[index] -= 2 * CLIP * wishes.length; // below all others
  });
  return scores.map((_, index) => index).sort((a, b) => scores[b] - scores[a]);
}
