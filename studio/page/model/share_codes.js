// Share codes, vgc1-<model>-<latent and checksum>: the same words as gan/sampling/share_codes.py.

import { crc32 } from "./crc32.js";
import { float16Bits, float16Value } from "./float16.js";

const HASH_DIGITS = 8;
const CHECKSUM_BYTES = 4;

export class CodeError extends Error {}

const lettersOf = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const bytesOf = (letters) =>
  Uint8Array.from(atob(letters.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

const checksum = (model, content) => crc32(new Uint8Array([...new TextEncoder().encode(model), ...content]));

/** The code of a latent; `hash` is the model's, whole. */
export function encode(hash, latent) {
  const model = hash.slice(0, HASH_DIGITS);
  const content = new Uint8Array(latent.length * 2 + CHECKSUM_BYTES);
  const view = new DataView(content.buffer);
  latent.forEach((value, index) => view.setUint16(index * 2, float16Bits(value), true));
  view.setUint32(latent.length * 2, checksum(model, content.subarray(0, latent.length * 2)), true);
  return `vgc1-${model}-${lettersOf(content)}`;
}

/** The first thing in a text that looks like a code, or null: people paste whole addresses. */
export const codeIn = (text) => text.match(/vgc1-[0-9a-f]{8}-[\w-]{8,}/)?.[0] ?? null;

/** The latent that a code means for this model; CodeError says in words why it means none. */
export function decode(code, info) {
  const [, model, letters] = code.match(/^vgc1-([0-9a-f]{8})-([\w-]{8,})$/) ?? [];
  if (!model) throw new CodeError("That is no share code. One looks like vgc1-0123abcd-… and is quite long.");
  const damaged = new CodeError("This share code is damaged. Copy it again, from vgc1- to its very end.");
  let content;
  try {
    content = bytesOf(letters);
  } catch {
    throw damaged;
  }
  const end = content.length - CHECKSUM_BYTES;
  const view = new DataView(content.buffer);
  if (end < 2 || end % 2 || view.getUint32(end, true) !== checksum(model, content.subarray(0, end))) throw damaged;
  if (model !== info.hash.slice(0, HASH_DIGITS)) {
    throw new CodeError(
      `This character was made with another model (${model}); this studio draws with ` +
        `${info.hash.slice(0, HASH_DIGITS)}. Open it in a studio with that model: vgc studio --model …`,
    );
  }
  const latent = Float32Array.from({ length: end / 2 }, (_, index) =>
    float16Value(view.getUint16(index * 2, true)),
  );
  if (latent.length !== info.latent_dim || !latent.every((value) => Math.abs(value) <= info.latent_bound)) {
    throw damaged;
  }
  return latent;
}
