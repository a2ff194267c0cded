"""Read and check the header of single-file NIfTI-1 and NIfTI-2; `liverseg.io.volume` reads the image."""

from __future__ import annotations

import nibabel
import numpy as np

from liverseg.errors import NotCT, UnreadableInput
from liverseg.io.nifti.affine import header_affine
from liverseg.io.nifti.label_names import label_names
from liverseg.io.sniff import NIFTI_HEAD_BYTES, NO_NIFTI_IN_GZIP, is_nifti
from liverseg.io.volume.geometry import volume_geometry
from liverseg.io.volume.voxels import ByteSource, VolumeHeader, check_declared_shape, read_exactly

_TITLE = "NIfTI"
_MAX_OFFSET_BYTES = 16 * 1024**2  # limits header extensions, which take a few kB in practice
_MM_PER_UNIT = {1: 1000.0, 2: 1.0, 3: 0.001}  # xyzt_units: metre, millimetre, micrometre
_DTYPES = {np.dtype(t) for t in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")}


def read_header(stream: ByteSource, is_mask: bool = False) -> VolumeHeader:
    """Read and check the header of an uncompressed NIfTI stream; the stream is left at the first voxel.

    That of a mask has the names of its labels, if the file gives them (`label_names`).

    HU are `value * scl_slope + scl_inter`; a slope that is 0 or not finite means no scaling. Raises
    UnreadableInput for a truncated or damaged header, InputTooLarge for an impossible size, and NotCT for
    colour or a time series.
    """
    start = read_exactly(stream, 348, _TITLE)
    if not is_nifti(start):
        raise UnreadableInput(NO_NIFTI_IN_GZIP)
    if start[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c"):  # sizeof_hdr = 348, in either byte order
        header = nibabel.Nifti1Header(start, check=False)
    else:
        start += read_exactly(stream, NIFTI_HEAD_BYTES - len(start), _TITLE)
        header = nibabel.Nifti2Header(start, check=False)
    rank = int(header["dim"][0])
    shape = tuple(int(n) for n in header["dim"][1 : rank + 1])
    if not 2 <= rank <= 7 or len(shape) != rank or min(shape) < 1:
        raise UnreadableInput("The NIfTI header is damaged: it declares an impossible image size.")
    check_declared_shape(_TITLE, shape)
    try:
        dtype = header.get_data_dtype()
    except Exception as error:  # nibabel raises an exception of its own for an unknown type code
        raise UnreadableInput("The NIfTI header is damaged: its data type is unknown.") from error
    if dtype.newbyteorder("=") not in _DTYPES:
        raise NotCT("The NIfTI image's data type (colour, complex or the like) is not one a CT is stored in.")
    offset = float(header["vox_offset"])
    if not 0 <= offset <= _MAX_OFFSET_BYTES:
        raise UnreadableInput("The NIfTI header is damaged: its image starts beyond the end of the file.")
    extension = read_exactly(stream, max(int(offset) - header.sizeof_hdr, 0), _TITLE)
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0:
        slope, intercept = 1.0, 0.0
    if not np.isfinite(intercept):
        intercept = 0.0
    unit = _MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    geometry = volume_geometry(_TITLE, header_affine(header, shape), shape, unit)
    named = label_names(extension) if is_mask else ()
    return VolumeHeader(_TITLE, shape, dtype, geometry, slope, intercept, named_labels=named)
