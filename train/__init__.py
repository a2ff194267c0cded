"""Training: prepare a dataset, fit a network, evaluate it, and export it as a checkpoint."""
