// Projection: the character most like an image, found by an evolutionary search that asks the engine for nothing but
// images, so it works wherever the page does. Strangers come first; the most alike are then bred with each other.

import { backgroundOf, figureBox, replaceBackground } from "./background.js";
import { crossover, quantise } from "./latents.js";
import { overBlack } from "./pixels.js";
import { gaussian, randomSeed } from "./random.js";

const BATCH = 24;
const STRANGER_BATCHES = 5;
const GENERATIONS = 60;
const PARENTS = 8;
const MAX_MS = 15_000; // a slow engine gets as far as it does
const FIRST_STEP = 0.3; // how far genes move at first; later ever less
const LAST_STEP = 0.05;
const FRAME = 32; // side to which figures are brought before they are compared
const COLOUR_WEIGHT = 1.5; // beside lightness; with less, brown men are found for green monsters
const ASPECT_WEIGHT = 127.5; // of |log aspect ratio|: a factor of e costs as much as a mean difference of 127.5

/** Half as wide and high, each pixel the mean of four. */
function downsample(values, side) {
  const half = side >> 1;
  const smaller = new Float32Array(3 * half * half);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const at = 3 * (2 * y * side + 2 * x) + channel;
        const sum = values[at] + values[at + 3] + values[at + 3 * side] + values[at + 3 * side + 3];
        smaller[3 * (y * half + x) + channel] = sum / 4;
      }
    }
  }
  return smaller;
}

/**
 * How far two images are from each other: the mean difference in opponent colours (lightness, red against green,
 * blue against yellow), summed over sizes down to a pixel: coarse ones lead, fine ones follow.
 */
export function multiscaleDistance(a, b, side) {
  let difference = new Float32Array(a.length);
  for (let at = 0; at < a.length; at += 3) {
    const [red, green, blue] = [0, 1, 2].map((channel) => a[at + channel] - b[at + channel]);
    difference[at] = (red + green + blue) / 3;
    difference[at + 1] = COLOUR_WEIGHT * (red - green);
    difference[at + 2] = COLOUR_WEIGHT * (blue - (red + green) / 2);
  }
  let total = 0;
  for (let size = side; size >= 1; size >>= 1) {
    total += difference.reduce((sum, value) => sum + Math.abs(value), 0) / difference.length;
    difference = downsample(difference, size);
  }
  return total;
}

/** An image's figure: its difference to the background, FRAME * FRAME * 3 numbers, and its width over its height. */
export function cropFigure(rgb, side, background) {
  const whole = { top: 0, bottom: side, left: 0, right: side };
  const { top, bottom, left, right } = figureBox(rgb, side, background) ?? whole;
  const framed = new Float32Array(3 * FRAME * FRAME);
  const from = (start, length, cell) => start + Math.floor((cell * length) / FRAME);
  const to = (start, length, cell) => start + Math.ceil(((cell + 1) * length) / FRAME);
  for (let row = 0; row < FRAME; row++) {
    const [y0, y1] = [from(top, bottom - top, row), to(top, bottom - top, row)];
    for (let column = 0; column < FRAME; column++) {
      const [x0, x1] = [from(left, right - left, column), to(left, right - left, column)];
      for (let y = y0; y < y1; y++)
        for (let x = x0; x < x1; x++)
          for (let channel = 0; channel < 3; channel++)
            framed[3 * (FRAME * row + column) + channel] +=
              (rgb[3 * (y * side + x) + channel] - background[channel]) / ((y1 - y0) * (x1 - x0));
    }
  }
  return { framed, aspect: (right - left) / (bottom - top) };
}

/** How far two figures are from each other, wherever they stand in their images. */
export function figureDistance(a, b) {
  return multiscaleDistance(a.framed, b.framed, FRAME) + ASPECT_WEIGHT * Math.abs(Math.log(a.aspect / b.aspect));
}

/** One search. It may be run once; `best` is there as soon as the first batch is drawn. */
export class Projection {
  #engine;
  #image;
  #background = null; // the model's own
  #figure; // what the characters are compared with
  #best = []; // {latent, pixels, rgb, distance}, the most alike first

  /** @param {Uint8Array} image size_px * size_px * 3 bytes RGB */
  constructor(engine, image) {
    this.#engine = engine;
    this.#image = image;
  }

  /** The most alike so far: {latent, pixels, distance}, its pixels as `engine.draw` gives them. */
  get best() {
    return this.#best[0];
  }

  /**
   * Search to the end, or until `signal` says so.
   *
   * @param {(image: Uint8Array) => void} onTarget told once: the image on the model's own background
   * @param {(done: number) => void} onGeneration told after each batch; 1 is the end
   */
  async run(signal, onTarget, onGeneration) {
    const begun = performance.now();
    for (let round = 1, done = 0; done < 1; round++) {
      const step = FIRST_STEP * (LAST_STEP / FIRST_STEP) ** done;
      const batch = await this.#draw(round > STRANGER_BATCHES ? () => this.#child(step) : this.#stranger, signal);
      if (!this.#background) onTarget(this.#settleTarget(batch.map(({ rgb }) => rgb)));
      this.#select(batch);
      done = Math.max(round / (STRANGER_BATCHES + GENERATIONS), (performance.now() - begun) / MAX_MS);
      onGeneration(done);
    }
  }

  async #draw(next, signal) {
    const { latent_bound: bound, most_pictures: most } = this.#engine.info;
    const latents = Array.from({ length: Math.min(BATCH, most) }, () => quantise(next(), bound));
    const images = await this.#engine.draw(latents, signal);
    const { size_px: side } = this.#engine.info;
    return images.map((pixels, index) => ({ latent: latents[index], pixels, rgb: overBlack(pixels, side) }));
  }

  #settleTarget(images) {
    const { size_px: side } = this.#engine.info;
    this.#background = backgroundOf(images, side);
    const target = replaceBackground(this.#image, side, this.#background);
    this.#figure = cropFigure(target, side, this.#background);
    return target;
  }

  #select(batch) {
    const { size_px: side } = this.#engine.info;
    for (const each of batch)
      each.distance = figureDistance(cropFigure(each.rgb, side, this.#background), this.#figure);
    this.#best = [...this.#best, ...batch].sort((a, b) => a.distance - b.distance).slice(0, PARENTS);
  }

  #stranger = () => gaussian(randomSeed(), this.#engine.info.latent_dim);

  #child(step) {
    const [a, b] = [0, 1].map(() => this.#best[Math.floor(Math.random() * this.#best.length)].latent);
    return crossover(a, b, step, randomSeed());
  }
}
