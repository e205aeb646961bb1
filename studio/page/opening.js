// What comes from outside, pasted, dropped, or chosen: a link, a code, a PNG that a studio saved, any other picture.

import { CodeError, codeIn, decode } from "./codes.js";
import { the } from "./dom.js";
import { likenesses } from "./likeness.js";
import { notesOf } from "./png.js";
import { say, trouble } from "./voice.js";

const LARGEST_FILE = 32 << 20;

/** The code that a file carries, or the file itself; CodeError where it is too large to be looked at. */
async function codeOrFile(file) {
  if (file.size > LARGEST_FILE) throw new CodeError("That file is too large: 32 MiB at most.");
  return notesOf(new Uint8Array(await file.arrayBuffer()))?.code ?? file;
}

/** Listen for characters from outside. */
export function openings(studio) {
  const dialog = the("open-dialog");
  const findLike = likenesses(studio);

  const open = async (find) => {
    try {
      const found = await find();
      if (found instanceof File) await findLike(found);
      else studio.begin(decode(found, studio.info), "opened");
      return null;
    } catch (error) {
      if (!(error instanceof CodeError)) throw error;
      return error.message;
    }
  };

  const take = async (find) => {
    document.querySelector("dialog[open]")?.close(); // it would hide the character, and what is said
    const wrong = await open(find).catch(trouble);
    if (wrong) say(wrong);
  };

  const given = async () => {
    const [file] = the("file").files;
    if (file) return codeOrFile(file);
    return codeIn(the("code").value) ?? the("code").value.trim();
  };

  const show = () => {
    dialog.querySelector("form").reset();
    the("open-wrong").textContent = "";
    dialog.showModal();
  };

  the("open").addEventListener("click", show);
  the("open-go").addEventListener("click", async (event) => {
    event.preventDefault();
    const wrong = await open(given);
    if (wrong) the("open-wrong").textContent = wrong;
    else dialog.close();
  });
  document.addEventListener("paste", (event) => {
    if (event.target.closest("input, textarea")) return;
    const [file] = event.clipboardData.files;
    const code = codeIn(event.clipboardData.getData("text"));
    if (file) take(() => codeOrFile(file));
    else if (code) take(() => code);
    else say("What you pasted holds no share code. One looks like vgc1-0123abcd-… and is quite long.");
  });
  document.addEventListener(
    "dragover",
    (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault(),
  );
  document.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer.files;
    if (!file || event.target.closest("[type=file]")) return;
    event.preventDefault();
    take(() => codeOrFile(file));
  });
  return { show, take };
}
