// What comes from outside, pasted, dropped, or chosen: a link, a code, a PNG that a studio saved, any other image.

import { pngTexts } from "../model/png.js";
import { CodeError, decode, findCode } from "../model/share_codes.js";
import { byId } from "../ui/dom.js";
import { announce, reportError } from "../ui/messages.js";
import { text } from "../messages/text.js";
import { ProjectionDialog } from "./projection.js";

const MAX_FILE_BYTES = 32 << 20;

/** The code that a file carries, or the file itself; CodeError where it is too large to be looked at. */
async function codeOrFile(file) {
  if (file.size > MAX_FILE_BYTES) throw new CodeError(text("open.too-large", { mib: MAX_FILE_BYTES >> 20 }));
  return pngTexts(new Uint8Array(await file.arrayBuffer()))?.code ?? file;
}

/** What the dialog was given: a code, what may be one, or a file. */
async function given() {
  const [file] = byId("file").files;
  if (file) return codeOrFile(file);
  return findCode(byId("code").value) ?? byId("code").value.trim();
}

export class Import {
  #studio;
  #dialog = byId("open-dialog");
  #projection;

  constructor(studio) {
    this.#studio = studio;
    this.#projection = new ProjectionDialog(studio);
    byId("open").addEventListener("click", () => this.open());
    byId("open-go").addEventListener("click", (event) => this.#submit(event));
    document.addEventListener("paste", (event) => this.#onPaste(event));
    document.addEventListener(
      "dragover",
      (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault(),
    );
    document.addEventListener("drop", (event) => this.#onDrop(event));
  }

  /** Open the dialog; with a code or link already in its field, and a word on why. */
  open(code = "", reason = "") {
    this.#dialog.querySelector("form").reset();
    byId("open-wrong").textContent = reason;
    this.#dialog.showModal();
    if (!code) return;
    byId("code").value = code;
    byId("code").select();
  }

  /** Bring what `find` gives, a code or a file, to the bench; what is wrong with it is announced. */
  async take(find) {
    document.querySelector("dialog[open]")?.close(); // it would hide the character, and what is announced
    const wrong = await this.#bring(find).catch(reportError);
    if (wrong) announce(wrong);
  }

  /** The same; what is wrong with it is returned, or null. */
  async #bring(find) {
    try {
      const source = await find();
      if (source instanceof File) await this.#projection.open(source);
      else this.#studio.begin(decode(source, this.#studio.info), "opened");
      return null;
    } catch (error) {
      if (!(error instanceof CodeError)) throw error;
      return error.message;
    }
  }

  async #submit(event) {
    event.preventDefault();
    const wrong = await this.#bring(given);
    if (wrong) byId("open-wrong").textContent = wrong;
    else this.#dialog.close();
  }

  #onPaste(event) {
    if (event.target.closest("input, textarea")) return;
    const [file] = event.clipboardData.files;
    const code = findCode(event.clipboardData.getData("text"));
    if (file) this.take(() => codeOrFile(file));
    else if (code) this.take(() => code);
    else announce(text("code.not-pasted"));
  }

  #onDrop(event) {
    const [file] = event.dataTransfer.files;
    if (!file || event.target.closest("[type=file]")) return;
    event.preventDefault();
    this.take(() => codeOrFile(file));
  }
}
