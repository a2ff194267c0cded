"""Arrays on the radiological grid as NIfTI-1, with the geometry of the input (no files)."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np

from liverseg.core.float16 import widened
from liverseg.core.geometry import orthogonal_affine
from liverseg.core.image import CTImage
from liverseg.io.fast_gzip import packed

ALIGNED = 2
"""NIfTI's code for an affine that does not lead to the scanner's own coordinates, but to some others."""


def nifti_chunks(
    ct: CTImage, array: np.ndarray, description: str, dtype: type[np.generic] | None = None
) -> Iterator[bytes]:
    """A (S, H, W) array on the grid of `ct` as an uncompressed NIfTI-1 file, piece by piece.

    A NIfTI input keeps its array shape, axis order, affine and the codes that say what the affine is
    worth. Any other input becomes a (W, H, S) array of the radiological grid, which lies in the patient
    as the file says (DICOM), or by `orthogonal_affine` where it does not; its unit is mm only where the
    spacing is known. `dtype` is what is stored, None: the array's own. `description` (79 characters at
    most) must say nothing of the patient.
    """
    affine, codes = ct.native.affine, ct.native.affine_codes
    if affine is not None and ct.source_format == "nifti":
        native, shape = ct.native.native_view(array), ct.native.shape
    else:
        native = array.transpose(2, 1, 0)
        shape = native.shape
        if affine is None:
            affine, codes = orthogonal_affine(ct.spacing_mm), (ALIGNED, ALIGNED)
        else:
            radiological = ct.native.radiological_affine
            assert radiological is not None, "there is one where there is an affine"
            affine = radiological[:, [2, 1, 0, 3]]
    stored = np.dtype(array.dtype if dtype is None else dtype).newbyteorder("<")
    import nibabel  # late: the page is served without it

    image = nibabel.Nifti1Image(np.broadcast_to(np.zeros((), stored), shape), affine)
    image.set_sform(affine, codes[0])
    image.set_qform(affine, codes[1])  # without shear, which a qform cannot hold
    image.header.set_xyzt_units("mm" if ct.spacing_mm is not None else "unknown")
    image.header["descrip"] = description.encode()
    if stored == np.uint8:
        image.header.set_intent("label")
    image.header.set_slope_inter(1, 0)
    header = io.BytesIO()
    image.header.write_to(header)
    yield header.getvalue().ljust(image.header.single_vox_offset, b"\0")
    halves = array.dtype == np.float16 and stored == np.float32
    for k in range(native.shape[2]):  # the first axis runs fastest, the last one slowest
        plane = native[..., k].T
        yield (widened(plane) if halves else plane).astype(stored, copy=False).tobytes()


def nifti_bytes(ct: CTImage, array: np.ndarray, description: str) -> bytes:
    """The same in one piece."""
    return b"".join(nifti_chunks(ct, array, description))


def packed_nifti(
    ct: CTImage, array: np.ndarray, description: str, dtype: type[np.generic] | None = None
) -> bytes:
    """The same, gzipped; but for the result nothing of the volume's size is made."""
    return packed(nifti_chunks(ct, array, description, dtype))
