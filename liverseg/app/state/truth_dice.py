"""Dice of a result against the truth of an example."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liverseg.analysis.metrics.overlap import counts, dice
from liverseg.core.segmentation import Segmentation


@dataclass(frozen=True)
class TruthDice:
    """Dice of a result against the truth."""

    liver: float | None  # liver and tumour together; None: neither result nor truth has any
    tumour: float | None


def dice_against_truth(seg: Segmentation, truth: np.ndarray) -> TruthDice:
    """Dice of the labels of a result against the truth, both (S, H, W), over all voxels.

    The liver is every label from 1, as in `analysis.metrics.overlap`.
    """
    values = {name: dice(case) for name, case in counts(seg.labels, truth).items()}
    liver, tumour = (None if math.isnan(values[name]) else values[name] for name in ("liver", "tumour"))
    return TruthDice(liver, tumour)
