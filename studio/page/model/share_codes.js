// Share codes, vgc1-<model>-<latent and checksum>: the same words as gan/sampling/share_codes.py.

import { crc32 } from "./crc32.js";
import { text } from "../messages/text.js";
import { float16Bits, float16Value } from "./float16.js";

export const HASH_DIGITS = 8;
const CHECKSUM_BYTES = 4;
const PREFIX_LETTERS = 14;
const MAX_LETTERS = 10_000; // of a code, read on from where one seems to begin
const MAX_STARTS = 50;

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

/** What a well-formed code holds: {model, content}, where its checksum fits; else null. */
function parse(code) {
  const [, model, letters] = code.match(/^vgc1-([0-9a-f]{8})-([\w-]{8,})$/) ?? [];
  if (!model) return null;
  try {
    const bytes = bytesOf(letters);
    const end = bytes.length - CHECKSUM_BYTES;
    const view = new DataView(bytes.buffer);
    const content = bytes.subarray(0, end);
    return end >= 2 && end % 2 === 0 && view.getUint32(end, true) === checksum(model, content)
      ? { model, content }
      : null;
  } catch {
    return null;
  }
}

/** A text as it was before programs changed it: no invisible letters, escapes and other dashes as they were. */
const unescaped = (pasted) =>
  pasted
    .replace(/[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff]/g, "")
    .replace(/%2d|[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/gi, "-")
    .replace(/%5f/gi, "_");

/** What may be the code at the start of a text, line by line longer: mail wraps and quotes lines. */
function* readings(start) {
  let joined = "";
  for (const [, piece] of start.matchAll(/([\w-]+)(?:=?[\s>|]+)?/gy)) {
    joined += piece;
    const isLike = joined.length < PREFIX_LETTERS || /^vgc1-[0-9a-f]{8}-/.test(joined);
    if (!isLike || joined.length > MAX_LETTERS) return;
    yield joined;
    yield joined.replace(/[-_]+$/, ""); // of the text around it
  }
}

/**
 * The share code in a text as people paste it: with words and quotes around it, wrapped, escaped. The first whose
 * checksum fits; else what looks like one; else null.
 */
export function findCode(pasted) {
  let first = null;
  const plain = unescaped(pasted).replace(/vgc1/gi, "vgc1");
  for (const { index } of [...plain.matchAll(/vgc1/g)].slice(0, MAX_STARTS)) {
    for (const reading of readings(plain.slice(index))) {
      if (parse(reading)) return reading;
      first ??= reading.match(/^vgc1-[0-9a-f]{8}-[\w-]{8,}/)?.[0] ?? null;
    }
  }
  return first;
}

/** The latent that a code means for this model; CodeError says in words why it means none. */
export function decode(code, info) {
  if (!/^vgc1-[0-9a-f]{8}-[\w-]{8,}$/.test(code)) {
    throw new CodeError(text("code.none"));
  }
  const damaged = new CodeError(text("code.damaged"));
  const parsed = parse(code);
  if (!parsed) throw damaged;
  const { model, content } = parsed;
  if (model !== info.hash.slice(0, HASH_DIGITS)) {
    const values = { model, own: info.hash.slice(0, HASH_DIGITS), name: info.pretrained?.[model] ?? "…" };
    throw new CodeError(text("code.other-model", values));
  }
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const latent = Float32Array.from({ length: content.length / 2 }, (_, index) =>
    float16Value(view.getUint16(index * 2, true)),
  );
  if (latent.length !== info.latent_dim || !latent.every((value) => Math.abs(value) <= info.latent_bound)) {
    throw damaged;
  }
  return latent;
}
