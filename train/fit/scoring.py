"""Validation scores during training: Dice through the checkpoint graph, at full resolution.

In volume mode each validation scan is segmented as users get it, with the largest body kept. In slice mode
every slice counts on its own, with as many neighbours as an exported checkpoint takes. The scans are divided
among the processes.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from train.data.dataset import SlicesInMemory
from train.evaluation.graph_segmenter import graph_segmenter, input_spec
from train.evaluation.predict import CaseCounts, count_pixels, dice_scores, predictor
from train.evaluation.scan_image import not_a_volume
from train.evaluation.scans import ScanSlices
from train.evaluation.volume_mode import count_volume_pixels
from train.fit.network import inference_graph, input_windows
from train.fit.settings import SELECTORS, FitSettings

TUMOUR_THRESHOLD = 0.5


def score(
    network: nn.Module, validation: SlicesInMemory, settings: FitSettings, accelerator: Accelerator
) -> dict[str, float]:
    """Dice of liver and tumour, pooled and per scan, in the mode `settings.score_mode`.

    A scan that is no volume is scored slice by slice in both modes. With `settings.score_alone`, entries
    named `alone_…` hold the scores without neighbouring slices.
    """
    graph = inference_graph(network, settings).to(accelerator.device)
    predict = predictor(graph)
    names = list(validation.by_scan)[accelerator.process_index :: accelerator.num_processes]

    def by_slice(scans: list[str], context: bool) -> CaseCounts:
        if not scans:
            return {}
        slices = _slices_of(validation, scans)
        return count_pixels(slices, predict, settings.context_slices, context=context)[TUMOUR_THRESHOLD]

    own: CaseCounts = {}
    if settings.score_mode == "volume":
        spec = input_spec(input_windows(settings), settings.working_size, settings.context_slices)
        segmenter = graph_segmenter("run", graph, spec)
        for scan in (_scan(validation, name) for name in names):
            if not not_a_volume(scan):
                own[scan.scan] = count_volume_pixels(scan, segmenter, TUMOUR_THRESHOLD)
    own |= by_slice([name for name in names if name not in own], context=True)
    scores = dice_scores(_gathered(validation, own))
    if settings.score_alone:
        alone = dice_scores(_gathered(validation, by_slice(names, context=False)))
        scores |= {f"alone_{name}": value for name, value in alone.items()}
    return scores


def selection_value(scores: dict[str, float], select: str) -> float:
    """The value that `best.pt` maximises; the score of a structure that no scan shows counts as 0.

    >>> round(selection_value({"liver_global": 0.9, "tumour_global": 0.4}, "liver+tumour"), 3)
    1.3
    """
    return float(sum(np.nan_to_num(scores[name]) for name in SELECTORS[select]))


def _gathered(validation: SlicesInMemory, own: CaseCounts) -> CaseCounts:
    """The pixel counts of all validation scans; `own` are those that this process computed."""
    merged = {scan: counts for part in gather_object([own]) for scan, counts in part.items()}
    return {scan: merged[scan] for scan in validation.by_scan}


def _scan(validation: SlicesInMemory, name: str) -> ScanSlices:
    """One validation scan; without a lesion model and smoothing, its spacing makes no difference."""
    positions = tuple(int(position) for position in validation.by_scan[name])
    return ScanSlices(validation.name, "val", name, validation, positions, None)


def _slices_of(slices: SlicesInMemory, scans: list[str]) -> SlicesInMemory:
    positions = [int(position) for scan in scans for position in slices.by_scan[scan]]
    return dataclasses.replace(
        slices,
        rows=tuple(slices.rows[position] for position in positions),
        greys=[slices.greys[position] for position in positions],
        labels=[slices.labels[position] for position in positions],
    )
