"""The scans of a dataset, one at a time, with the geometry that the dataset states."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from train.data.dataset import DatasetFolder, SlicesInMemory
from train.errors import TrainError

Spacing = tuple[float, float, float]
"""Distance between slices, rows and columns, mm."""

MIN_VOLUME_SLICES = 3
"""In a scan with fewer slices, all of it is surface in 3D, so distances are measured within the slices."""


@dataclass(frozen=True)
class ScanSlices:
    """The slices of one scan in order, with its dataset, split and spacing."""

    dataset: str
    split: str
    scan: str
    slices: SlicesInMemory
    positions: tuple[int, ...]  # the positions of the scan's slices in `slices`
    spacing_mm: Spacing | None

    @property
    def contiguous(self) -> bool:
        """Whether the slices form a volume: all of one size, with consecutive indices."""
        indices = [self.slices.rows[p].index for p in self.positions]
        shapes = {self.slices.labels[p].shape for p in self.positions}
        steps = np.diff(indices)
        return len(indices) >= MIN_VOLUME_SLICES and len(shapes) == 1 and bool((steps == 1).all())

    @property
    def space(self) -> str:
        """The space in which distances are measured, one of `protocol.SPACES`."""
        if self.spacing_mm is None:
            return "2d_px"
        return "mm" if self.contiguous else "2d_mm"


@dataclass(frozen=True)
class LoadedSplit:
    """One split of a dataset in memory."""

    slices: SlicesInMemory
    name: str  # "train", "val", …
    about: dict = field(default_factory=dict)  # `dataset.json`; without a spacing, lengths are in pixels

    @classmethod
    def load(cls, folder: DatasetFolder, name: str) -> LoadedSplit:
        """Decode a split. Raises `TrainError` when it has no slices."""
        return cls(folder.load(name), name, folder.about)

    def scans(self) -> Iterator[ScanSlices]:
        """Each scan of the split."""
        for scan, positions in self.slices.by_scan.items():
            yield ScanSlices(
                self.slices.name,
                self.name,
                scan,
                self.slices,
                tuple(int(position) for position in positions),
                spacing_of(self.about, scan),
            )


def spacing_of(about: dict, scan: str) -> Spacing | None:
    """The spacing of a scan in `dataset.json`, which holds None, one spacing, or one (or None) per scan.

    Raises `TrainError` when the spacing is not three positive numbers.

    >>> spacing_of({"spacing_mm": {"3": [5, 0.7, 0.7], "28": None}}, "3")
    (5.0, 0.7, 0.7)
    >>> spacing_of({"spacing_mm": None}, "3") is None
    True
    """
    spacing = about.get("spacing_mm")
    if isinstance(spacing, dict):
        spacing = spacing.get(scan)
    if spacing is None:
        return None
    try:
        first, second, third = (float(mm) for mm in spacing)
    except (TypeError, ValueError) as error:
        raise TrainError(f"The spacing of scan {scan} is not three lengths: {spacing!r}.") from error
    if not min(first, second, third) > 0:
        raise TrainError(f"The spacing of scan {scan} is not three lengths above 0: {spacing!r}.")
    return first, second, third


def scan_names(folder: DatasetFolder, split: str | None = None) -> list[str]:
    """The scans of a split (of all splits for None), in numerical order."""
    names = {row.scan for row in folder.rows if split is None or row.split == split}
    return sorted(names, key=lambda name: (len(name), name))


def scans_of(
    folder: DatasetFolder, split: str | None, only: Collection[str] | None = None
) -> Iterator[ScanSlices]:
    """Each scan of a split (of all splits for None), decoded when it is yielded and not kept.

    `only` limits the scans to those it names. Raises `TrainError` when no scan is left.
    """
    names = [name for name in scan_names(folder, split) if only is None or name in only]
    if not names:
        raise TrainError(f"{folder.name} has no scans of the split {split!r} to evaluate.")
    for name in names:
        # All rows of the scan get one split name, because `load` reads one split.
        rows = tuple(
            replace(row, split="chosen")
            for row in folder.rows
            if row.scan == name and split in (None, row.split)
        )
        slices = replace(folder, rows=rows).load("chosen")
        scan_split = split or next(row.split for row in folder.rows if row.scan == name)
        yield ScanSlices(
            folder.name, scan_split, name, slices, tuple(range(len(rows))), spacing_of(folder.about, name)
        )
