"""From seeds to images: latents, share codes, interpolation, directions, truncation, projection."""
