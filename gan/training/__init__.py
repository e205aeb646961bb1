"""The training: step, trainer, loop, augmentation, processes."""
