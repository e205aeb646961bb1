// What is background in an image: the colour of its border, and all that the border reaches without leaving it.

const TOLERANCE = 32; // steps of a channel that are still the same colour: more than JPEG's noise
const THIN = 0.03; // share of a figure
const BIN_BITS = 4; // border colours that differ by less than these bits count as one

/** The indices of a square image's border pixels. */
function* border(side) {
  for (let at = 0; at < side; at++) {
    yield at; // top
    yield (side - 1) * side + at; // bottom
    yield at * side; // left
    yield at * side + side - 1; // right
  }
}

/** The most common colour on the borders of square images, each side * side * 3 bytes. */
export function backgroundOf(images, side) {
  const bins = new Map();
  for (const rgb of images) {
    for (const index of border(side)) {
      const colour = rgb.subarray(3 * index, 3 * index + 3);
      const key = colour.map((value) => value >> BIN_BITS).join();
      const bin = bins.get(key) ?? { count: 0, sums: [0, 0, 0] };
      bin.count++;
      colour.forEach((value, channel) => (bin.sums[channel] += value));
      bins.set(key, bin);
    }
  }
  const most = [...bins.values()].reduce((one, other) => (other.count > one.count ? other : one));
  return most.sums.map((sum) => Math.round(sum / most.count));
}

const isBackground = (rgb, index, background) =>
  background.every((value, channel) => Math.abs(value - rgb[3 * index + channel]) <= TOLERANCE);

/**
 * Where the figure stands, {top, bottom, left, right}, ends exclusive: thin arms and feelers left out, THIN of it at
 * each end. Null where there is nothing but background.
 */
export function figureBox(rgb, side, background) {
  const [rows, columns] = [new Float32Array(side), new Float32Array(side)];
  let total = 0;
  for (let index = 0; index < side * side; index++) {
    if (isBackground(rgb, index, background)) continue;
    rows[Math.floor(index / side)]++;
    columns[index % side]++;
    total++;
  }
  if (!total) return null;
  const ends = (counts) => {
    let sum = 0;
    const shares = Array.from(counts, (count) => (sum += count) / total);
    return [shares.filter((share) => share <= THIN).length, shares.filter((share) => share < 1 - THIN).length + 1];
  };
  const [[top, bottom], [left, right]] = [ends(rows), ends(columns)];
  return { top, bottom, left, right };
}

/** The image with another colour behind its figure: what has the old one inside the figure stays. */
export function replaceBackground(rgb, side, background) {
  const old = backgroundOf([rgb], side);
  const changed = rgb.slice();
  const seen = new Set();
  const queue = [...border(side)];
  while (queue.length) {
    const index = queue.pop();
    if (seen.has(index) || !isBackground(rgb, index, old)) continue;
    seen.add(index);
    changed.set(background, 3 * index);
    const x = index % side;
    if (x > 0) queue.push(index - 1);
    if (x < side - 1) queue.push(index + 1);
    if (index >= side) queue.push(index - side);
    if (index < side * (side - 1)) queue.push(index + side);
  }
  return changed;
}
