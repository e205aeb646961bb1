// PNG files, written from our own pixels (a browser that guards against fingerprinting changes what a canvas gives
// back) and read for their texts alone. Format: W3C, Portable Network Graphics, third edition.

import { crc32 } from "./crc32.js";
import { channelsOf } from "./pixels.js";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const LARGEST_TEXT = 1 << 20;

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
 * A square image as a PNG file.
 *
 * @param {Uint8Array} pixels RGB or RGBA
 * @param {number} side pixels
 * @param {Record<string, string>} texts Latin-1, for the file's metadata
 */
export async function encodePng(pixels, side, texts) {
  const channels = channelsOf(pixels, side);
  const width = side * channels;
  const rows = new Uint8Array(side * (1 + width)); // a filter byte, 0, stands before each row
  for (let y = 0; y < side; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (1 + width) + 1);
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, side);
  new DataView(header.buffer).setUint32(4, side);
  header.set([8, channels === 4 ? 6 : 2], 8); // 8 bits, RGBA or RGB
  const chunks = Object.entries(texts).map(([key, text]) => chunk("tEXt", latin1(`${key}\0${text}`)));
  const parts = [chunk("IHDR", header), ...chunks, chunk("IDAT", await deflated(rows)), chunk("IEND", [])];
  return new Blob([new Uint8Array(SIGNATURE), ...parts], { type: "image/png" });
}

/** The texts (tEXt) of a PNG file; null where the bytes are no PNG. */
export function pngTexts(bytes) {
  if (!SIGNATURE.every((byte, index) => bytes[index] === byte)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts = {};
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === "tEXt" && length <= LARGEST_TEXT) {
      const text = Array.from(bytes.subarray(at + 8, at + 8 + length), (byte) => String.fromCharCode(byte)).join(
        "",
      );
      const [key, ...rest] = text.split("\0");
      texts[key] = rest.join("\0");
    }
    at += length + 12;
  }
  return texts;
}
