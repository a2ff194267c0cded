"""Scores of the averaged weights while a run goes on: the contract's path, at full resolution.

Every slice of the validation scans counts, with as many neighbours as an exported checkpoint sees; the
scans are shared out among the processes.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from train.data.dataset import SlicesInMemory
from train.evaluation.predict import CaseCounts, Predict, count, dice_of
from train.fit.network import contract_graph
from train.fit.settings import SELECTORS, FitSettings

TUMOUR_THRESHOLD = 0.5


def score(
    network: nn.Module, validation: SlicesInMemory, settings: FitSettings, accelerator: Accelerator
) -> dict[str, float]:
    """Dice of both structures, pooled and per scan; with `score_alone` also with neighbours hidden."""
    graph = contract_graph(network, settings).to(accelerator.device)
    predict = predictor_on(graph, accelerator.device)
    scans = list(validation.by_scan)[accelerator.process_index :: accelerator.num_processes]
    scores = dice_of(_counted(validation, scans, predict, settings, context=True))
    if settings.score_alone:
        alone = dice_of(_counted(validation, scans, predict, settings, context=False))
        scores |= {f"alone_{name}": value for name, value in alone.items()}
    return scores


def chosen_by(scores: dict[str, float], select: str) -> float:
    """The number that `best.pt` has most of; a structure that no scan shows counts as 0.

    >>> round(chosen_by({"liver_global": 0.9, "tumour_global": 0.4}, "liver+tumour"), 3)
    1.3
    """
    return float(sum(np.nan_to_num(scores[name]) for name in SELECTORS[select]))


def predictor_on(graph: nn.Module, device: torch.device) -> Predict:
    """The contract's graph as a function of numpy arrays, computed on a device."""

    def predict(hu: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return graph(torch.from_numpy(hu).to(device)).float().cpu().numpy()

    return predict


def _counted(
    validation: SlicesInMemory, scans: list[str], predict: Predict, settings: FitSettings, context: bool
) -> CaseCounts:
    """Counts of every scan, each scan's computed by the process whose it is."""
    own: CaseCounts = {}
    if scans:
        part = _of_scans(validation, scans)
        own = count(part, predict, settings.context_slices, context=context)[TUMOUR_THRESHOLD]
    everyone = gather_object([own])
    merged = {scan: counts for part in everyone for scan, counts in part.items()}
    return {scan: merged[scan] for scan in validation.by_scan}


def _of_scans(slices: SlicesInMemory, scans: list[str]) -> SlicesInMemory:
    """The slices of some scans only."""
    positions = [int(position) for scan in scans for position in slices.by_scan[scan]]
    return dataclasses.replace(
        slices,
        rows=tuple(slices.rows[position] for position in positions),
        greys=[slices.greys[position] for position in positions],
        labels=[slices.labels[position] for position in positions],
    )
