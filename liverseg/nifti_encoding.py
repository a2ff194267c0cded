"""Arrays on the radiological grid as NIfTI-1, with the geometry of the input (no files)."""

from __future__ import annotations

import nibabel
import numpy as np

from liverseg.ct import CTImage

SCANNER, ALIGNED = 1, 2
"""NIfTI's codes for what an affine leads to: the scanner's own coordinates, or some aligned ones."""


def orthogonal_affine(spacing_mm: tuple[float, float, float] | None) -> np.ndarray:
    """(4, 4) affine of a (column, row, slice) array on the radiological grid, to RAS mm.

    Columns run to the patient's left, rows to posterior, slices to superior. The origin is at the
    first voxel, for where the patient lay is not known. Unknown spacing counts steps, not mm.

    >>> orthogonal_affine((5.0, 0.7, 0.8)).diagonal().tolist()
    [-0.8, -0.7, 5.0, 1.0]
    """
    slices, rows, columns = spacing_mm or (1.0, 1.0, 1.0)
    return np.diag([-columns, -rows, slices, 1.0])


def nifti_bytes(ct: CTImage, array: np.ndarray, description: str) -> bytes:
    """A (S, H, W) array on the grid of `ct` as an uncompressed NIfTI-1 file.

    An input with an affine (NIfTI) keeps its array shape, axis order and affine. Any other input
    becomes a (W, H, S) array with `orthogonal_affine`; its unit is mm only where the spacing is
    known. `description` (79 characters at most) must say nothing of the patient.
    """
    affine, code = ct.native.affine, SCANNER
    if affine is None:
        affine, code = orthogonal_affine(ct.spacing_mm), ALIGNED
        native = np.ascontiguousarray(array.transpose(2, 1, 0))
    else:
        native = ct.native.to_native(array)
    image = nibabel.Nifti1Image(native, affine)
    image.set_sform(affine, code)
    image.set_qform(affine, code)  # without shear, which a qform cannot hold
    image.header.set_xyzt_units("mm" if ct.spacing_mm is not None else "unknown")
    image.header["descrip"] = description.encode()
    if array.dtype == np.uint8:
        image.header.set_intent("label")
    return image.to_bytes()
