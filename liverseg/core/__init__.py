"""Images, windows, labels and geometry; numpy and OpenCV only."""
