"""What every stage uses: whole files, progress, JSON lines, boards of images, foregrounds, HTML pages."""
