// The dialog of a projection: the person's image, the character most like it so far, take it or search again.

import { CodeError } from "../model/share_codes.js";
import { backgroundOf, figureBox } from "../model/background.js";
import { nameOf } from "../model/describe.js";
import { Projection } from "../model/projection.js";
import { showPixels } from "../ui/cards.js";
import { byId, createElement } from "../ui/dom.js";
import { text } from "../messages/text.js";
import { announce, reportError } from "../ui/messages.js";

const rgbOf = (context, side) => context.getImageData(0, 0, side, side).data.filter((_, at) => at % 4 < 3);

/**
 * A file's image whole and square, side * side * 3 bytes: filled up with the colour of its own edge, what is
 * transparent black. CodeError where the browser sees no image in it.
 */
async function loadImage(file, side) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new CodeError(text("projection.unreadable"));
  }
  const canvas = createElement("canvas", { width: side, height: side });
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  const scale = side / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, side, side); // squeezed: only for the colour of its edge
  context.fillStyle = `rgb(${backgroundOf([rgbOf(context, side)], side)})`;
  context.fillRect(0, 0, side, side);
  context.drawImage(bitmap, (side - width) / 2, (side - height) / 2, width, height);
  const rgb = rgbOf(context, side);
  if (!figureBox(rgb, side, backgroundOf([rgb], side)))
    throw new CodeError(text("projection.empty"));
  return rgb;
}

export class ProjectionDialog {
  #studio;
  #dialog = byId("projection-dialog");
  #image;
  #projection;
  #running = new AbortController();

  constructor(studio) {
    this.#studio = studio;
    byId("projection-again").addEventListener("click", () => this.#start());
    byId("projection-cancel").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#close());
  }

  /** Search for the character most like a file's image; CodeError where there is none. */
  async open(file) {
    this.#image = await loadImage(file, this.#side);
    showPixels(byId("projection-target"), this.#image, this.#side);
    this.#dialog.returnValue = "";
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#start();
  }

  get #side() {
    return this.#studio.info.size_px;
  }

  #start() {
    this.#running = new AbortController();
    this.#projection = new Projection(this.#studio.engine, this.#image);
    showPixels(byId("projection-best"), new Uint8Array(this.#image.length), this.#side);
    byId("projection-name").textContent = "…";
    byId("projection-take").disabled = byId("projection-again").disabled = true;
    byId("projection-text").textContent = text("projection.runs");
    byId("projection-progress").value = 0;
    this.#run(this.#running).catch((error) => {
      if (error.name !== "AbortError") this.#dialog.close();
      reportError(error);
    });
  }

  async #run({ signal }) {
    await this.#projection.run(
      signal,
      (target) => showPixels(byId("projection-target"), target, this.#side),
      (done) => this.#showBest(done),
    );
    byId("projection-text").textContent = text("projection.done");
    byId("projection-again").disabled = false;
    byId("projection-take").focus();
  }

  #showBest(done) {
    const { latent, pixels } = this.#projection.best;
    showPixels(byId("projection-best"), pixels, this.#side);
    byId("projection-name").textContent = nameOf(latent);
    byId("projection-take").disabled = false;
    byId("projection-progress").value = done;
  }

  #close() {
    this.#running.abort();
    if (this.#dialog.returnValue !== "take") return;
    this.#studio.begin(this.#projection.best.latent, "opened");
    announce(text("projection.taken"));
  }
}
