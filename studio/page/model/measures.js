// What a person sees of a character, as numbers: gan/sampling/measures.py, which says what each is, in the page. Plain
// loops over typed arrays, for the words on the wall measure hundreds of pictures at once.

import { channelsOf } from "./pixels.js";

const OPAQUE = 128;
const TOLERANCE = 32;
const THIN = 0.03;
const HUE_Y = Math.sqrt(0.75);

/** All measures of a picture, RGB or RGBA, by their names. */
export function measure(pixels, side) {
  const figure = figureOf(pixels, side);
  const rgb = coloursOn(figure, pixels, side);
  const luma = Float32Array.from(
    figure,
    (_, at) => 0.299 * rgb[3 * at] + 0.587 * rgb[3 * at + 1] + 0.114 * rgb[3 * at + 2],
  );
  const [columns, rows, area] = countsOf(figure, side);
  const [left, right] = extent(columns, area);
  const [top, bottom] = extent(rows, area);
  return {
    ...colours(figure, rgb, luma, area),
    size: area / side ** 2,
    width: (right - left) / side,
    height: (bottom - top) / side,
    roundness: roundness(columns, rows, area),
    symmetry: symmetry(figure, rgb, side, left + right - 1),
    ...edges(figure, luma, side, area),
  };
}

/** 1 on the figure, 0 on what is like the border's median colour and reached from there. */
function figureOf(pixels, side) {
  const figure = new Uint8Array(side * side).fill(1);
  if (channelsOf(pixels, side) === 4) return figure.map((_, at) => (pixels[4 * at + 3] >= OPAQUE ? 1 : 0));
  const queue = borderOf(side);
  const background = [0, 1, 2].map((channel) => {
    const values = Uint8Array.from(queue, (at) => pixels[3 * at + channel]).sort();
    return values[(values.length - 1) >> 1];
  });
  const alike = (at) =>
    Math.abs(pixels[3 * at] - background[0]) <= TOLERANCE &&
    Math.abs(pixels[3 * at + 1] - background[1]) <= TOLERANCE &&
    Math.abs(pixels[3 * at + 2] - background[2]) <= TOLERANCE;
  while (queue.length) {
    const at = queue.pop();
    if (!figure[at] || !alike(at)) continue;
    figure[at] = 0;
    const x = at % side;
    if (x > 0) queue.push(at - 1);
    if (x < side - 1) queue.push(at + 1);
    if (at >= side) queue.push(at - side);
    if (at < side * (side - 1)) queue.push(at + side);
  }
  return figure;
}

/** The border's pixels, each once. */
function borderOf(side) {
  const last = side * (side - 1);
  const border = [];
  for (let place = 0; place < side; place++) border.push(place, last + place);
  for (let row = side; row < last; row += side) border.push(row, row + side - 1);
  return border;
}

/** Red, green and blue of each pixel in 0 to 1; 0 off the figure. */
function coloursOn(figure, pixels, side) {
  const channels = channelsOf(pixels, side);
  const rgb = new Float32Array(3 * figure.length);
  for (let at = 0; at < figure.length; at++) {
    if (!figure[at]) continue;
    for (let channel = 0; channel < 3; channel++) rgb[3 * at + channel] = pixels[channels * at + channel] / 255;
  }
  return rgb;
}

function countsOf(figure, side) {
  const [columns, rows] = [new Array(side).fill(0), new Array(side).fill(0)];
  let area = 0;
  for (let at = 0; at < figure.length; at++) {
    columns[at % side] += figure[at];
    rows[Math.floor(at / side)] += figure[at];
    area += figure[at];
  }
  return [columns, rows, area];
}

function extent(counts, area) {
  if (!area) return [0, 0];
  let sum = 0;
  const shares = counts.map((count) => (sum += count) / area);
  return [shares.filter((share) => share <= THIN).length, shares.filter((share) => share < 1 - THIN).length + 1];
}

function colours(figure, rgb, luma, area) {
  const sums = { brightness: 0, warmth: 0, hue_x: 0, hue_y: 0, colourfulness: 0 };
  for (let at = 0; at < figure.length; at++) {
    const [red, green, blue] = [rgb[3 * at], rgb[3 * at + 1], rgb[3 * at + 2]];
    sums.brightness += luma[at];
    sums.warmth += red - blue;
    sums.hue_x += red - (green + blue) / 2;
    sums.hue_y += HUE_Y * (green - blue);
    sums.colourfulness += Math.max(red, green, blue) - Math.min(red, green, blue);
  }
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / (area || 1)]));
}

function roundness(columns, rows, area) {
  if (!area) return 0;
  let moments = area / 6;
  for (const counts of [columns, rows]) {
    const centre = counts.reduce((sum, count, place) => sum + count * place, 0) / area;
    moments += counts.reduce((sum, count, place) => sum + count * (place - centre) ** 2, 0);
  }
  return area ** 2 / (2 * Math.PI * moments);
}

function symmetry(figure, rgb, side, ends) {
  let [difference, both] = [0, 0];
  for (let at = 0; at < figure.length; at++) {
    const column = ends - (at % side);
    const inPicture = column >= 0 && column < side;
    const mirrored = at - (at % side) + column;
    if (!figure[at] && !(inPicture && figure[mirrored])) continue;
    both++;
    for (let channel = 0; channel < 3; channel++)
      difference += Math.abs(rgb[3 * at + channel] - (inPicture ? rgb[3 * mirrored + channel] : 0)) / 3;
  }
  return both ? 1 - difference / both : 0;
}

function edges(figure, luma, side, area) {
  const sums = [0, 0]; // of the luma: on the rim, inside
  const counts = [0, 0];
  let steps = 0;
  const last = side * (side - 1);
  for (let at = 0; at < figure.length; at++) {
    if (!figure[at]) continue;
    const x = at % side;
    const [isLeft, isRight, isTop, isBottom] = [x === 0, x === side - 1, at < side, at >= last];
    const inside =
      (isLeft || figure[at - 1]) &&
      (isRight || figure[at + 1]) &&
      (isTop || figure[at - side]) &&
      (isBottom || figure[at + side]);
    sums[inside ? 1 : 0] += luma[at];
    counts[inside ? 1 : 0]++;
    if (!isRight && figure[at + 1]) steps += Math.abs(luma[at] - luma[at + 1]);
    if (!isBottom && figure[at + side]) steps += Math.abs(luma[at] - luma[at + side]);
  }
  const [rim, inner] = sums.map((sum, index) => sum / (counts[index] || 1));
  return { outline: (inner - rim) / (inner || 1), detail: steps / (area || 1) };
}
