// Files from this browser to the studio, in pieces; the same files again go on where they were.

import * as api from "./api.js";

const PIECE_BYTES = 768 * 1024; // the server takes 1 MiB
const AT_ONCE = 6; // what browsers open to one server
const SMALL_BYTES = 64 * 1024; // a request takes longer than so few bytes
const MOST_TOGETHER = 50;
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
  const [waiting, refused] = [parcels(chosen), []];
  let sent = 0;
  const note = (more) => onProgress((sent += more), bytes);
  const work = async () => {
    for (let each = waiting.shift(); each; each = waiting.shift()) {
      if (each.length > 1) refused.push(...(await sendTogether(wanted.name, each, note)));
      else refused.push(...(await sendAlone(wanted.name, each[0], begun, note)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return refused;
}

/** What is sent together, in order: small files, of which one request takes many. */
function parcels(chosen) {
  const all = [];
  let open, bytes;
  for (const each of chosen) {
    const { size } = each.file;
    const isSmall = size <= SMALL_BYTES;
    if (isSmall && open && open.length < MOST_TOGETHER && bytes + size <= PIECE_BYTES) {
      open.push(each);
      bytes += size;
    } else {
      all.push([each]);
      if (isSmall) [open, bytes] = [all.at(-1), size];
    }
  }
  return all;
}

const changedMs = (file) => Math.min(Math.max(file.lastModified, 0), YEAR_2100_MS);

async function sendTogether(name, parcel, onProgress) {
  const files = parcel.map(({ file, path }) => ({ name: path, size: file.size, modified_ms: changedMs(file) }));
  const body = new Blob([`${JSON.stringify(files)}\n`, ...parcel.map(({ file }) => file)]);
  const { refused } = await api.sendFiles(name, body);
  onProgress(files.reduce((sum, { size }) => sum + size, 0));
  return refused;
}

async function sendAlone(name, each, begun, onProgress) {
  try {
    await send(name, each, begun, onProgress);
    return [];
  } catch (error) {
    if (error.status !== REFUSED) throw error;
    return [{ name: each.path, reason: error.message.replace(`${each.path}: `, "") }];
  }
}

async function send(name, { file, path }, begun, onProgress) {
  const named = { name, file: path, size: file.size, modified_ms: changedMs(file) };
  let offset = begun ? (await api.received(named)).received : 0;
  onProgress(offset);
  while (offset < file.size || !file.size) {
    const { received } = await api.sendPiece({ ...named, offset }, file.slice(offset, offset + PIECE_BYTES));
    onProgress(received - offset);
    if (!file.size) return;
    offset = received;
  }
}
