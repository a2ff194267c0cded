"""Read single-file NIfTI-1 and NIfTI-2, plain or gzip.

The header is checked first; then no more bytes are read than it declares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

import nibabel
import numpy as np

from liverseg.core import limits
from liverseg.core.geometry import is_axial, nearest_axes
from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.limits import check_shape
from liverseg.core.window import Window
from liverseg.errors import InputTooLarge, NotCT, UnreadableInput
from liverseg.io.checks import (
    AIR_HU,
    MAX_HU,
    PADDING_BELOW_HU,
    READ_AS_NEGATIVE,
    hu_warnings,
    replace_padding,
)
from liverseg.io.fast_gzip import DAMAGE_ERRORS, GzipReader
from liverseg.io.nifti.geometry import NiftiGeometry, nifti_geometry
from liverseg.io.nifti.grey import grey_from_nifti
from liverseg.io.slice_levels import level_warnings
from liverseg.io.sniff import NIFTI_HEAD_BYTES, NO_NIFTI_IN_GZIP, is_nifti

_MAX_OFFSET_BYTES = 16 * 1024**2  # limits header extensions, which take a few kB in practice
_CHUNK_BYTES = 2 * 1024**2  # small enough to stay in the processor cache between steps
_TRUNCATED = "The NIfTI file is truncated: it ends before its image does."
_DAMAGED = "The NIfTI file is damaged: its compressed data cannot be unpacked."
_DTYPES = {np.dtype(t) for t in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")}


@dataclass(frozen=True)
class NiftiHeader:
    """The header of a NIfTI image of one slice or volume, checked against the limits."""

    shape: tuple[int, ...]  # as stored, including trailing axes of length 1
    dtype: np.dtype  # with its byte order
    offset: int  # bytes before the first voxel
    slope: float
    intercept: float
    geometry: NiftiGeometry

    @property
    def is_scaled(self) -> bool:
        return (self.slope, self.intercept) != (1.0, 0.0)


def read_nifti(stream: BinaryIO, compressed: bool, size_bytes: int, window: Window) -> CTImage:
    """Read a NIfTI image of one slice or volume as a CTImage.

    HU are `value * scl_slope + scl_inter`; a slope that is 0 or not finite means no scaling. Values that
    are not finite become air (-1024 HU), and unsigned 16-bit values that no CT has are read as negative
    numbers, both with a warning. 8-bit grey cannot be HU; HU are rebuilt from it through `window`, with a
    warning. Raises InputTooLarge/InputTooSmall before the image is read, UnreadableInput for a truncated or
    damaged file and where more than half of the values are not finite, and NotCT for colour, labels, a time
    series or a single slice that is not axial.
    """
    try:
        if not compressed:
            return _read(stream, size_bytes, window)
        return _read(GzipReader(stream), None, window)
    except EOFError as error:
        raise UnreadableInput(_TRUNCATED) from error
    except DAMAGE_ERRORS as error:
        raise UnreadableInput(_DAMAGED) from error


def _read(stream: BinaryIO | GzipReader, size_bytes: int | None, window: Window) -> CTImage:
    header = read_header(stream)
    needed = int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
    if needed > limits.MAX_FILE_BYTES:
        raise InputTooLarge("The NIfTI image takes more than 2 GiB; crop it or store it as 16-bit integers.")
    if size_bytes is not None and header.offset + needed > size_bytes:
        raise UnreadableInput(_TRUNCATED)
    hu, native, extremes = read_voxels(stream, header)
    stream.read(1)  # makes a gzip stream verify its checksum
    warnings = header.geometry.warnings
    if not np.isfinite(extremes).all():
        missing = ~np.isfinite(hu)
        if missing.mean() > 0.5:
            raise UnreadableInput("More than half of the NIfTI image's values are not finite numbers.")
        hu[missing] = AIR_HU
        warnings += (f"{int(missing.sum())} values are not finite numbers; they were taken as air.",)
        extremes = np.array([hu.min(), hu.max()])
    grey = grey_from_nifti(hu, extremes, header.dtype, header.is_scaled, window)
    if grey is None:
        if extremes[1] > MAX_HU and header.dtype.newbyteorder("=") == np.uint16:
            hu[hu > MAX_HU] -= np.float32(2**16 * header.slope)
            extremes = np.array([hu.min(), hu.max()])
            warnings += (READ_AS_NEGATIVE,)
        if extremes[0] < PADDING_BELOW_HU:
            replace_padding(hu)
            extremes = np.array([hu.min(), hu.max()])
        warnings += (*hu_warnings(extremes), *level_warnings(hu))
    else:
        hu, warning = grey
        warnings += (warning,)
    return CTImage(
        hu=hu,
        spacing_mm=header.geometry.spacing_mm,
        spacing_source=header.geometry.spacing_source,
        source_format="nifti",
        native=native,
        kind="slice" if hu.shape[0] == 1 else "volume",
        assumed_window=None if grey is None else window,
        warnings=warnings,
        orientation_known=header.geometry.orientation_known,
    )


def read_header(stream: BinaryIO | GzipReader) -> NiftiHeader:
    """Read and check the header of an uncompressed NIfTI stream; the stream is left at the first voxel.

    Raises the errors of `read_nifti` that concern the header.
    """
    start = _read_exactly(stream, 348)
    if not is_nifti(start):
        raise UnreadableInput(NO_NIFTI_IN_GZIP)
    if start[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c"):  # sizeof_hdr = 348, in either byte order
        header = nibabel.Nifti1Header(start, check=False)
    else:
        start += _read_exactly(stream, NIFTI_HEAD_BYTES - len(start))
        header = nibabel.Nifti2Header(start, check=False)
    rank = int(header["dim"][0])
    shape = tuple(int(n) for n in header["dim"][1 : rank + 1])
    if not 2 <= rank <= 7 or len(shape) != rank or min(shape) < 1:
        raise UnreadableInput("The NIfTI header is damaged: it declares an impossible image size.")
    if any(n > 1 for n in shape[3:]):
        raise NotCT("The NIfTI image has more than three dimensions (a time series or several channels).")
    if max(shape) > max(limits.MAX_SIDE_PX, limits.MAX_SLICES):
        raise InputTooLarge(
            f"The NIfTI header declares {' × '.join(map(str, shape[:3]))} voxels; "
            f"liverseg reads up to {limits.MAX_SIDE_PX} a side."
        )
    try:
        dtype = header.get_data_dtype()
    except Exception as error:  # nibabel raises an exception of its own for an unknown type code
        raise UnreadableInput("The NIfTI header is damaged: its data type is unknown.") from error
    if dtype.newbyteorder("=") not in _DTYPES:
        raise NotCT("The NIfTI image's data type (colour, complex or the like) is not one a CT is stored in.")
    offset = float(header["vox_offset"])
    if not 0 <= offset <= _MAX_OFFSET_BYTES:
        raise UnreadableInput("The NIfTI header is damaged: its image starts beyond the end of the file.")
    offset = max(int(offset), header.sizeof_hdr)
    _read_exactly(stream, offset - header.sizeof_hdr)
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0:
        slope, intercept = 1.0, 0.0
    if not np.isfinite(intercept):
        intercept = 0.0
    return NiftiHeader(shape, dtype, offset, slope, intercept, nifti_geometry(header, shape))


def native_grid(header: NiftiHeader) -> NativeGrid:
    """The grid of the file and its mapping to the radiological grid.

    Raises NotCT for a single slice that is not axial, InputTooLarge/InputTooSmall for a size outside the
    limits.
    """
    cube_shape = (*header.shape, 1)[:3]
    directions = header.geometry.affine[:3, :3]
    axes, flipped = nearest_axes(directions)
    slices, rows, columns = (cube_shape[a] for a in axes)
    long_axes = [a for a in range(3) if cube_shape[a] > 1]
    if len(long_axes) == 2 and (slices > 1 or not is_axial(directions, 3 - sum(long_axes))):
        raise NotCT("This NIfTI image is a single slice that is not axial; liverseg reads axial slices.")
    check_shape(slices, rows, columns)
    return NativeGrid(header.shape, axes, flipped, header.geometry.affine, header.geometry.codes)


def read_voxels(
    stream: BinaryIO | GzipReader, header: NiftiHeader
) -> tuple[np.ndarray, NativeGrid, np.ndarray]:
    """Scaled values (S, H, W) float32, their grid, and their minimum and maximum (2,).

    The array is filled a few planes at a time, so that memory holds one copy of the image. The extremes are
    not finite if any value is not.
    """
    cube_shape = (*header.shape, 1)[:3]
    native = native_grid(header)
    hu = np.empty(native.radiological_shape, np.float32)
    cube = native.native_view(hu)
    plane = cube_shape[0] * cube_shape[1]
    step = max(1, _CHUNK_BYTES // (plane * header.dtype.itemsize))
    counts = [min(step, cube_shape[2] - first) for first in range(0, cube_shape[2], step)]
    extremes, first = [], 0
    for data in _read_ahead(stream, [count * plane * header.dtype.itemsize for count in counts]):
        values = np.frombuffer(data, header.dtype).reshape((*cube_shape[:2], -1), order="F")
        target = cube[:, :, first : first + values.shape[2]]
        extremes.append(_scale_into(target, values, header))
        first += values.shape[2]
    return hu, native, np.array([np.min(extremes), np.max(extremes)])


def _scale_into(
    target: np.ndarray, values: np.ndarray, header: NiftiHeader
) -> tuple[np.floating, np.floating]:
    """Scale stored values into a float32 array; returns the minimum and maximum of the result."""
    # 16-bit values are exact in float32; wider ones are scaled in float64 and then rounded.
    wide = header.dtype.itemsize > 2 and header.dtype.newbyteorder("=") != np.float32
    work = np.float64 if wide else np.float32
    with np.errstate(over="ignore", invalid="ignore"):  # overflow gives infinity, which the caller handles
        if not header.is_scaled:
            target[...] = values
        else:
            scaled = values.astype(work)
            scaled *= work(header.slope)
            scaled += work(header.intercept)
            target[...] = scaled
        return target.min(), target.max()


def _read_ahead(stream: BinaryIO | GzipReader, sizes: Sequence[int]) -> Iterator[bytes]:
    """Pieces of the given sizes; a thread reads and decompresses each one while the caller uses the last."""
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(_read_exactly, stream, sizes[0])
        for size in [*sizes[1:], None]:
            data = pending.result()
            if size is not None:
                pending = pool.submit(_read_exactly, stream, size)
            yield data


def _read_exactly(stream: BinaryIO | GzipReader, count: int) -> bytes:
    """`count` bytes; raises UnreadableInput where the stream ends earlier."""
    data = stream.read(count)
    if len(data) < count:
        raise UnreadableInput(_TRUNCATED)
    return data
