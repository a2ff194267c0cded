"""Memory that a scan needs, estimated from its header before the scan is read."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from liverseg.errors import InputTooLarge, InvalidSetting
from liverseg.io.read import list_series, volume_shape
from liverseg.io.sniff import HEAD_BYTES, VOLUME_KINDS, sniff

BASE_BYTES = 650 * 1024**2
"""Memory of a worker that has loaded its network and no scan."""

BYTES_PER_VOXEL = 12
"""HU, two probabilities and labels, and the temporary arrays of post-processing and rendering."""

COMFORTABLE_BYTES = 2_500_000_000
"""Recommended memory of a worker: enough for 500 slices of 512 × 512."""

VolumeShape = tuple[int, int, int]
"""Slices, rows, columns."""


def need_bytes(shape: VolumeShape) -> int:
    """Memory of a worker that processes one scan of this shape.

    >>> round(need_bytes((500, 512, 512)) / 1e9, 1)
    2.3
    """
    slices, rows, columns = shape
    return BASE_BYTES + BYTES_PER_VOXEL * slices * rows * columns


class TooMuchMemory(InputTooLarge):
    """A scan does not fit into the memory of a worker. It was not read."""


def check_memory(shape: VolumeShape, budget_bytes: int) -> None:
    """Raises `TooMuchMemory` if a scan needs more memory than a worker has."""
    need = need_bytes(shape)
    if need > budget_bytes:
        size = " × ".join(map(str, shape))
        raise TooMuchMemory(
            f"A scan of {size} voxels takes about {need / 1e9:.1f} GB, and a worker has "
            f"{budget_bytes / 1e9:.1f} GB: run fewer workers, or give each more memory (--memory)."
        )


def header_shape(paths: Sequence[Path]) -> VolumeShape | None:
    """The shape in the header of a volume file, or that of the largest series in a zip.

    `paths` are the files of a scan. None for another format. Raises what `liverseg.read` raises for a header
    that it refuses.
    """
    with paths[0].open("rb") as stream:
        kind = sniff(stream.read(HEAD_BYTES))
    if kind in VOLUME_KINDS:
        return volume_shape(paths)
    if kind != "zip":
        return None
    try:
        shapes = [series.shape for series in list_series(paths[0])]
    except InvalidSetting:  # it holds one image
        return volume_shape(paths)
    return max(shapes, key=lambda shape: shape[0] * shape[1] * shape[2])


class Admission:
    """Admission control for a worker's memory: several scans enter while they fit together, else one."""

    def __init__(self, budget_bytes: int) -> None:
        self._available = budget_bytes - BASE_BYTES
        self._reserved: list[int] = []
        self._changed = threading.Condition()

    def enter(self, shape: VolumeShape | None) -> int:
        """Waits until the scan fits, reserves its memory and returns the reserved bytes for `leave`."""
        reserved = 0 if shape is None else need_bytes(shape) - BASE_BYTES
        with self._changed:
            self._changed.wait_for(
                lambda: not self._reserved or sum(self._reserved) + reserved <= self._available
            )
            self._reserved.append(reserved)
        return reserved

    def leave(self, reserved: int) -> None:
        """Releases memory that `enter` has reserved."""
        with self._changed:
            self._reserved.remove(reserved)
            self._changed.notify_all()
