"""Hard negatives: slices in which a network finds liver or tumour where there is none.

`python -m train mine` writes them as a CSV file with one row per slice, and `fit --hard FILE[:SHARE]` draws a
share of its samples from them. A slice is drawn with the square root of its number of false pixels as
weight, and the sample is centred on its largest false component.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from registry.files import write_atomically
from train.data.dataset import SlicesInMemory
from train.errors import TrainError

MOST_HARD = 0.5
"""Largest share of all samples that may be drawn from hard negatives."""


@dataclass(frozen=True)
class MinedSlice:
    """What a network finds in one slice although its label says that it is not there."""

    dataset: str
    slice: str
    scan: str
    index: int
    false_liver_px: int  # only in slices without liver; otherwise 0
    false_tumour_px: int
    row: int | None  # a pixel in the middle of the largest false component; None: there is none
    column: int | None

    @property
    def false_px(self) -> int:
        """The number of false pixels; where both counts are above 0, false liver includes false tumour."""
        return max(self.false_liver_px, self.false_tumour_px)


def write_mined(path: Path, mined: Iterable[MinedSlice]) -> None:
    """Write a CSV file with one row per slice. Raises `TrainError` if it cannot be written."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([f.name for f in fields(MinedSlice)])
    writer.writerows(astuple(one) for one in mined)
    try:
        write_atomically(path, text.getvalue().encode("utf-8"))
    except OSError as error:
        raise TrainError(f"{path} cannot be written: {error.strerror}.") from error


def read_mined(path: Path) -> list[MinedSlice]:
    """The rows of a file that `write_mined` wrote. Raises `TrainError` if it is not such a file."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return [_mined_slice(row) for row in csv.DictReader(lines)]
    except OSError as error:
        raise TrainError(f"{path} cannot be read: {error.strerror}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise TrainError(f"{path} is not a file of hard slices that `train mine` wrote.") from error


def _mined_slice(row: dict[str, str]) -> MinedSlice:
    false_liver_px, false_tumour_px = int(row["false_liver_px"]), int(row["false_tumour_px"])
    centre = (int(row["row"]), int(row["column"])) if false_liver_px or false_tumour_px else (None, None)
    names = (row["dataset"], row["slice"], row["scan"], int(row["index"]))
    return MinedSlice(*names, false_liver_px, false_tumour_px, *centre)


@dataclass(frozen=True)
class HardSlice:
    """One slice to draw from: its place among the slices of a run, and the centre of its false component."""

    source: int  # of the run's datasets
    position: int  # in the slices of that dataset
    centre_px: tuple[float, float]  # column, row


class HardSampler:
    """Draws a share of the samples from hard slices, weighted by the root of their false pixels."""

    def __init__(self, hard: Sequence[HardSlice], false_px: Sequence[int], share: float) -> None:
        """`false_px` are the false pixels of each slice, above 0; `share` is that of all samples."""
        self.hard, self.share = tuple(hard), share
        roots = np.sqrt(np.asarray(false_px, float))
        self._cumulative = np.cumsum(roots / roots.sum())

    def draw(self, rng: np.random.Generator) -> HardSlice:
        """Draw one slice."""
        return self.hard[min(int(np.searchsorted(self._cumulative, rng.random())), len(self.hard) - 1)]


def hard_sampler(path: Path, share: float, sources: Sequence[SlicesInMemory]) -> HardSampler:
    """The sampler of the slices in `path` that have false pixels; `sources` are a run's training slices.

    Raises `TrainError` when a row names a dataset, a scan or a slice that the run does not train on, and when
    no slice has false pixels. A scan that the run is scored on is therefore refused.
    """
    numbers: dict[str, int] = {}
    for number, slices in enumerate(sources):
        numbers.setdefault(slices.name, number)
    positions = {
        (slices.name, row.name): position for slices in sources for position, row in enumerate(slices.rows)
    }
    hard, false_px = [], []
    for one in read_mined(path):
        if one.dataset not in numbers:
            raise TrainError(f"{path} lists slices of {one.dataset}, which is not a dataset of this run.")
        if one.scan not in sources[numbers[one.dataset]].by_scan:
            raise TrainError(
                f"{path} lists scan {one.scan} of {one.dataset}, which this run does not train on; mine with "
                "a run of the same split or fold."
            )
        position = positions.get((one.dataset, one.slice))
        if position is None:
            raise TrainError(f"{path} lists the slice {one.slice}, which {one.dataset} does not have.")
        if one.row is not None and one.column is not None:
            hard.append(HardSlice(numbers[one.dataset], position, (float(one.column), float(one.row))))
            false_px.append(one.false_px)
    if not hard:
        raise TrainError(f"{path} lists no slice with false pixels; leave out --hard.")
    return HardSampler(hard, false_px, share)
