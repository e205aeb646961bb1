// Files from this browser to the studio, in pieces; the same files again go on where they were.

import * as api from "./api.js";

const PIECE_BYTES = 768 * 1024; // the server takes 1 MiB
const AT_ONCE = 4;
const REFUSED = 422;
const YEAR_2100_MS = 4_102_444_800_000;
const HIDDEN = /(^|\/)(\.|__MACOSX|thumbs\.db$|desktop\.ini$)/i;

/** What was chosen in a dialog: {file, path}, without the files that systems leave about. */
export const fromInput = (input) =>
  withoutTop([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));

/** What was dropped, with what is in folders. */
export async function fromDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = await Promise.all(entries.map((entry) => filesOf(entry, "")));
  return withoutTop(found.flat());
}

async function filesOf(entry, folder) {
  const path = folder + entry.name;
  if (entry.isFile) return [{ file: await new Promise((done, failed) => entry.file(done, failed)), path }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed)); // not all at once
    if (!some.length) return found.flat();
    for (const each of some) found.push(await filesOf(each, `${path}/`));
  }
}

/** Without the one folder that all are in, which is given as `top`: it is no label of pictures. */
function withoutTop(found) {
  const files = found.filter(({ path }) => !HIDDEN.test(path));
  const tops = new Set(files.map(({ path }) => (path.includes("/") ? path.split("/")[0] : "")));
  const [top] = tops.size === 1 ? tops : [""];
  const kept = top ? files.map(({ file, path }) => ({ file, path: path.slice(top.length + 1) })) : files;
  return Object.assign(kept, { top });
}

/**
 * Send them; resolves with what was refused, {name, reason}.
 *
 * @param wanted the new set, as the server has it.
 * @param onProgress is called with the bytes that are there.
 */
export async function upload(wanted, chosen, onProgress) {
  const bytes = chosen.reduce((sum, { file }) => sum + file.size, 0);
  const { begun } = await api.beginUpload({ ...wanted, files: chosen.length, bytes });
  const [waiting, refused] = [[...chosen], []];
  let sent = 0;
  const note = (more) => onProgress((sent += more), bytes);
  const work = async () => {
    for (let each = waiting.shift(); each; each = waiting.shift()) {
      try {
        await send(wanted.name, each, begun, note);
      } catch (error) {
        if (error.status !== REFUSED) throw error;
        refused.push({ name: each.path, reason: error.message.replace(`${each.path}: `, "") });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return refused;
}

async function send(name, { file, path }, begun, onProgress) {
  const modified_ms = Math.min(Math.max(file.lastModified, 0), YEAR_2100_MS);
  const named = { name, file: path, size: file.size, modified_ms };
  let offset = begun ? (await api.received(named)).received : 0;
  onProgress(offset);
  while (offset < file.size || !file.size) {
    const { received } = await api.sendPiece({ ...named, offset }, file.slice(offset, offset + PIECE_BYTES));
    onProgress(received - offset);
    if (!file.size) return;
    offset = received;
  }
}
