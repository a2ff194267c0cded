"""What the readers of volume files (NIfTI, NRRD, MetaImage) share: header, geometry, values."""
