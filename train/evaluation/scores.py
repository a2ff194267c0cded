"""The score of one scan: counts, distances, lesions, calibration, and a few slices to draw."""

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
    """Counts of the slices of a scan with and without a structure."""

    shown: int = 0  # the reference shows the structure
    found: int = 0  # of `shown`: prediction and reference overlap
    free: int = 0  # the whole slice is known to be free of the structure
    clean: int = 0  # of `free`: nothing is predicted
    false_px: int = 0  # pixels predicted in the slices of `free`


@dataclass(frozen=True)
class StructureScore:
    """The score of one structure in one scan."""

    counts: Counts = Counts(0, 0, 0)
    pixels: int = 0  # pixels where the reference is known
    unknown: int = 0  # pixels where it is not
    slices: SliceTally = SliceTally()
    distances: dict[str, float] = field(default_factory=dict)  # by `DISTANCES`; nan where undefined
    calibration: dict[str, Reliability] = field(
        default_factory=lambda: {"slice": NO_PIXELS, "in_liver": NO_PIXELS}
    )


@dataclass(frozen=True)
class ScanScore:
    """The score of one scan."""

    dataset: str
    split: str
    scan: str
    slices: int
    space: str  # one of `protocol.SPACES`
    spacing_mm: tuple[float, float, float] | None
    contiguous: bool
    structures: dict[str, StructureScore]  # "tumour", and "liver" where the labels can score it
    sweep: dict[float, dict[str, Counts]]  # tumour threshold -> structure -> pixel counts
    lesions: dict[str, Detection] | None  # by detection rule; None: the labels leave tumour undecided
    burden: tuple[float, float] | None  # tumour's share of the liver: reference, prediction
    confusion: np.ndarray | None  # (3, 3) reference by prediction, by the first project's protocol
    snapshots: tuple[Snapshot, ...] = ()
    fold: int | None = None  # of a cross-validation
    mode: str = "slice"  # one of `protocol.MODES`
    note: str = ""  # why the scan was scored in another mode than the others
    # Like `lesions`, of all candidates, likely or unsure; None without a lesion model.
    candidates: dict[str, Detection] | None = None

    @property
    def unit(self) -> str:
        """The unit of lesion diameters."""
        return "px" if self.spacing_mm is None else "mm"
