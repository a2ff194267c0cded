"""Validation scores during training: Dice through the checkpoint graph, at full resolution.

All slices of the validation scans count, with as many neighbours as an exported checkpoint takes. The scans
are divided among the processes.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from train.data.dataset import SlicesInMemory
from train.evaluation.predict import CaseCounts, Predict, count_pixels, dice_scores, predictor
from train.fit.network import inference_graph
from train.fit.settings import SELECTORS, FitSettings

TUMOUR_THRESHOLD = 0.5


def score(
    network: nn.Module, validation: SlicesInMemory, settings: FitSettings, accelerator: Accelerator
) -> dict[str, float]:
    """Dice of liver and tumour, pooled and per scan.

    With `settings.score_alone`, entries named `alone_…` hold the scores without neighbouring slices.
    """
    predict = predictor(inference_graph(network, settings).to(accelerator.device))
    scans = list(validation.by_scan)[accelerator.process_index :: accelerator.num_processes]
    scores = dice_scores(_counts(validation, scans, predict, settings, context=True))
    if settings.score_alone:
        alone = dice_scores(_counts(validation, scans, predict, settings, context=False))
        scores |= {f"alone_{name}": value for name, value in alone.items()}
    return scores


def selection_value(scores: dict[str, float], select: str) -> float:
    """The value that `best.pt` maximises; the score of a structure that no scan shows counts as 0.

    >>> round(selection_value({"liver_global": 0.9, "tumour_global": 0.4}, "liver+tumour"), 3)
    1.3
    """
    return float(sum(np.nan_to_num(scores[name]) for name in SELECTORS[select]))


def _counts(
    validation: SlicesInMemory, scans: list[str], predict: Predict, settings: FitSettings, context: bool
) -> CaseCounts:
    """Pixel counts of all validation scans; `scans` are those that this process computes."""
    own: CaseCounts = {}
    if scans:
        slices = _slices_of(validation, scans)
        own = count_pixels(slices, predict, settings.context_slices, context=context)[TUMOUR_THRESHOLD]
    merged = {scan: counts for part in gather_object([own]) for scan, counts in part.items()}
    return {scan: merged[scan] for scan in validation.by_scan}


def _slices_of(slices: SlicesInMemory, scans: list[str]) -> SlicesInMemory:
    positions = [int(position) for scan in scans for position in slices.by_scan[scan]]
    return dataclasses.replace(
        slices,
        rows=tuple(slices.rows[position] for position in positions),
        greys=[slices.greys[position] for position in positions],
        labels=[slices.labels[position] for position in positions],
    )
