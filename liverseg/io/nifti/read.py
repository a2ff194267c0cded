"""NIfTI-1 and NIfTI-2 in one file, plain or gzip: header first, then no more bytes than it declares."""

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
from liverseg.io.checks import AIR_HU, PADDING_BELOW_HU, air_for_padding, hu_warnings
from liverseg.io.fast_gzip import DAMAGE, Gunzip
from liverseg.io.nifti.geometry import NiftiGeometry, nifti_geometry
from liverseg.io.nifti.grey import grey_from_nifti

_MAX_OFFSET_BYTES = 16 * 1024**2  # header extensions; a real file has a few kB
_CHUNK_BYTES = 2 * 1024**2  # few, so that it stays in a processor's cache from one step to the next
_TRUNCATED = "The NIfTI file is truncated: it ends before its image does."
_DAMAGED = "The NIfTI file is damaged: its compressed data cannot be unpacked."
_DTYPES = {np.dtype(t) for t in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")}


@dataclass(frozen=True)
class NiftiHeader:
    """What the header of a NIfTI image of one slice or volume says, checked against the limits."""

    shape: tuple[int, ...]  # as stored, trailing ones included
    dtype: np.dtype  # with its byte order
    offset: int  # of the first voxel, in bytes
    slope: float
    intercept: float
    geometry: NiftiGeometry

    @property
    def is_scaled(self) -> bool:
        return (self.slope, self.intercept) != (1.0, 0.0)


def read_nifti(stream: BinaryIO, compressed: bool, size_bytes: int, window: Window) -> CTImage:
    """A NIfTI image of one slice or volume as a CTImage.

    Stored values become `value * scl_slope + scl_inter` (slope 0 or not finite: no scaling).
    Values that are not finite become air (-1024 HU) with a warning; where they are more than half
    the image is refused. 8-bit grey cannot be HU and is rebuilt through `window`, with a warning.
    Raises InputTooLarge/InputTooSmall before the image is read, UnreadableInput for a truncated or
    damaged file, NotCT for colour, labels, a time series or a lone slice that is not axial.
    """
    try:
        if not compressed:
            return _read(stream, size_bytes, window)
        return _read(Gunzip(stream), None, window)
    except EOFError as error:
        raise UnreadableInput(_TRUNCATED) from error
    except DAMAGE as error:
        raise UnreadableInput(_DAMAGED) from error


def _read(stream: BinaryIO | Gunzip, size_bytes: int | None, window: Window) -> CTImage:
    header = read_header(stream)
    needed = int(np.prod(header.shape, dtype=object)) * header.dtype.itemsize
    if needed > limits.MAX_FILE_BYTES:
        raise InputTooLarge("The NIfTI image takes more than 2 GiB; crop it or store it as 16-bit integers.")
    if size_bytes is not None and header.offset + needed > size_bytes:
        raise UnreadableInput(_TRUNCATED)
    hu, native, ends = _read_voxels(stream, header)
    stream.read(1)  # at the end of a gzip stream its checksum is compared
    warnings = header.geometry.warnings
    if not np.isfinite(ends).all():
        missing = ~np.isfinite(hu)
        if missing.mean() > 0.5:
            raise UnreadableInput("More than half of the NIfTI image's values are not finite numbers.")
        hu[missing] = AIR_HU
        warnings += (f"{int(missing.sum())} values are not finite numbers; they were taken as air.",)
        ends = np.array([hu.min(), hu.max()])
    grey = grey_from_nifti(hu, ends, header.dtype, header.is_scaled, window)
    if grey is None:
        if ends[0] < PADDING_BELOW_HU:
            air_for_padding(hu)
            ends = np.array([hu.min(), hu.max()])
        warnings += hu_warnings(ends)
    else:
        hu, sentence = grey
        warnings += (sentence,)
    spacing = header.geometry.spacing_mm
    return CTImage(
        hu=hu,
        spacing_mm=spacing,
        spacing_source=header.geometry.spacing_source,
        source_format="nifti",
        native=native,
        kind="slice" if hu.shape[0] == 1 else "volume",
        assumed_window=None if grey is None else window,
        warnings=warnings,
    )


def read_header(stream: BinaryIO | Gunzip) -> NiftiHeader:
    """The checked header of an unpacked NIfTI stream, which is left at the first voxel.

    Raises what `read_nifti` raises for a header.
    """
    start = _read_exactly(stream, 348)
    is_first = start[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c")
    if is_first:
        header = nibabel.Nifti1Header(start, check=False)
    else:
        header = nibabel.Nifti2Header(start + _read_exactly(stream, 192), check=False)
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
    except Exception as error:  # nibabel raises its own error for a type code that does not exist
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
    """How the header's grid turns into the radiological one.

    Raises NotCT for a lone slice that is not axial, InputTooLarge/InputTooSmall beyond the limits.
    """
    cube_shape = (*header.shape, 1)[:3]
    directions = header.geometry.affine[:3, :3]
    axes, flipped = nearest_axes(directions)
    slices, rows, columns = (cube_shape[a] for a in axes)
    long_axes = [a for a in range(3) if cube_shape[a] > 1]
    if len(long_axes) == 2 and (slices > 1 or not is_axial(directions, 3 - sum(long_axes))):
        raise NotCT("This NIfTI image is a lone slice that is not axial; liverseg reads axial slices.")
    check_shape(slices, rows, columns)
    return NativeGrid(header.shape, axes, flipped, header.geometry.affine, header.geometry.codes)


def _read_voxels(stream: BinaryIO | Gunzip, header: NiftiHeader) -> tuple[np.ndarray, NativeGrid, np.ndarray]:
    """Values (S, H, W) float32 after scaling, filled a few planes at a time so that one copy is held; their
    lowest and highest (2,), not finite where there are values that are not."""
    cube_shape = (*header.shape, 1)[:3]
    native = native_grid(header)
    hu = np.empty(native.radiological_shape, np.float32)
    cube = native.native_view(hu)
    plane = cube_shape[0] * cube_shape[1]
    step = max(1, _CHUNK_BYTES // (plane * header.dtype.itemsize))
    counts = [min(step, cube_shape[2] - first) for first in range(0, cube_shape[2], step)]
    ends, first = [], 0
    for data in _ahead(stream, [count * plane * header.dtype.itemsize for count in counts]):
        values = np.frombuffer(data, header.dtype).reshape((*cube_shape[:2], -1), order="F")
        target = cube[:, :, first : first + values.shape[2]]
        ends.append(_fill(target, values, header))
        first += values.shape[2]
    return hu, native, np.array([np.min(ends), np.max(ends)])


def _fill(target: np.ndarray, values: np.ndarray, header: NiftiHeader) -> tuple[np.floating, np.floating]:
    """Write stored values, scaled, to float32; returns the lowest and the highest of what was written."""
    # 16-bit values are exact in float32; wider ones are scaled in float64 before they are rounded
    wide = header.dtype.itemsize > 2 and header.dtype.newbyteorder("=") != np.float32
    work = np.float64 if wide else np.float32
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is not finite, and treated so
        if not header.is_scaled:
            target[...] = values
        else:
            scaled = values.astype(work)
            scaled *= work(header.slope)
            scaled += work(header.intercept)
            target[...] = scaled
        return target.min(), target.max()


def _ahead(stream: BinaryIO | Gunzip, sizes: Sequence[int]) -> Iterator[bytes]:
    """Pieces of so many bytes; the next one is read, and unpacked, while the last one is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_read_exactly, stream, sizes[0])
        for size in [*sizes[1:], None]:
            data = coming.result()
            if size is not None:
                coming = pool.submit(_read_exactly, stream, size)
            yield data


def _read_exactly(stream: BinaryIO | Gunzip, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise UnreadableInput(_TRUNCATED)
    return data
