"""From an image to labels and probabilities, with a checkpoint."""
