"""How much memory a scan takes, told from its header, so that none is read that would not fit."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

from liverseg.errors import InputTooLarge, LiversegError
from liverseg.io.nifti.read import native_grid, read_header
from liverseg.io.read import list_series
from liverseg.io.sniff import HEAD_BYTES, sniff

BASE_BYTES = 650 * 1024**2
"""A worker with its network and no scan."""

BYTES_PER_VOXEL = 12
"""HU, two probabilities, labels, and what post-processing and the pictures add for a while."""

COMFORTABLE_BYTES = 2_500_000_000
"""What a worker should have: enough for 500 slices of 512 × 512."""

Shape = tuple[int, int, int]


def need_bytes(shape: Shape) -> int:
    """What a worker takes with a scan of this shape (slices, rows, columns).

    >>> round(need_bytes((500, 512, 512)) / 1e9, 1)
    2.3
    """
    slices, rows, columns = shape
    return BASE_BYTES + BYTES_PER_VOXEL * slices * rows * columns


class TooMuchMemory(InputTooLarge):
    """A scan does not fit into the memory of a worker; it was not read."""


def check_memory(shape: Shape, budget_bytes: int) -> None:
    """Raises `TooMuchMemory` where a scan needs more than a worker has."""
    need = need_bytes(shape)
    if need > budget_bytes:
        size = " × ".join(map(str, shape))
        raise TooMuchMemory(
            f"A scan of {size} voxels takes about {need / 1e9:.1f} GB, and a worker has "
            f"{budget_bytes / 1e9:.1f} GB: run fewer workers, or give them more (--memory)."
        )


def header_shape(path: Path) -> Shape | None:
    """(slices, rows, columns) by the header of a NIfTI file or of the series in a zip; None: not told there.

    Raises what `liverseg.read` raises for a header that is refused.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
        kind = sniff(head)
        if kind == "zip":
            found = list_series(path)
            return max((one.shape for one in found), key=lambda shape: shape[0] * shape[1] * shape[2])
        if kind not in ("nifti", "nifti-gz"):
            return None
        stream.seek(0)
        try:
            unpacked = gzip.GzipFile(fileobj=stream) if kind == "nifti-gz" else stream
            return native_grid(read_header(unpacked)).radiological_shape  # type: ignore[arg-type]
        except LiversegError:
            raise
        except (OSError, EOFError, ValueError, io.UnsupportedOperation):
            return None  # the reader says what is wrong


class Admission:
    """Lets scans into a worker's memory: several while they fit together, one at a time else."""

    def __init__(self, budget_bytes: int) -> None:
        import threading

        self._room = budget_bytes - BASE_BYTES
        self._held: list[int] = []
        self._changed = threading.Condition()

    def enter(self, shape: Shape | None) -> int:
        """Waits until there is room; returns what `leave` takes."""
        amount = 0 if shape is None else need_bytes(shape) - BASE_BYTES
        with self._changed:
            self._changed.wait_for(lambda: not self._held or sum(self._held) + amount <= self._room)
            self._held.append(amount)
        return amount

    def leave(self, amount: int) -> None:
        with self._changed:
            self._held.remove(amount)
            self._changed.notify_all()
