// Words that pick among characters: "large red", "small round blue". Each stands for a measure of model/measures.js and
// a sign, or for a colour of model/describe.js.

import { COLOUR_NAMES, colourShares } from "./describe.js";
import { text } from "../messages/text.js";
import { measure } from "./measures.js";

const MEASURES = [
  "brightness",
  "warmth",
  "colourfulness",
  "size",
  "width",
  "height",
  "roundness",
  "symmetry",
  "outline",
  "detail",
];
const FILLERS = new Set(text("words.fillers").split(" "));
const NOTHING = 0.04; // share of the picture: what has so little is no character, however small one is wished for
const CLIP = 2; // standard deviations: nothing is so blue that it may be large where small was asked for

/** What is understood: [words, what they wish for]. */
const MEANINGS = [
  ...MEASURES.flatMap((name) => [
    [text(`words.${name}.more`).split(" "), { name, sign: 1 }],
    [text(`words.${name}.less`).split(" "), { name, sign: -1 }],
  ]),
  ...COLOUR_NAMES.map((name) => [text(`words.${name}`).split(" "), { name, sign: 1 }]),
];
const KNOWN = new Map(MEANINGS.flatMap(([words, wish]) => words.map((word) => [word, wish])));

/** A word for each thing that is understood, to tell of. */
export const EXAMPLES = MEANINGS.map(([[word]]) => word);

/** What a text asks for: the words that are known, what they wish for, and the other words. */
export function parseWords(wanted) {
  const words = wanted.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
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
