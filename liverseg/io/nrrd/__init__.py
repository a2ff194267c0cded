"""Read NRRD."""
