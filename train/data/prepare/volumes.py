"""NIfTI volumes kept in their stored numbers; HU are computed slice by slice to save memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

import liverseg
from liverseg.core.image import NativeGrid
from liverseg.core.window import Window
from liverseg.io.checks import AIR_HU, PADDING_BELOW_HU, hu_warnings
from liverseg.io.fast_gzip import DAMAGE_ERRORS, open_gzip
from liverseg.io.nifti.read import read_header
from liverseg.io.volume.voxels import VolumeHeader, native_grid
from train.errors import TrainError

_CHUNK_BYTES = 1024**2
_GZIP_MAGIC = b"\x1f\x8b"
_DAMAGE = (EOFError, OSError, ValueError, *DAMAGE_ERRORS)

FALSE_LITS_NUMBERS = range(28, 48)
"""LiTS scans whose header states, wrongly, 1 mm in every direction with an identity geometry."""


@dataclass(frozen=True)
class Volume:
    """One scan in radiological orientation, in its stored number type."""

    stored: np.ndarray  # (S, H, W), a view of the numbers of the file
    slope: float = 1.0
    intercept: float = 0.0
    spacing_mm: tuple[float, float, float] | None = None  # between slices, rows, columns
    geometry: str = "unknown"  # "header" | "false" | "unknown"
    sha256: dict[str, str] = field(default_factory=dict)  # of the files, keys "volume" and "reference"
    warnings: tuple[str, ...] = ()

    @cached_property
    def hu_table(self) -> np.ndarray | None:
        """(65536,) float64: HU by stored 16-bit value, read as uint16; None for other number types."""
        if self.stored.dtype not in (np.int16, np.uint16):
            return None
        return self._hu(np.arange(65536, dtype=np.uint16).view(self.stored.dtype))

    def hu(self, index: int, step: int = 1) -> np.ndarray:
        """float64 HU of one slice (H, W), or of every `step`-th row and column.

        Padding and non-finite values become the HU of air.
        """
        return self._hu(self.stored[index, ::step, ::step])

    def flipped(self, rows: bool, columns: bool) -> Volume:
        """The same scan with its rows, its columns or both reversed."""
        steps = (slice(None), *(slice(None, None, -1 if flip else 1) for flip in (rows, columns)))
        return replace(self, stored=self.stored[steps])

    def _hu(self, stored: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            hu = stored.astype(np.float64) * self.slope + self.intercept
        hu[~np.isfinite(hu) | (hu < PADDING_BELOW_HU)] = AIR_HU
        return hu


def read_volume(path: Path, window: Window, lits_number: int | None = None) -> tuple[Volume, NativeGrid]:
    """A NIfTI volume and the grid of its file. Its HU equal those of `liverseg.read`.

    `window` is used for a file that stores grey values. `lits_number` is the number of a LiTS scan; some
    of these have a false geometry. Raises a `LiversegError` for a file that is truncated, damaged or not
    CT.
    """
    header, stored = read_stored(path)
    native = native_grid(header)
    volume = Volume(
        native.to_radiological(stored),
        header.slope,
        header.intercept,
        header.geometry.spacing_mm,
        _geometry(header, lits_number),
        {"volume": files_sha256(path)},
        header.geometry.warnings,
    )
    if volume.geometry != "header":
        volume = replace(volume, spacing_mm=None)
    if stored.dtype.kind == "f" and np.isfinite(stored).mean() < 0.5:
        raise TrainError("more than half of its values are not finite numbers.")
    ends = volume._hu(np.array([np.nanmin(stored), np.nanmax(stored)]))
    low, high = float(ends.min()), float(ends.max())
    if 0 <= low and high <= 255:  # grey, a label map or normalised: `liverseg.read` decides
        ct = liverseg.read(path, window=window)
        volume = replace(volume, stored=ct.hu, slope=1.0, intercept=0.0, warnings=ct.warnings)
    else:
        volume = replace(volume, warnings=volume.warnings + hu_warnings(np.array([low, high])))
    return volume, native


def read_stored(path: Path) -> tuple[VolumeHeader, np.ndarray]:
    """The header and the stored numbers (X, Y, Z) of a NIfTI file; missing axes have length 1.

    Raises a `LiversegError` for a file that is truncated, damaged or has more than three axes.
    """
    try:
        with path.open("rb") as raw:
            is_gzip = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            if not is_gzip:
                return _read_stream(raw)
            with open_gzip(raw) as content:
                header_and_numbers = _read_stream(content)
                while content.read(_CHUNK_BYTES):  # the checksum is verified at the end of the stream
                    pass
                return header_and_numbers
    except FileNotFoundError as error:
        raise TrainError(f"there is no {path.name}.") from error
    except _DAMAGE as error:
        raise TrainError(f"{path.name} is truncated or damaged.") from error


def files_sha256(*paths: Path) -> str:
    """The sha256 of one file; for several files, the sha256 of their concatenated hexadecimal digests."""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _read_stream(stream: BinaryIO) -> tuple[VolumeHeader, np.ndarray]:
    """`read_stored` of an uncompressed stream. Raises `EOFError` if it is too short."""
    header = read_header(stream)
    numbers = np.empty(int(np.prod(header.shape)), header.dtype)
    buffer, filled = memoryview(numbers).cast("B"), 0
    while filled < len(buffer):
        count = stream.readinto(buffer[filled:])
        if not count:
            raise EOFError
        filled += count
    native_order = numbers.astype(header.dtype.newbyteorder("="), copy=False)
    return header, native_order.reshape((*header.shape, 1)[:3], order="F")


def _geometry(header: VolumeHeader, lits_number: int | None) -> str:
    """`Volume.geometry`: "header" if the header's geometry is trusted, else "false" or "unknown"."""
    geometry = header.geometry
    matrix = geometry.affine[:3, :3]
    if lits_number in FALSE_LITS_NUMBERS and (np.abs(matrix) == np.eye(3)).all():
        return "false"
    if geometry.spacing_mm is not None:
        return "header"
    identity = (np.abs(geometry.affine) == np.eye(4)).all() and any(geometry.codes)
    return "false" if identity else "unknown"
