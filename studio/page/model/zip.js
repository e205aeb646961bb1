// The first file of a zip: all that a preview needs. Format: PKWARE, APPNOTE.TXT, section 4.3.7.

const SIGNATURE = 0x04034b50;

/** The content of a zip's first file; it must be deflated, with its size in its local header. */
export async function firstFile(zip) {
  const view = new DataView(await zip.arrayBuffer());
  if (view.getUint32(0, true) !== SIGNATURE) throw new TypeError("no zip");
  const start = 30 + view.getUint16(26, true) + view.getUint16(28, true);
  const content = new Blob([new Uint8Array(view.buffer, start, view.getUint32(18, true))]);
  return new Response(content.stream().pipeThrough(new DecompressionStream("deflate-raw"))).blob();
}
