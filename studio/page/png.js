// PNG files, written from our own pixels (a browser that guards against fingerprinting changes what a canvas gives
// back) and read for their notes alone. Format: W3C, Portable Network Graphics, third edition.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const LARGEST_NOTE = 1 << 20;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/** CRC-32 of bytes, as zlib counts it. */
export function crc32(bytes) {
  let sum = ~0;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

function chunk(type, data) {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(latin1(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

const latin1 = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * A square picture as a PNG file.
 *
 * @param {Uint8Array} rgb side * side * 3 bytes
 * @param {number} side pixels
 * @param {Record<string, string>} notes Latin-1 texts for the file's metadata
 */
export async function pngOf(rgb, side, notes) {
  const width = side * 3;
  const rows = new Uint8Array(side * (1 + width)); // a filter byte, 0, stands before each row
  for (let y = 0; y < side; y++) rows.set(rgb.subarray(y * width, (y + 1) * width), y * (1 + width) + 1);
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, side);
  new DataView(header.buffer).setUint32(4, side);
  header.set([8, 2], 8); // 8 bits, RGB
  const texts = Object.entries(notes).map(([key, text]) => chunk("tEXt", latin1(`${key}\0${text}`)));
  const parts = [chunk("IHDR", header), ...texts, chunk("IDAT", await deflated(rows)), chunk("IEND", [])];
  return new Blob([new Uint8Array(SIGNATURE), ...parts], { type: "image/png" });
}

/** The notes (tEXt) of a PNG file; null where the bytes are no PNG. */
export function notesOf(bytes) {
  if (!SIGNATURE.every((byte, place) => bytes[place] === byte)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const notes = {};
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === "tEXt" && length <= LARGEST_NOTE) {
      const text = Array.from(bytes.subarray(at + 8, at + 8 + length), (byte) => String.fromCharCode(byte)).join(
        "",
      );
      const [key, ...rest] = text.split("\0");
      notes[key] = rest.join("\0");
    }
    at += length + 12;
  }
  return notes;
}
