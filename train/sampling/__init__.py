"""Training samples: which slices are drawn, and how they are augmented."""
