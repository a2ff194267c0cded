"""PNG and JPEG in and out."""
