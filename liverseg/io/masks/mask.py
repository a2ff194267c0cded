"""A mask as its file stores it: named or numbered labels, and the region of each on the grid of a CT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from liverseg.core.image import CTImage


@dataclass(frozen=True)
class MaskLabel:
    """One label: a value of a label map, a segment or an ROI."""

    number: int  # the value, or the number of the segment or ROI
    name: str = ""  # "" where the file gives none
    kind: str = ""  # what a DICOM SEG says that the segment is, in words
    layer: int = 0  # of a segmentation of 3D Slicer


class Mask(Protocol):
    """A mask that was read from a file."""

    @property
    def format(self) -> str:
        """As `LabelsFile.format`."""

    @property
    def sha256(self) -> str:
        """The hex digest of the file."""

    @property
    def labels(self) -> tuple[MaskLabel, ...]:
        """The labels in the file. Those of a label map without names are the values that occur."""

    def frame(self) -> CTImage | None:
        """An image of 0 HU on the grid of the mask; None for contours, which have no grid."""

    def region(self, labels: Sequence[MaskLabel], ct: CTImage) -> np.ndarray:
        """(S, H, W) bool on the grid of `ct`: where any of the labels is.

        Raises `UnreadableInput` for a mask that lies on another grid.
        """
