// The character most like a picture from elsewhere: strangers at first, of whom the most alike are bred with each
// other, generation by generation. It asks the engine for nothing but pictures, so it works wherever the page does.

import { show } from "./cards.js";
import { CodeError } from "./codes.js";
import { make, the } from "./dom.js";
import { boxOf, groundOf, onGround } from "./ground.js";
import { crossed, freshSeed, gaussian, latentOf } from "./genetics.js";
import { nameOf } from "./portrait.js";
import { say, trouble } from "./voice.js";

const AT_ONCE = 24;
const STRANGERS = 5; // times AT_ONCE
const GENERATIONS = 60; // times AT_ONCE
const PARENTS = 8;
const MOST_MS = 15_000; // a slow engine gets as far as it does
const FIRST_STEP = 0.3; // how far genes move at first; later ever less
const LAST_STEP = 0.05;
const FRAME = 32; // side to which figures are brought before they are compared
const COLOUR_WEIGHT = 1.5; // beside lightness; with less, brown men are found for green monsters
const ASPECT_WEIGHT = 127.5; // what e times as wide costs

/** Half as wide and high, each pixel the mean of four. */
function halved(values, side) {
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
 * How far two pictures are from each other: the mean difference in opponent colours (lightness, red against green,
 * blue against yellow), summed over sizes down to a pixel: coarse ones lead, fine ones follow.
 */
export function unlikeness(one, other, side) {
  let difference = new Float32Array(one.length);
  for (let at = 0; at < one.length; at += 3) {
    const [red, green, blue] = [0, 1, 2].map((channel) => one[at + channel] - other[at + channel]);
    difference[at] = (red + green + blue) / 3;
    difference[at + 1] = COLOUR_WEIGHT * (red - green);
    difference[at + 2] = COLOUR_WEIGHT * (blue - (red + green) / 2);
  }
  let total = 0;
  for (let size = side; size >= 1; size >>= 1) {
    total += difference.reduce((sum, value) => sum + Math.abs(value), 0) / difference.length;
    difference = halved(difference, size);
  }
  return total;
}

/** A picture's figure cut out, its difference to the ground, FRAME * FRAME * 3 numbers, and its width over its height. */
export function figureOf(rgb, side, ground) {
  const whole = { top: 0, bottom: side, left: 0, right: side };
  const { top, bottom, left, right } = boxOf(rgb, side, ground) ?? whole;
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
              (rgb[3 * (y * side + x) + channel] - ground[channel]) / ((y1 - y0) * (x1 - x0));
    }
  }
  return { framed, aspect: (right - left) / (bottom - top) };
}

/** How far two figures are from each other, wherever they stand in their pictures. */
export function figureUnlikeness(one, other) {
  const stretched = Math.abs(Math.log(one.aspect / other.aspect));
  return unlikeness(one.framed, other.framed, FRAME) + ASPECT_WEIGHT * stretched;
}

/**
 * A file's picture whole and square, side * side * 3 bytes: filled up with the colour of its own edge, what is
 * transparent black. CodeError where the browser sees no picture in it.
 */
async function pixelsOf(file, side) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new CodeError("That is no picture that this browser can read.");
  }
  const canvas = make("canvas", { width: side, height: side });
  const pen = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  const shrunk = side / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * shrunk, bitmap.height * shrunk];
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, side, side); // squeezed: only for the colour of its edge
  pen.fillStyle = `rgb(${groundOf([bytesOf(pen, side)], side)})`;
  pen.fillRect(0, 0, side, side);
  pen.drawImage(bitmap, (side - width) / 2, (side - height) / 2, width, height);
  const rgb = bytesOf(pen, side);
  if (!boxOf(rgb, side, groundOf([rgb], side)))
    throw new CodeError("There is nothing on that picture but background.");
  return rgb;
}

const bytesOf = (pen, side) => pen.getImageData(0, 0, side, side).data.filter((_, at) => at % 4 < 3);

/** Listen for the dialog of the search; returns `begin(file)`, which raises CodeError where there is no picture. */
export function likenesses(studio) {
  const dialog = the("likeness-dialog");
  const { engine, info } = studio;
  const side = info.size_px;
  let search = new AbortController();
  let best = []; // the most alike so far
  let picture; // what they are to be like

  const draw = async (latent, signal) => {
    const count = Math.min(AT_ONCE, info.most_pictures);
    const latents = Array.from({ length: count }, () => latentOf(latent(), info.latent_bound));
    const pictures = await engine.draw(latents, signal);
    return latents.map((each, at) => ({ latent: each, rgb: pictures[at] }));
  };

  const keepBest = (drawn, wanted, ground) => {
    for (const each of drawn) each.far = figureUnlikeness(figureOf(each.rgb, side, ground), wanted);
    best = [...best, ...drawn].sort((one, other) => one.far - other.far).slice(0, PARENTS);
    show(the("likest"), best[0].rgb, side);
    the("likest-name").textContent = nameOf(best[0].latent);
    the("likeness-take").disabled = false;
  };

  const stranger = () => gaussian(freshSeed(), info.latent_dim);

  const child = (step) => {
    const [one, other] = [0, 1].map(() => best[Math.floor(Math.random() * best.length)].latent);
    return crossed(one, other, step, freshSeed());
  };

  const breed = async ({ signal }) => {
    const begun = performance.now();
    let wanted, ground;
    for (let round = 1, done = 0; done < 1; round++) {
      const step = FIRST_STEP * (LAST_STEP / FIRST_STEP) ** done;
      const drawn = await draw(round <= STRANGERS ? stranger : () => child(step), signal);
      if (!wanted) {
        ground = groundOf(
          drawn.map(({ rgb }) => rgb),
          side,
        );
        const moved = onGround(picture, side, ground);
        show(the("wanted"), moved, side);
        wanted = figureOf(moved, side, ground);
      }
      keepBest(drawn, wanted, ground);
      done = Math.max(round / (STRANGERS + GENERATIONS), (performance.now() - begun) / MOST_MS);
      the("likeness-progress").value = done;
    }
    the("likeness-words").textContent = "So far this search came; another may end elsewhere.";
    the("likeness-again").disabled = false;
    the("likeness-take").focus();
  };

  const start = () => {
    search = new AbortController();
    best = [];
    show(the("likest"), new Uint8Array(picture.length), side);
    the("likest-name").textContent = "…";
    the("likeness-take").disabled = the("likeness-again").disabled = true;
    the("likeness-words").textContent = "Take one whenever you like it.";
    the("likeness-progress").value = 0;
    breed(search).catch((error) => {
      if (error.name !== "AbortError") dialog.close();
      trouble(error);
    });
  };

  const begin = async (file) => {
    picture = await pixelsOf(file, side);
    show(the("wanted"), picture, side);
    dialog.returnValue = "";
    if (!dialog.open) dialog.showModal();
    start();
  };

  the("likeness-again").addEventListener("click", start);
  the("likeness-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    search.abort();
    if (dialog.returnValue !== "take") return;
    studio.begin(best[0].latent, "opened");
    say("Found. Breed on from here.");
  });
  return begin;
}
