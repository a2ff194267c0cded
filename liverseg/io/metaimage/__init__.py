"""Read MetaImage."""
