"""Read PNG and JPEG, write PNG."""
