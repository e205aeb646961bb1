// Pixels as engines give them: side * side times three bytes (RGB) or four (RGBA, straight colours).

/** How many bytes a pixel has. */
export const channelsOf = (pixels, side) => pixels.length / side ** 2;

/** The pixels as RGB, what is transparent over black. */
export function overBlack(pixels, side) {
  if (channelsOf(pixels, side) === 3) return pixels;
  const rgb = new Uint8Array(3 * side * side);
  for (let index = 0; index < side * side; index++) {
    const share = pixels[4 * index + 3] / 255;
    for (let channel = 0; channel < 3; channel++)
      rgb[3 * index + channel] = Math.round(pixels[4 * index + channel] * share);
  }
  return rgb;
}
