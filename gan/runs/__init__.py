"""What a run leaves on the disk: its folder, checkpoints, model files, health, report."""
