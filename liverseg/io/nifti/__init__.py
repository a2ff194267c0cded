"""Read and write NIfTI."""
