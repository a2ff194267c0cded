"""Which slices are drawn, and how they are augmented."""
