"""What an evaluation keeps of one scan: counts, distances, lesions, calibration, a few slices to look at."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from liverseg.analysis.metrics import Counts
from liverseg.analysis.metrics.calibration import NO_PIXELS, Reliability
from liverseg.analysis.metrics.lesion_detection import Detection
from train.evaluation.snapshots import Snapshot

DISTANCES = ("assd", "msd", "rmsd", "hd95", "surface_dice")


@dataclass(frozen=True)
class SliceTally:
    """Slices of a scan that show a structure, and those that do not, and how each were handled."""

    shown: int = 0
    found: int = 0  # of those, with a pixel in common
    free: int = 0  # every pixel known, none of them the structure
    clean: int = 0  # of those, with nothing predicted


@dataclass(frozen=True)
class StructureScore:
    """One structure in one scan."""

    counts: Counts = Counts(0, 0, 0)
    pixels: int = 0  # that the reference answers for
    unknown: int = 0  # that it does not
    slices: SliceTally = SliceTally()
    distances: dict[str, float] = field(default_factory=dict)  # of `DISTANCES`; nan where undefined
    calibration: dict[str, Reliability] = field(
        default_factory=lambda: {"slice": NO_PIXELS, "in_liver": NO_PIXELS}
    )


@dataclass(frozen=True)
class ScanScore:
    """One scan, scored."""

    dataset: str
    split: str
    scan: str
    slices: int
    space: str  # of `protocol.SPACES`
    spacing_mm: tuple[float, float, float] | None
    contiguous: bool
    structures: dict[str, StructureScore]  # "liver" (where the labels tell it) and "tumour"
    sweep: dict[float, dict[str, Counts]]  # tumour threshold -> structure -> pixels
    lesions: dict[str, Detection] | None  # rule -> lesions; None: the labels leave tumour open
    burden: tuple[float, float] | None  # tumour share of the liver: reference, prediction
    confusion: np.ndarray | None  # (3, 3) reference by prediction, of the first project's protocol
    snapshots: tuple[Snapshot, ...] = ()
    fold: int | None = None

    @property
    def unit(self) -> str:
        """Of the lesions' diameters."""
        return "px" if self.spacing_mm is None else "mm"
