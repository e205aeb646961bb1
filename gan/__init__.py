"""From ``Data/train_data/rgb_images`` to ``train_output``, and from there to new characters."""
