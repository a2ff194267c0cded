"""A dataset as one memory-mapped file: decoded once, opened at once, shared by every process.

The file holds, for each slice, its picture as stored (uint8, a channel a window, or uint16) and its
label bits (uint8), side by side; then an index (JSON), the index's length (8 bytes) and a magic word. The
name carries a key of the dataset's description and list of slices, so that a dataset prepared anew is
packed anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from registry.files import atomic_path
from train.data.dataset import BACKGROUND_BIT, TUMOUR_BIT, DatasetFolder, SliceRow, SlicesInMemory
from train.errors import TrainError

log = logging.getLogger("train.data.pack")

MAGIC = b"liverpk1"
AT_ONCE = 64
"""Slices decoded between two writes, which bounds the memory that packing takes."""


@dataclass(frozen=True)
class Pictures(Sequence[np.ndarray]):
    """Pictures (H, W) inside a pack, mapped when first looked at; pickled as a path, not as pixels."""

    path: Path
    dtype: str
    channels: int
    places: tuple[tuple[int, int, int], ...]  # offset in bytes, rows, columns

    @cached_property
    def _bytes(self) -> np.ndarray:
        return np.memmap(self.path, np.uint8, "r")

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, position: int) -> np.ndarray:
        offset, rows, columns = self.places[position]
        shape = (rows, columns) if self.channels == 1 else (rows, columns, self.channels)
        size = math.prod(shape) * np.dtype(self.dtype).itemsize
        return self._bytes[offset : offset + size].view(self.dtype).reshape(shape)

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "_bytes"}


class Pack:
    """A packed dataset; `slices` gives those of some scans as if they had been decoded into memory."""

    def __init__(self, folder: DatasetFolder, path: Path) -> None:
        self.folder, self.path = folder, path
        index = _read_index(path)
        self._rows = tuple(SliceRow(**row) for row in index["rows"])
        self._places: list[tuple[int, int, int]] = [tuple(place) for place in index["places"]]
        self._shows_tumour = np.array(index["shows_tumour"], bool)
        self._shows_organ = np.array(index["shows_organ"], bool)
        self._tells_liver = np.array(index["tells_liver"], bool)

    @property
    def rows(self) -> tuple[SliceRow, ...]:
        """Every slice, by scan and then by index."""
        return self._rows

    def slices(self, scans: set[str]) -> SlicesInMemory:
        """The slices of these scans, in order. Raises `TrainError` when there is none."""
        chosen = [position for position, row in enumerate(self._rows) if row.scan in scans]
        if not chosen:
            raise TrainError(f"{self.folder.name} has no slices of the scans asked for.")
        places = [self._places[position] for position in chosen]
        intensity = self.folder.intensity
        deep = intensity.channels * intensity.bits // 8  # bytes of a pixel
        behind = [(offset + rows * columns * deep, rows, columns) for offset, rows, columns in places]
        slices = SlicesInMemory(
            name=self.folder.name,
            intensity=intensity,
            rows=tuple(self._rows[position] for position in chosen),
            greys=Pictures(self.path, f"uint{intensity.bits}", intensity.channels, tuple(places)),
            labels=Pictures(self.path, "uint8", 1, tuple(behind)),
        )
        # What the properties of these names would read all the pixels for.
        vars(slices).update(
            shows_tumour=self._shows_tumour[chosen],
            shows_organ=self._shows_organ[chosen],
            tells_liver=bool(self._tells_liver[chosen].any()),
        )
        return slices


def pack(folder: DatasetFolder, cache: Path) -> Pack:
    """The pack of a dataset in the folder `cache`, made when it is not there yet.

    Raises `TrainError` when a picture cannot be read or the pack cannot be written.
    """
    path = cache / f"{folder.folder.resolve().name}-{_key(folder)}.pack"
    if not path.exists():
        log.info("packing %s into %s", folder.name, path)
        try:
            with atomic_path(path) as partial:  # two runs may pack at once: the last one stays
                _write(folder, partial)
        except OSError as error:
            raise TrainError(f"{path} cannot be written: {error.strerror}.") from error
    return Pack(folder, path)


def _key(folder: DatasetFolder) -> str:
    """Of what a pack is made from: the description and the list of slices."""
    digest = hashlib.sha256(MAGIC)
    for name in ("dataset.json", "slices.csv"):
        digest.update((folder.folder / name).read_bytes())
    return digest.hexdigest()[:16]


def _decoded(folder: DatasetFolder) -> Iterator[tuple[SliceRow, np.ndarray, np.ndarray]]:
    """Every slice with its picture and label bits, by scan and index, a few at a time in memory."""
    rows = sorted(folder.rows, key=lambda row: (row.scan, row.index))
    for start in range(0, len(rows), AT_ONCE):
        # All under one name, since a part is loaded as a split is.
        part = [replace(row, split="part") for row in rows[start : start + AT_ONCE]]
        loaded = replace(folder, rows=tuple(part)).load("part")
        yield from zip(rows[start : start + AT_ONCE], loaded.greys, loaded.labels, strict=True)


def _write(folder: DatasetFolder, path: Path) -> None:
    index: dict[str, list] = {
        name: [] for name in ("rows", "places", "shows_tumour", "shows_organ", "tells_liver")
    }
    expected = f"uint{folder.intensity.bits}"
    with path.open("wb") as file:
        for row, grey, bits in _decoded(folder):
            if grey.dtype != expected or grey.shape[:2] != bits.shape:
                raise TrainError(
                    f"{folder.name}: the picture of {row.name} is {grey.dtype} {grey.shape[:2]}, where "
                    f"{expected} {bits.shape} are expected."
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
            raise TrainError(f"{path} is no pack of a dataset; remove it to have it made again.")
        file.seek(-16 - length, os.SEEK_END)
        return json.loads(file.read(length))
