// What is background in a picture: the colour of its border, and all that the border reaches without leaving it.

const TOLERANCE = 32; // steps of a channel that are still the same colour: more than JPEG's noise
const THIN = 0.03; // share of a figure
const BIN_BITS = 4; // border colours that differ by less than these bits count as one

/** The places of a square picture's border pixels. */
function* border(side) {
  for (let at = 0; at < side; at++) {
    yield at; // top
    yield (side - 1) * side + at; // bottom
    yield at * side; // left
    yield at * side + side - 1; // right
  }
}

/** The most common colour on the borders of square pictures, each side * side * 3 bytes. */
export function groundOf(pictures, side) {
  const bins = new Map();
  for (const rgb of pictures) {
    for (const place of border(side)) {
      const colour = rgb.subarray(3 * place, 3 * place + 3);
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

const isGround = (rgb, place, ground) =>
  ground.every((value, channel) => Math.abs(value - rgb[3 * place + channel]) <= TOLERANCE);

/**
 * Where the figure stands, {top, bottom, left, right}, ends exclusive: thin arms and feelers left out, THIN of it at
 * each end. Null where there is nothing but ground.
 */
export function boxOf(rgb, side, ground) {
  const [rows, columns] = [new Float32Array(side), new Float32Array(side)];
  let total = 0;
  for (let place = 0; place < side * side; place++) {
    if (isGround(rgb, place, ground)) continue;
    rows[Math.floor(place / side)]++;
    columns[place % side]++;
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

/** The picture with another colour behind its figure: what has the old one inside the figure stays. */
export function onGround(rgb, side, ground) {
  const old = groundOf([rgb], side);
  const changed = rgb.slice();
  const seen = new Set();
  const open = [...border(side)];
  while (open.length) {
    const place = open.pop();
    if (seen.has(place) || !isGround(rgb, place, old)) continue;
    seen.add(place);
    changed.set(ground, 3 * place);
    const x = place % side;
    if (x > 0) open.push(place - 1);
    if (x < side - 1) open.push(place + 1);
    if (place >= side) open.push(place - side);
    if (place < side * (side - 1)) open.push(place + side);
  }
  return changed;
}
