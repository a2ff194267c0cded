"""Scores of a network on a dataset: contract 1's path from HU to labels, at the labels' own resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from liverseg.metrics import Counts, dice_global, dice_per_case, mask_counts
from liverseg.segmentation import labels_from_probabilities
from train.dataset import BACKGROUND_BIT, ORGAN_BITS, TUMOUR_BIT, SlicesInMemory

Predict = Callable[[np.ndarray], np.ndarray]
"""(N, C, H, W) float32 HU to (N, 3, H, W) probabilities."""

CaseCounts = dict[str, dict[str, Counts]]
"""scan -> structure ("liver" is label 1 and 2 together, "tumour" is label 2) -> pixels."""


def probabilities(
    slices: SlicesInMemory, predict: Predict, context_slices: int, context: bool = True
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Each slice's position, and its organ and tumour probability, (H, W) float32.

    With `context` False the neighbours are hidden: every slice is treated as a lone one.
    """
    reach = context_slices // 2
    for position in range(len(slices.rows)):
        offsets = range(-reach, reach + 1) if context else [0] * context_slices
        greys = [slices.greys[slices.neighbour(position, offset)] for offset in offsets]
        hu = np.stack([slices.intensity.to_hu(grey) for grey in greys])
        _, liver, tumour = predict(hu[None])[0]
        yield position, liver + tumour, tumour


def count(
    slices: SlicesInMemory,
    predict: Predict,
    context_slices: int,
    thresholds: Sequence[float] = (0.5,),
    context: bool = True,
) -> dict[float, CaseCounts]:
    """Counts of every scan, for each tumour threshold, in one pass over the slices.

    Pixels whose label leaves the question open are not counted.
    """
    tables: dict[float, CaseCounts] = {threshold: {} for threshold in thresholds}
    for position, organ, tumour in probabilities(slices, predict, context_slices, context):
        bits = slices.labels[position]
        organ_truth = (bits & BACKGROUND_BIT) == 0
        organ_known = ((bits & ORGAN_BITS) == 0) | organ_truth
        tumour_truth = bits == TUMOUR_BIT
        tumour_known = tumour_truth | ((bits & TUMOUR_BIT) == 0)
        for threshold, table in tables.items():
            labels = labels_from_probabilities(organ, tumour, threshold)
            found = {
                "liver": mask_counts(labels > 0, organ_truth, organ_known),
                "tumour": mask_counts(labels == 2, tumour_truth, tumour_known),
            }
            case = table.setdefault(slices.rows[position].scan, {name: Counts(0, 0, 0) for name in found})
            for name, counts in found.items():
                case[name] = case[name] + counts
    return tables


def dice_of(table: CaseCounts) -> dict[str, float]:
    """Global and per-case Dice of both structures."""
    values = {}
    for structure in ("liver", "tumour"):
        cases = [case[structure] for case in table.values()]
        values[f"{structure}_global"] = dice_global(cases)
        values[f"{structure}_per_case"] = dice_per_case(cases)
    return values


def predictor(module: torch.nn.Module) -> Predict:
    """A torch module of contract 1 as a function of numpy arrays."""

    def predict(hu: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(hu)).numpy()

    return predict
