"""Read the voxels of a volume file in bounded pieces, once its header has been checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from liverseg.core import limits
from liverseg.core.geometry import is_axial, nearest_axes
from liverseg.core.image import NativeGrid
from liverseg.core.limits import check_largest_shape, check_shape
from liverseg.errors import InputTooLarge, NotCT, UnreadableInput
from liverseg.io.volume.geometry import VolumeGeometry

_CHUNK_BYTES = 2 * 1024**2  # small enough to stay in the processor cache between steps


class ByteSource(Protocol):
    """A file, or a reader that unpacks one."""

    def read(self, count: int, /) -> bytes:
        """The next `count` bytes; fewer only at the end."""


@dataclass(frozen=True)
class NamedLabel:
    """A label of a mask with the name that its file gives it."""

    value: int
    name: str
    layer: int = 0  # of the masks that the file holds beside each other


@dataclass(frozen=True)
class VolumeHeader:
    """The header of an image of one slice or volume, checked against the limits."""

    title: str  # "NIfTI" | "NRRD" | "MetaImage"
    shape: tuple[int, ...]  # as stored, the fastest axis first, including trailing axes of length 1
    dtype: np.dtype  # with its byte order
    geometry: VolumeGeometry
    slope: float = 1.0
    intercept: float = 0.0
    layers: int = 1  # values a voxel, the fastest axis; several only in a mask
    named_labels: tuple[NamedLabel, ...] = ()  # of a mask; (): the file names none

    @property
    def is_scaled(self) -> bool:
        return (self.slope, self.intercept) != (1.0, 0.0)


def check_declared_shape(title: str, shape: tuple[int, ...]) -> None:
    """Raise `NotCT` for more than three axes and `InputTooLarge` for a side that no limit allows."""
    if any(n > 1 for n in shape[3:]):
        raise NotCT(f"The {title} image has more than three dimensions (a time series or several channels).")
    if max(shape) > max(limits.MAX_SIDE_PX, limits.MAX_SLICES):
        raise InputTooLarge(
            f"The {title} header declares {' × '.join(map(str, shape[:3]))} voxels; "
            f"liverseg reads up to {limits.MAX_SIDE_PX} a side."
        )


def native_grid(header: VolumeHeader, is_mask: bool = False) -> NativeGrid:
    """The grid of the file and its mapping to the radiological grid.

    A mask may be a small part of an image, in any plane. Raises NotCT for a single slice that is not axial,
    InputTooLarge/InputTooSmall for a size outside the limits.
    """
    cube_shape = (*header.shape, 1)[:3]
    directions = header.geometry.affine[:3, :3]
    axes, flipped = nearest_axes(directions)
    slices, rows, columns = (cube_shape[a] for a in axes)
    native = NativeGrid(header.shape, axes, flipped, header.geometry.affine, header.geometry.codes)
    if is_mask:
        check_largest_shape(slices, rows, columns)
        return native
    long_axes = [a for a in range(3) if cube_shape[a] > 1]
    if len(long_axes) == 2 and (slices > 1 or not is_axial(directions, 3 - sum(long_axes))):
        raise NotCT(
            f"This {header.title} image is a single slice that is not axial; liverseg reads axial slices."
        )
    check_shape(slices, rows, columns)
    return native


def read_voxels(stream: ByteSource, header: VolumeHeader) -> tuple[np.ndarray, NativeGrid, np.ndarray]:
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
    sizes = [count * plane * header.dtype.itemsize for count in counts]
    extremes, first = [], 0
    for data in _read_ahead(stream, sizes, header.title):
        values = np.frombuffer(data, header.dtype).reshape((*cube_shape[:2], -1), order="F")
        target = cube[:, :, first : first + values.shape[2]]
        extremes.append(_scale_into(target, values, header))
        first += values.shape[2]
    return hu, native, np.array([np.min(extremes), np.max(extremes)])


def _scale_into(
    target: np.ndarray, values: np.ndarray, header: VolumeHeader
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


def _read_ahead(stream: ByteSource, sizes: Sequence[int], title: str) -> Iterator[bytes]:
    """Pieces of the given sizes; a thread reads and decompresses each one while the caller uses the last."""
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(read_exactly, stream, sizes[0], title)
        for size in [*sizes[1:], None]:
            data = pending.result()
            if size is not None:
                pending = pool.submit(read_exactly, stream, size, title)
            yield data


def read_exactly(stream: ByteSource, count: int, title: str) -> bytes:
    """`count` bytes; raises UnreadableInput where the stream ends earlier."""
    data = stream.read(count)
    if len(data) < count:
        raise UnreadableInput(truncated(title))
    return data


def truncated(title: str) -> str:
    """The sentence on a file of the format `title` that is too short."""
    return f"The {title} file is truncated: it ends before its image does."
