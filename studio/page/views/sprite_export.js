// For a game: which characters, how many colours, which size; the engine makes a zip of sprites.

import { nameOf } from "../model/describe.js";
import { firstFile } from "../model/zip.js";
import { byId } from "../ui/dom.js";
import { download } from "../ui/download.js";
import { latestOnly } from "../ui/latest_only.js";
import { text } from "../messages/text.js";
import { reportError } from "../ui/messages.js";

/** Listen for the button and the dialog "For a game"; without an engine that makes sprites, there is neither. */
export function enableSpriteExport(studio) {
  byId("sprites").hidden = !studio.engine.sprites;
  if (studio.engine.sprites) new SpriteDialog(studio);
}

class SpriteDialog {
  #studio;
  #form = byId("sprites-form");
  #preview = latestOnly(() => this.#drawPreview());

  constructor(studio) {
    this.#studio = studio;
    for (const option of this.#form.querySelectorAll("select[data-sides] option")) {
      option.hidden = option.disabled = Number(option.value) >= studio.info.size_px;
      if (Number(option.value)) option.textContent = text("sprites.pixels", { pixels: option.value });
    }
    byId("sprites-tolerance-field").hidden = studio.info.channels === 4;
    byId("sprites-alpha-field").hidden = studio.info.channels !== 4;
    this.#offerSetPalette(studio.info.set_colours);
    for (const [colour, box] of [["outline", "outlined"], ["ground", "grounded"]]) {
      this.#form[colour].addEventListener("input", () => (this.#form[box].checked = true));
    }
    byId("sprites").addEventListener("click", () => this.#open());
    byId("sprites-cancel").addEventListener("click", () => byId("sprites-dialog").close());
    this.#form.addEventListener("change", () => {
      this.#update();
      this.#preview();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
  }

  #offerSetPalette(count) {
    if (!count) return;
    const option = this.#form.colours.querySelector("[value=set]");
    option.textContent = text("sprites.set", { count });
    Object.assign(option, { hidden: false, disabled: false, selected: true });
  }

  get #latents() {
    if (this.#form.whom.value === "this") return [this.#studio.history.current.latent];
    return this.#studio.tray.latents.slice(0, this.#studio.info.most_pictures);
  }

  async #request() {
    const { colours, palette, side, upscale, extrude, tolerance, alpha, outlined, outline } = this.#form;
    const chosen = {
      given: async () => ({ palette: await asDataUrl(palette.files[0]) }),
      set: () => ({}),
    }[colours.value];
    return {
      latents: this.#latents.map((latent) => Array.from(latent)),
      names: this.#latents.map(nameOf),
      ...(chosen ? await chosen() : { colours: Number(colours.value) }),
      sprite_px: Number(side.value) || null,
      upscale: Number(upscale.value),
      extrude_px: Number(extrude.value),
      tolerance: Number(tolerance.value),
      alpha_cut: Number(alpha.value),
      outline: outlined.checked ? outline.value : null,
    };
  }

  #open() {
    const kept = Math.min(this.#studio.tray.latents.length, this.#studio.info.most_pictures);
    byId("sprites-this").textContent = text("sprites.alone", { name: nameOf(this.#studio.history.current.latent) });
    byId("sprites-kept").textContent = text("sprites.kept", { kept });
    byId("sprites-kept").parentElement.hidden = kept < 2;
    if (kept < 2) this.#form.whom.value = "this";
    this.#update();
    byId("sprites-dialog").showModal();
    this.#preview();
  }

  #update() {
    const own = this.#form.colours.value === "given";
    byId("sprites-palette").hidden = !own;
    this.#form.palette.required = own;
    byId("sprites-preview").style.background = this.#form.grounded.checked ? this.#form.ground.value : "";
    const side = (Number(this.#form.side.value) || this.#studio.info.sprite_px) * Number(this.#form.upscale.value);
    byId("sprites-size").textContent = text("sprites.size", { side: `${side} × ${side}` });
  }

  async #drawPreview() {
    if (!this.#form.checkValidity()) return; // a palette is wanted, but no file is chosen yet
    byId("sprites-wrong").textContent = "";
    try {
      const zip = await this.#studio.engine.sprites({ ...(await this.#request()), upscale: 1 });
      const sprite = await createImageBitmap(await firstFile(zip));
      Object.assign(byId("sprites-preview"), { width: sprite.width, height: sprite.height });
      byId("sprites-preview").getContext("2d").drawImage(sprite, 0, 0);
    } catch (error) {
      this.#showError(error);
    }
  }

  async #save() {
    byId("sprites-wrong").textContent = "";
    byId("sprites-go").disabled = true;
    try {
      const request = await this.#request();
      const isOne = request.latents.length === 1;
      const name = isOne ? nameOf(this.#latents[0]).toLowerCase() : text("sprites.file-name");
      download(await this.#studio.engine.sprites(request), `${name}.zip`);
      byId("sprites-dialog").close();
    } catch (error) {
      this.#showError(error);
    } finally {
      byId("sprites-go").disabled = false;
    }
  }

  #showError(error) {
    if (!error.kind || error.kind === "failed") return (byId("sprites-wrong").textContent = error.message);
    byId("sprites-dialog").close();
    reportError(error);
  }
}

/** A file's content for JSON: an .ase is no text. */
function asDataUrl(file) {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}
