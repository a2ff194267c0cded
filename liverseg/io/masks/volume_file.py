"""Reads masks from NIfTI, NRRD (.seg.nrrd of 3D Slicer included) and MetaImage files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from liverseg.core import limits
from liverseg.core.image import CTImage, NativeGrid
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.masks.grid import other_size, place
from liverseg.io.masks.mask import MaskLabel
from liverseg.io.volume.geometry import VolumeGeometry
from liverseg.io.volume.image import unpacking
from liverseg.io.volume.open import OpenVolume, open_volume, sha256_of
from liverseg.io.volume.places import on_disk
from liverseg.io.volume.voxels import VolumeHeader, native_grid, read_exactly, truncated

_MAX_LABEL = 65_535


CROPPED_FORMATS = frozenset({"nrrd"})
"""Formats whose masks may cover a part of the scan: 3D Slicer crops its segmentations to what is drawn. In
another format slices that a mask lacks are missing, not empty."""


@dataclass(frozen=True)
class VolumeMask:
    """The label maps of a volume file; most files hold one."""

    format: str
    sha256: str
    layers: tuple[np.ndarray, ...]  # (S, H, W) uint16 each, in radiological orientation
    native: NativeGrid
    geometry: VolumeGeometry
    named: tuple[MaskLabel, ...] = ()

    @cached_property
    def labels(self) -> tuple[MaskLabel, ...]:
        if self.named:
            return self.named
        return tuple(MaskLabel(int(value)) for value in np.unique(self.layers[0]) if value)

    def frame(self) -> CTImage:
        shape = self.layers[0].shape
        return CTImage(
            hu=np.broadcast_to(np.float32(0), shape),
            spacing_mm=self.geometry.spacing_mm,
            spacing_source=self.geometry.spacing_source,
            source_format=self.format,
            native=self.native,
            kind="slice" if shape[0] == 1 else "volume",
            sha256=self.sha256,
            warnings=self.geometry.warnings,
            orientation_known=self.geometry.orientation_known,
        )

    def region(self, labels: Sequence[MaskLabel], ct: CTImage) -> np.ndarray:
        shape = self.layers[0].shape
        may_be_part = self.format in CROPPED_FORMATS or 1 in shape  # one slice is labelled on purpose
        if not may_be_part and sorted(shape) != sorted(ct.shape):
            raise UnreadableInput(other_size(shape, ct.shape))
        placement = place(self.native, ct)
        found = np.zeros(self.layers[0].shape, bool)
        for k, values in enumerate(self.layers):
            numbers = [label.number for label in labels if label.layer == k]
            if numbers:
                found |= np.isin(values, numbers)
        return placement.placed(found, ct.shape)


def read_volume_mask(kind: str, path: Path) -> VolumeMask:
    """The mask in a file of a format of `sniff.VOLUME_KINDS`.

    Raises a `LiversegError` for a file that cannot be read, and for values that are not whole numbers from 0
    to 65,535.
    """
    with ExitStack() as stack:
        volume = open_volume(kind, *on_disk(path), stack, is_mask=True)
        header = volume.header
        native = native_grid(header, is_mask=True)
        with unpacking(header.title):
            stored = _stored_values(volume)
        digest = sha256_of(volume.files)
    values = _label_values(stored, header)
    cube = values.reshape((header.layers, *(*header.shape, 1)[:3]), order="F")
    layers = tuple(native.to_radiological(layer.reshape(header.shape)) for layer in cube)
    named = tuple(
        MaskLabel(one.value, one.name, layer=one.layer)
        for one in header.named_labels
        if one.value and one.layer < len(layers)
    )
    return VolumeMask(header.title.lower(), digest, layers, native, header.geometry, named)


def _stored_values(volume: OpenVolume) -> np.ndarray:
    """The values of the file as one axis; raises for a file that is too short or too large."""
    header = volume.header
    needed = int(np.prod(header.shape, dtype=object)) * header.layers * header.dtype.itemsize
    if needed > limits.MAX_FILE_BYTES:
        raise InputTooLarge("The mask takes more than 2 GiB; store it as 8-bit integers.")
    if volume.bytes_left is not None and needed > volume.bytes_left:
        raise UnreadableInput(truncated(header.title))
    values = np.frombuffer(read_exactly(volume.stream, needed, header.title), header.dtype)
    volume.stream.read(1)  # makes a packed stream verify its checksum
    return values


def _label_values(stored: np.ndarray, header: VolumeHeader) -> np.ndarray:
    """The values as uint16, scaled as the header says."""
    values = stored
    if header.is_scaled:
        values = stored * header.slope + header.intercept
    if values.dtype.kind == "f":
        whole = np.round(values)
        if not np.array_equal(whole, values):  # nan is not equal to itself
            other = values[whole != values][0]
            raise UnreadableInput(f"The mask holds the value {other:g}; labels are whole numbers.")
        values = whole
    low, high = values.min(), values.max()
    if low < 0 or high > _MAX_LABEL:
        other = low if low < 0 else high
        raise UnreadableInput(f"The mask holds the value {other:g}; labels run from 0 to 65,535.")
    return values.astype(np.uint16)
