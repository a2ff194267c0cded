"""The scans of a dataset, one at a time, with what is known of their geometry."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np

from train.data.dataset import DatasetFolder, SlicesInMemory
from train.errors import TrainError

Spacing = tuple[float, float, float]
"""Between slices, rows and columns, mm."""

MIN_VOLUME_SLICES = 3
"""Fewer slices are all surface in 3D: their distances are taken in the plane."""


@dataclass(frozen=True)
class ScanSlices:
    """The slices of one scan, in order, and where they lie."""

    dataset: str
    split: str
    scan: str
    slices: SlicesInMemory
    positions: tuple[int, ...]  # of the scan's slices in `slices`
    spacing_mm: Spacing | None

    @property
    def contiguous(self) -> bool:
        """Whether the slices follow one another without a gap, at one size: a volume."""
        indices = [self.slices.rows[p].index for p in self.positions]
        shapes = {self.slices.labels[p].shape for p in self.positions}
        steps = np.diff(indices)
        return len(indices) >= MIN_VOLUME_SLICES and len(shapes) == 1 and bool((steps == 1).all())

    @property
    def space(self) -> str:
        """One of `protocol.SPACES`."""
        if self.spacing_mm is None:
            return "2d_px"
        return "mm" if self.contiguous else "2d_mm"


def spacing_of(about: dict, scan: str) -> Spacing | None:
    """The spacing in `dataset.json`: None, one for all scans, or one (or None) a scan.

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
    """The scans of a split, of all splits with None, in the order of their numbers."""
    names = {row.scan for row in folder.rows if split is None or row.split == split}
    return sorted(names, key=lambda name: (len(name), name))


def scans_of(
    folder: DatasetFolder, split: str | None, only: Collection[str] | None = None
) -> Iterator[ScanSlices]:
    """Each scan of a split (None: of all splits), decoded when its turn comes and not kept after.

    `only` names the scans to give. Raises `TrainError` when there is none.
    """
    names = [name for name in scan_names(folder, split) if only is None or name in only]
    if not names:
        raise TrainError(f"{folder.name} has no scans of the split {split!r} to evaluate.")
    for name in names:
        # One split's name for all of the scan's rows, so that a scan is read whole.
        rows = tuple(
            replace(row, split="chosen")
            for row in folder.rows
            if row.scan == name and split in (None, row.split)
        )
        slices = replace(folder, rows=rows).load("chosen")
        told = split or next(row.split for row in folder.rows if row.scan == name)
        yield ScanSlices(
            folder.name, told, name, slices, tuple(range(len(rows))), spacing_of(folder.about, name)
        )


def scans_in(slices: SlicesInMemory, split: str, about: dict | None = None) -> Iterator[ScanSlices]:
    """Each scan of slices that are in memory; `about`, their `dataset.json`, tells their spacing."""
    for name, positions in slices.by_scan.items():
        spacing = spacing_of(about or {}, name)
        yield ScanSlices(slices.name, split, name, slices, tuple(int(p) for p in positions), spacing)
