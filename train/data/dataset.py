"""Dataset folders on disk, and the slices of one split in memory.

A dataset is a folder with `dataset.json`, `slices.csv`, `images/<slice>.png|jpg|webp` and
`labels/<slice>.png|webp`. Each label value stands for a set of possible classes. In memory every pixel
stores that set as bits (1 background, 2 liver, 4 tumour), so partial labels need no special case.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from liverseg.core.cpu import usable_processors
from liverseg.core.segmentation import CLASSES
from liverseg.core.window import Window
from train.data.intensity import Intensity
from train.errors import TrainError

BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT = 1, 2, 4
ORGAN_BITS = LIVER_BIT | TUMOUR_BIT
_BIT = dict(zip(CLASSES, (BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT), strict=True))


_IMAGES, _LABELS = (".png", ".jpg", ".webp"), (".png", ".webp")


@dataclass(frozen=True)
class SliceRow:
    """One row of `slices.csv`."""

    name: str
    scan: str
    index: int
    split: str
    tumour_px: int = 0  # also 0 where `slices.csv` has no such column


@dataclass(frozen=True)
class DatasetFolder:
    """A dataset on disk: its description and its list of slices, without pixels."""

    folder: Path
    about: dict  # content of dataset.json
    rows: tuple[SliceRow, ...]

    @classmethod
    def open(cls, folder: str | Path) -> DatasetFolder:
        """Read `dataset.json` and `slices.csv`. Raises `TrainError` if either is missing or invalid."""
        folder = Path(folder)
        try:
            about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
            with (folder / "slices.csv").open(newline="", encoding="utf-8") as lines:
                rows = tuple(
                    SliceRow(r["slice"], r["scan"], int(r["index"]), r["split"], int(r.get("tumour_px") or 0))
                    for r in csv.DictReader(lines)
                )
        except (OSError, KeyError, ValueError) as error:
            raise TrainError(f"{folder} is not a dataset: {error}.") from error
        return cls(folder, about, rows)

    @property
    def name(self) -> str:
        """The dataset's name, from `dataset.json`."""
        return self.about["name"]

    @property
    def origin(self) -> dict[str, str]:
        """Name, licence and citation as a checkpoint records them; `hub_id` where the Hub has the dataset."""
        stated = {key: self.about.get(key, "not stated") for key in ("licence", "citation")}
        hub_id = {"hub_id": self.about["hub_id"]} if self.about.get("hub_id") else {}
        return {"name": self.name, **stated, **hub_id}

    @cached_property
    def intensity(self) -> Intensity:
        """How stored values map to HU. Raises `TrainError` if the description is missing or invalid."""
        return Intensity.from_json(self.about.get("intensity"))

    @property
    def window(self) -> Window:
        """The window of the grey values; with several windows or none, one that covers their whole range."""
        return self.intensity.window

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that a copy of the dataset in another folder shares, and no other dataset.

        It is a hash of `slices.csv` and of `pixels_fingerprint`. Raises `TrainError` if the folder cannot be
        read.
        """
        try:
            table = (self.folder / "slices.csv").read_bytes()
        except OSError as error:
            raise TrainError(f"{self.folder} is not a dataset: {error}.") from error
        return hashlib.sha256(self.pixels_fingerprint.encode() + table).hexdigest()[:16]

    @cached_property
    def pixels_fingerprint(self) -> str:
        """16 hexadecimal digits that datasets share which differ in their splits alone.

        It is a hash of `dataset.json`, of the names, scans and indices of all slices, and of the name and
        size of every file of images and labels. Raises `TrainError` if the folder cannot be read.
        """
        digest = hashlib.sha256(json.dumps([(r.name, r.scan, r.index) for r in self.rows]).encode())
        try:
            digest.update((self.folder / "dataset.json").read_bytes())
            for part in ("images", "labels"):
                with os.scandir(self.folder / part) as entries:
                    sizes = sorted((entry.name, entry.stat().st_size) for entry in entries)
                digest.update(json.dumps(sizes).encode())
        except OSError as error:
            raise TrainError(f"{self.folder} is not a dataset: {error}.") from error
        return digest.hexdigest()[:16]

    @property
    def label_bits(self) -> np.ndarray:
        """(256,) uint8: the bits of the possible classes by label value; an unlisted value has all bits."""
        bits = np.full(256, BACKGROUND_BIT | ORGAN_BITS, np.uint8)
        for value, classes in self.about["label_values"].items():
            bits[int(value)] = np.bitwise_or.reduce([_BIT[name] for name in classes])
        return bits

    def load(self, split: str) -> SlicesInMemory:
        """All slices of a split, decoded. Raises `TrainError` if the split is empty."""
        rows = sorted((r for r in self.rows if r.split == split), key=lambda r: (r.scan, r.index))
        if not rows:
            raise TrainError(f"{self.name} has no slices of the split {split!r}.")
        bits = self.label_bits
        with ThreadPoolExecutor(max(2, usable_processors())) as pool:
            greys = list(pool.map(self._read_grey, rows))
            labels = list(
                pool.map(lambda row: bits[self._read_picture(self._file("labels", row, _LABELS))], rows)
            )
        return SlicesInMemory(self.name, self.intensity, tuple(rows), greys, labels)

    def read_slice(self, row: SliceRow) -> tuple[np.ndarray, np.ndarray]:
        """The stored values and the label values of one slice. Raises `TrainError` if it cannot be read."""
        return self._read_grey(row), self._read_picture(self._file("labels", row, _LABELS))

    def _read_grey(self, row: SliceRow) -> np.ndarray:
        """The stored values of a slice, in the form that `Intensity.to_hu` takes."""
        path = self._file("images", row, _IMAGES)
        if self.intensity.bits == 16:
            picture = self._read_picture(path, cv2.IMREAD_UNCHANGED)
            if picture.dtype != np.uint16 or picture.ndim != 2:
                raise TrainError(f"{path} is not a 16-bit grey picture, although dataset.json says so.")
            return picture
        if self.intensity.channels == 1:
            return self._read_picture(path)
        channels = self._read_picture(path, cv2.IMREAD_COLOR_RGB)[..., : self.intensity.channels]
        return np.ascontiguousarray(channels)

    def _file(self, part: str, row: SliceRow, suffixes: tuple[str, ...]) -> Path:
        """The file of a slice in `images` or `labels`; with none of the suffixes, the name with the first."""
        paths = [self.folder / part / f"{row.name}{suffix}" for suffix in suffixes]
        return next((path for path in paths if path.exists()), paths[0])

    @staticmethod
    def _read_picture(path: Path, flags: int = cv2.IMREAD_GRAYSCALE) -> np.ndarray:
        picture = cv2.imread(str(path), flags)
        if picture is None:
            raise TrainError(f"{path} cannot be read.")
        return picture


@dataclass(frozen=True)
class SlicesInMemory:
    """The slices of one split, sorted by scan and index: stored values and label bits."""

    name: str  # of the dataset
    intensity: Intensity  # maps `greys` to HU
    rows: tuple[SliceRow, ...]
    greys: Sequence[np.ndarray]  # (H, W) uint8; (H, W, windows) uint8 with several, (H, W) uint16 with none
    labels: Sequence[np.ndarray]  # (H, W) uint8 bits

    @property
    def window(self) -> Window:
        """The window of the grey values; with several windows or none, one that covers their whole range."""
        return self.intensity.window

    def neighbour(self, position: int, offset: int) -> int:
        """The position `offset` slices away in the same scan, clamped to the first or last slice."""
        scan = self.rows[position].scan
        step = 1 if offset > 0 else -1
        for _ in range(abs(offset)):
            adjacent = position + step
            if not 0 <= adjacent < len(self.rows) or self.rows[adjacent].scan != scan:
                break
            position = adjacent
        return position

    @cached_property
    def by_scan(self) -> dict[str, np.ndarray]:
        """Positions of the slices of each scan, in order."""
        scans: dict[str, list[int]] = {}
        for position, row in enumerate(self.rows):
            scans.setdefault(row.scan, []).append(position)
        return {scan: np.array(positions) for scan, positions in scans.items()}

    @cached_property
    def shows_tumour(self) -> np.ndarray:
        """(slices,) bool: whether some pixel is certainly tumour."""
        return np.array([bool((bits == TUMOUR_BIT).any()) for bits in self.labels])

    @cached_property
    def shows_organ(self) -> np.ndarray:
        """(slices,) bool: whether some pixel is certainly liver or tumour."""
        return np.array([bool(((bits & BACKGROUND_BIT) == 0).any()) for bits in self.labels])
