// What a character is made of, a latent, and everything that can happen to it. Latents are Float32Arrays whose
// numbers 16-bit floats hold exactly, so that a share code loses nothing.

const scratch = new DataView(new ArrayBuffer(4));

const nearestEven = (value) => {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
};

/** The 16 bits of the half float nearest to `value`, |value| < 65504, ties to even. */
export function halfBits(value) {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude < 0x38800000) return sign | nearestEven(Math.abs(value) * 2 ** 24); // subnormal
  return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
}

/** The number that 16 bits stand for. */
export function halfValue(bits) {
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : fraction * 2 ** -24);
}

/** A latent from any numbers: within the bound, rounded to half floats. */
export function latentOf(values, bound) {
  return Float32Array.from(values, (value) => halfValue(halfBits(Math.max(-bound, Math.min(bound, value)))));
}

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `length` numbers from N(0, 1), the same for the same seed (Box and Muller 1958). */
export function gaussian(seed, length) {
  const next = uniform(seed);
  return Float32Array.from(
    { length },
    () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  );
}

/** A seed that nobody has seen. */
export const freshSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];

const dot = (a, b) => a.reduce((sum, value, place) => sum + value * b[place], 0);
const norm = (a) => Math.sqrt(dot(a, a));

/**
 * The way from `a` to `b` at `share` (0 to 1) along a great circle, the length changing evenly: Gaussian latents lie
 * near a sphere, and a straight line would cut through its inside (White 2016, arXiv:1609.04468).
 */
export function between(a, b, share) {
  const [lengthA, lengthB] = [norm(a) || 1, norm(b) || 1];
  const angle = Math.max(1e-4, Math.acos(Math.max(-1, Math.min(1, dot(a, b) / (lengthA * lengthB)))));
  const length = (1 - share) * lengthA + share * lengthB;
  const weightA = (length / lengthA) * (Math.sin((1 - share) * angle) / Math.sin(angle));
  const weightB = (length / lengthB) * (Math.sin(share * angle) / Math.sin(angle));
  return a.map((value, place) => weightA * value + weightB * b[place]);
}

/** A child: `strength` 0 is the parent, 1 a stranger as far from the typical character as the parent is. */
export function mutated(parent, strength, seed) {
  const stranger = gaussian(seed, parent.length);
  const scale = norm(parent) / (norm(stranger) || 1) || 1;
  return between(
    parent,
    stranger.map((value) => value * scale),
    strength,
  );
}

/** A child of two: each gene from either, moved by about `step`; as far from the middle as most latents are. */
export function crossed(one, other, step, seed) {
  const next = uniform(seed);
  const moves = gaussian(~seed, one.length);
  const genes = one.map((value, at) => (next() < 0.5 ? value : other[at]) + step * moves[at]);
  const scale = Math.sqrt(genes.length) / (norm(genes) || 1);
  return genes.map((value) => value * scale);
}

/** How far a latent is along a direction, in steps of the direction's own length. */
export const amountOf = (latent, vector) => dot(latent, vector) / dot(vector, vector);

/** The latent moved along directions until it is `amounts[n]` steps along `vectors[n]`. */
export function withAmounts(latent, vectors, amounts) {
  let moved = latent;
  for (const [place, vector] of vectors.entries()) {
    const by = amounts[place] - amountOf(moved, vector);
    moved = moved.map((value, at) => value + by * vector[at]);
  }
  return moved;
}
