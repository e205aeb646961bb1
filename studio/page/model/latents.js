// Latents, and how new ones are made of them: interpolation, mutation, crossover, moves along directions. They are
// Float32Arrays of numbers that 16-bit floats hold exactly, so that a share code loses nothing.

import { float16Bits, float16Value } from "./float16.js";
import { gaussian, uniform } from "./random.js";

const SMALLEST_ANGLE = 1e-4; // radians; from there to 0 and from there to opposite, sin(angle) is no divisor
const SMALLEST_NORM = 1e-12;

/** A latent as a key of maps. */
export const latentKey = (latent) => latent.join();

/** A latent from any numbers: within the bound, rounded to half floats. */
export function quantise(values, bound) {
  return Float32Array.from(values, (value) => float16Value(float16Bits(Math.max(-bound, Math.min(bound, value)))));
}

const dot = (a, b) => a.reduce((sum, value, index) => sum + value * b[index], 0);
const norm = (a) => Math.sqrt(dot(a, a));

/**
 * Spherical linear interpolation from `a` to `b` at `t` in [0, 1]: sin((1 - t) angle) / sin(angle) of the one, and
 * sin(t angle) / sin(angle) of the other (White 2016, arXiv:1609.04468; gan/sampling/interpolation.py does the same).
 */
export function slerp(a, b, t) {
  const cosine = dot(a, b) / Math.max(norm(a), SMALLEST_NORM) / Math.max(norm(b), SMALLEST_NORM);
  const nearest = Math.acos(Math.max(-1, Math.min(1, cosine)));
  const angle = Math.max(SMALLEST_ANGLE, Math.min(Math.PI - SMALLEST_ANGLE, nearest));
  const weightA = Math.sin((1 - t) * angle) / Math.sin(angle);
  const weightB = Math.sin(t * angle) / Math.sin(angle);
  return a.map((value, index) => weightA * value + weightB * b[index]);
}

/** A child: `rate` 0 is the parent, 1 a stranger as far from the typical character as the parent is. */
export function mutate(parent, rate, seed) {
  const stranger = gaussian(seed, parent.length);
  const scale = norm(parent) / (norm(stranger) || 1) || 1;
  return slerp(
    parent,
    stranger.map((value) => value * scale),
    rate,
  );
}

/** A child of two: each gene from either, moved by about `step`; as far from the middle as most latents are. */
export function crossover(a, b, step, seed) {
  const next = uniform(seed);
  const moves = gaussian(~seed, a.length);
  const genes = a.map((value, index) => (next() < 0.5 ? value : b[index]) + step * moves[index]);
  const scale = Math.sqrt(genes.length) / (norm(genes) || 1);
  return genes.map((value) => value * scale);
}

/** How far a latent is along a direction, in steps of the direction's own length. */
export const amountAlong = (latent, direction) => dot(latent, direction) / dot(direction, direction);

/** The latent moved until it is `amounts[n]` steps along `directions[n]`, one after the other. */
export function withAmounts(latent, directions, amounts) {
  let moved = latent;
  for (const [index, direction] of directions.entries()) {
    const by = amounts[index] - amountAlong(moved, direction);
    moved = moved.map((value, gene) => value + by * direction[gene]);
  }
  return moved;
}
