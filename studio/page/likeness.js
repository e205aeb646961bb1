// The character most like a picture from elsewhere: strangers at first, of whom the most alike are bred with each
// other, generation by generation. It asks the engine for nothing but pictures, so it works wherever the page does.

import { show } from "./cards.js";
import { CodeError } from "./codes.js";
import { make, the } from "./dom.js";
import { groundOf, onGround } from "./ground.js";
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
const SCALES = 4; // sizes at which pictures are compared: coarse ones lead, fine ones follow

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

/** How far two pictures are from each other: the mean difference of their bytes, summed over SCALES. */
export function unlikeness(rgb, wanted, side) {
  let difference = Float32Array.from(rgb, (value, at) => value - wanted[at]);
  let total = 0;
  for (let scale = 0; scale < SCALES; scale++) {
    total += difference.reduce((sum, value) => sum + Math.abs(value), 0) / difference.length;
    difference = halved(difference, side >> scale);
  }
  return total;
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
  return bytesOf(pen, side);
}

const bytesOf = (pen, side) => pen.getImageData(0, 0, side, side).data.filter((_, at) => at % 4 < 3);

/** Listen for the dialog of the search; returns `begin(file)`, which raises CodeError where there is no picture. */
export function likenesses(studio) {
  const dialog = the("likeness-dialog");
  const { engine, info } = studio;
  const side = info.size_px;
  let search = new AbortController();
  let best = []; // the most alike so far

  const draw = async (latent, signal) => {
    const count = Math.min(AT_ONCE, info.most_pictures);
    const latents = Array.from({ length: count }, () => latentOf(latent(), info.latent_bound));
    const pictures = await engine.draw(latents, signal);
    return latents.map((each, at) => ({ latent: each, rgb: pictures[at] }));
  };

  const keepBest = (drawn, wanted) => {
    for (const each of drawn) each.far = unlikeness(each.rgb, wanted, side);
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

  const breed = async (picture, { signal }) => {
    const start = performance.now();
    let wanted;
    for (let round = 1, done = 0; done < 1; round++) {
      const step = FIRST_STEP * (LAST_STEP / FIRST_STEP) ** done;
      const drawn = await draw(round <= STRANGERS ? stranger : () => child(step), signal);
      if (!wanted) {
        const ground = groundOf(
          drawn.map(({ rgb }) => rgb),
          side,
        );
        wanted = onGround(picture, side, ground);
        show(the("wanted"), wanted, side);
      }
      keepBest(drawn, wanted);
      done = Math.max(round / (STRANGERS + GENERATIONS), (performance.now() - start) / MOST_MS);
      the("likeness-progress").value = done;
    }
    the("likeness-words").textContent = "This one is as near as it gets.";
    the("likeness-take").focus();
  };

  const begin = async (file) => {
    const picture = await pixelsOf(file, side);
    search = new AbortController();
    best = [];
    show(the("wanted"), picture, side);
    show(the("likest"), new Uint8Array(picture.length), side);
    the("likest-name").textContent = "…";
    the("likeness-take").disabled = true;
    the("likeness-words").textContent = "";
    the("likeness-progress").value = 0;
    dialog.returnValue = "";
    dialog.showModal();
    breed(picture, search).catch((error) => {
      if (error.name !== "AbortError") dialog.close();
      trouble(error);
    });
  };

  dialog.addEventListener("close", () => {
    search.abort();
    if (dialog.returnValue !== "take") return;
    studio.begin(best[0].latent, "opened");
    say("Found. Breed on from here.");
  });
  return begin;
}
