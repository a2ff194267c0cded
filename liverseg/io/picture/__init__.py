"""Read PNG, JPEG, TIFF and WebP, write PNG."""
