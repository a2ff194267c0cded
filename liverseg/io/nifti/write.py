"""Encode arrays on the radiological grid as NIfTI-1 with the geometry of the input."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import product

import numpy as np

from liverseg.core.float16 import to_float32
from liverseg.core.geometry import orthogonal_affine
from liverseg.core.image import CTImage
from liverseg.io.fast_gzip import gzip_bytes

_XFORM_ALIGNED = 2  # NIFTI_XFORM_ALIGNED_ANAT: the affine leads to coordinates other than the scanner's
_MAX_SHIFT_PX = 0.1  # between the corners of the image under sform and qform


def nifti_chunks(
    ct: CTImage, array: np.ndarray, description: str, dtype: type[np.generic] | None = None
) -> Iterator[bytes]:
    """Encode a (S, H, W) array on the grid of `ct` as uncompressed NIfTI-1: the header, then each plane.

    For the input of a volume file (NIfTI, NRRD, MetaImage) the file has the input's array shape, axis order
    and affine, and for NIfTI its sform and qform codes.
    The qform has the code 0 (none) where it cannot hold the affine, as after a gantry tilt.
    For any other input it is a (W, H, S) array of the radiological grid, in the patient coordinates of a
    DICOM input or with `orthogonal_affine`; its unit is mm only where the spacing is known. `dtype` is the
    stored type (None: that of the array). `description` has at most 79 characters and no patient data.
    """
    affine, codes = ct.native.affine, ct.native.affine_codes
    if affine is not None and ct.has_file_axes:
        native, shape = ct.native.native_view(array), ct.native.shape
        if ct.source_format != "nifti" and not any(codes):  # NIfTI readers assume another orientation
            codes = (_XFORM_ALIGNED, _XFORM_ALIGNED)
    else:
        native = array.transpose(2, 1, 0)
        shape = native.shape
        if affine is None:
            affine, codes = orthogonal_affine(ct.spacing_mm), (_XFORM_ALIGNED, _XFORM_ALIGNED)
        else:
            radiological = ct.native.radiological_affine
            assert radiological is not None, "an image with an affine has one"
            affine = radiological[:, [2, 1, 0, 3]]
    stored = np.dtype(array.dtype if dtype is None else dtype).newbyteorder("<")
    import nibabel  # imported here because the web page does not need it

    image = nibabel.Nifti1Image(np.broadcast_to(np.zeros((), stored), shape), affine)
    image.set_sform(affine, codes[0])
    image.set_qform(affine, codes[1])
    if _largest_shift(image.get_qform() - affine, shape) > _MAX_SHIFT_PX * min(image.header.get_zooms()[:2]):
        # A qform cannot hold the shear of a gantry tilt. One that disagrees would move the image in readers
        # that prefer it, so that there is none.
        image.set_qform(None, 0)
    image.header.set_xyzt_units("mm" if ct.spacing_mm is not None else "unknown")
    image.header["descrip"] = description.encode()
    if stored.kind == "u":  # labels and lesion numbers
        image.header.set_intent("label")
    image.header.set_slope_inter(1, 0)
    header = io.BytesIO()
    image.header.write_to(header)
    yield header.getvalue().ljust(image.header.single_vox_offset, b"\0")
    is_float16 = array.dtype == np.float16 and stored == np.float32
    for k in range(native.shape[2]):  # column-major: the first axis varies fastest
        plane = native[..., k].T
        yield (to_float32(plane) if is_float16 else plane).astype(stored, copy=False).tobytes()


def _largest_shift(difference: np.ndarray, shape: tuple[int, ...]) -> float:
    """The largest distance in mm by which two affines (4, 4) with this difference move a corner apart."""
    corners = [[*corner, 1] for corner in product(*((0, n - 1) for n in (*shape, 1, 1)[:3]))]
    return float(np.linalg.norm(np.array(corners) @ difference.T, axis=1).max())


def nifti_gz_bytes(
    ct: CTImage, array: np.ndarray, description: str, dtype: type[np.generic] | None = None
) -> bytes:
    """The file of `nifti_chunks`, compressed with gzip. Only the result is held in memory."""
    return gzip_bytes(nifti_chunks(ct, array, description, dtype))
