"""A dataset packed into one memory-mapped file: decoded once, opened fast, shared by all processes.

The file holds for each slice its stored picture (uint8 with one channel per window, or uint16), followed
by its label bits (uint8). After the slices come a JSON index, the length of the index (8 bytes) and a
magic word. The file name contains a fingerprint of the dataset's pixels, so copies of a dataset and its folds
share a pack, and a dataset that is prepared again is also packed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from registry.files import atomic_path
from registry.hub.cache import cache_folder
from train.data.dataset import BACKGROUND_BIT, TUMOUR_BIT, DatasetFolder, SliceRow, SlicesInMemory
from train.errors import TrainError

try:
    import fcntl
except ImportError:  # Windows: several processes may pack at once, and the last file remains
    fcntl = None  # type: ignore[assignment]

_logger = logging.getLogger(__name__)

MAGIC = b"liverpk1"
"""Last bytes of a pack; also part of the hash in its name, so a new format gets new names."""

SLICES_PER_WRITE = 64
"""Slices decoded between two writes. It limits the memory that packing takes."""


@dataclass(frozen=True)
class PackedPictures(Sequence[np.ndarray]):
    """Pictures (H, W) or (H, W, channels) in a pack file, memory-mapped on first access.

    Pickling stores the path, not the pixels.
    """

    path: Path
    dtype: str
    channels: int
    locations: tuple[tuple[int, int, int], ...]  # offset in bytes, rows, columns

    @cached_property
    def _bytes(self) -> np.ndarray:
        return np.memmap(self.path, np.uint8, "r")

    def __len__(self) -> int:
        return len(self.locations)

    def __getitem__(self, position: int) -> np.ndarray:
        offset, rows, columns = self.locations[position]
        shape = (rows, columns) if self.channels == 1 else (rows, columns, self.channels)
        size = math.prod(shape) * np.dtype(self.dtype).itemsize
        return self._bytes[offset : offset + size].view(self.dtype).reshape(shape)

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "_bytes"}


class Pack:
    """A packed dataset."""

    def __init__(self, folder: DatasetFolder, path: Path) -> None:
        """Open the pack `path` of the dataset `folder`. Raises `TrainError` if the file is not a pack."""
        self.folder, self.path = folder, path
        index = _read_index(path)
        # Splits are those of the folder: datasets that differ in their splits alone share a pack.
        own = {row.name: row for row in folder.rows}
        self._rows = tuple(own[row["name"]] for row in index["rows"])
        self._locations: list[tuple[int, int, int]] = [tuple(entry) for entry in index["places"]]
        self._shows_tumour = np.array(index["shows_tumour"], bool)
        self._shows_organ = np.array(index["shows_organ"], bool)

    @property
    def rows(self) -> tuple[SliceRow, ...]:
        """All slices, sorted by scan and index."""
        return self._rows

    def slices(self, scans: set[str]) -> SlicesInMemory:
        """The slices of these scans, in order. Raises `TrainError` if there are none."""
        chosen = [position for position, row in enumerate(self._rows) if row.scan in scans]
        if not chosen:
            raise TrainError(f"{self.folder.name} has no slices of the scans asked for.")
        locations = [self._locations[position] for position in chosen]
        intensity = self.folder.intensity
        pixel_bytes = intensity.channels * intensity.bits // 8
        label_locations = [
            (offset + rows * columns * pixel_bytes, rows, columns) for offset, rows, columns in locations
        ]
        slices = SlicesInMemory(
            name=self.folder.name,
            intensity=intensity,
            rows=tuple(self._rows[position] for position in chosen),
            greys=PackedPictures(self.path, f"uint{intensity.bits}", intensity.channels, tuple(locations)),
            labels=PackedPictures(self.path, "uint8", 1, tuple(label_locations)),
        )
        # Fill the cached properties from the index; computing them would read all pixels.
        vars(slices).update(shows_tumour=self._shows_tumour[chosen], shows_organ=self._shows_organ[chosen])
        return slices


def default_cache() -> Path:
    """The folder of the packs that all runs of a user share: `datasets` in liverseg's cache."""
    return cache_folder() / "datasets"


def pack(folder: DatasetFolder, cache: Path) -> Pack:
    """The pack of a dataset in the folder `cache`; it is written if it does not exist.

    Of several processes that need a pack at the same time, one writes it and the others wait.
    Raises `TrainError` if a picture cannot be read or the pack cannot be written.
    """
    path = cache / f"{_file_name(folder.name)}-{_pack_key(folder)}.pack"
    earlier = cache / f"{folder.folder.resolve().name}-{_content_key(folder)}.pack"
    if not path.exists() and earlier.exists():
        return Pack(folder, earlier)
    if not path.exists():
        try:
            with _one_writer(path):
                if not path.exists():
                    _logger.info("packing %s into %s", folder.name, path)
                    with atomic_path(path) as partial:
                        _write(folder, partial)
        except OSError as error:
            raise TrainError(
                f"{path} cannot be written: {error.strerror}. Name another folder with --cache."
            ) from error
    return Pack(folder, path)


@contextlib.contextmanager
def _one_writer(path: Path) -> Iterator[None]:
    """Lock the folder of `path`; where locks are not supported, two writers may write the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _file_name(name: str) -> str:
    """
    >>> _file_name("LiTS, 26 scans")
    'LiTS-26-scans'
    """
    return re.sub(r"[^\w.-]+", "-", name).strip(".-")[:64] or "dataset"


def _pack_key(folder: DatasetFolder) -> str:
    """16 hexadecimal digits of the file format and the dataset's pixels."""
    return hashlib.sha256(MAGIC + folder.pixels_fingerprint.encode()).hexdigest()[:16]


def _content_key(folder: DatasetFolder) -> str:
    """The key of earlier versions: a hash of `dataset.json` and `slices.csv`."""
    digest = hashlib.sha256(MAGIC)
    for name in ("dataset.json", "slices.csv"):
        digest.update((folder.folder / name).read_bytes())
    return digest.hexdigest()[:16]


def _decoded(folder: DatasetFolder) -> Iterator[tuple[SliceRow, np.ndarray, np.ndarray]]:
    """Every slice with its picture and label bits, sorted by scan and index, decoded in parts."""
    rows = sorted(folder.rows, key=lambda row: (row.scan, row.index))
    for start in range(0, len(rows), SLICES_PER_WRITE):
        # `load` takes a split: give all rows of this part the same temporary one.
        part = [replace(row, split="part") for row in rows[start : start + SLICES_PER_WRITE]]
        loaded = replace(folder, rows=tuple(part)).load("part")
        yield from zip(rows[start : start + SLICES_PER_WRITE], loaded.greys, loaded.labels, strict=True)


def _write(folder: DatasetFolder, path: Path) -> None:
    # Nothing reads "tells_liver" (some pixel is certainly background); it belongs to the file format.
    index: dict[str, list] = {
        name: [] for name in ("rows", "places", "shows_tumour", "shows_organ", "tells_liver")
    }
    expected = f"uint{folder.intensity.bits}"
    with path.open("wb") as file:
        for row, grey, bits in _decoded(folder):
            if grey.dtype != expected or grey.shape[:2] != bits.shape:
                raise TrainError(
                    f"{folder.name}: the picture of {row.name} is {grey.dtype} {grey.shape[:2]}, not "
                    f"{expected} {bits.shape} as expected."
                )
            index["rows"].append(asdict(row))
            index["places"].append([file.tell(), *bits.shape])
            index["shows_tumour"].append(bool((bits == TUMOUR_BIT).any()))
            index["shows_organ"].append(bool(((bits & BACKGROUND_BIT) == 0).any()))
            index["tells_liver"].append(bool((bits == BACKGROUND_BIT).any()))
            file.write(np.ascontiguousarray(grey).tobytes())
            file.write(np.ascontiguousarray(bits).tobytes())
            file.write(b"\0" * (-file.tell() % 64))
        text = json.dumps(index).encode()
        file.write(text + struct.pack("<Q", len(text)) + MAGIC)


def _read_index(path: Path) -> dict:
    with path.open("rb") as file:
        file.seek(-16, os.SEEK_END)
        (length,), magic = struct.unpack("<Q", file.read(8)), file.read(8)
        if magic != MAGIC:
            raise TrainError(f"{path} is not a packed dataset; remove it and it will be packed again.")
        file.seek(-16 - length, os.SEEK_END)
        return json.loads(file.read(length))
