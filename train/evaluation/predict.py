"""Scores of a network on a dataset: contract 1's path from HU to labels, at the labels' own resolution."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from liverseg.analysis.metrics import Counts, dice_global, dice_per_case, mask_counts
from liverseg.core.segmentation import labels_from_probabilities
from train.data.dataset import BACKGROUND_BIT, ORGAN_BITS, TUMOUR_BIT, SlicesInMemory

Predict = Callable[[np.ndarray], np.ndarray]
"""(N, C, H, W) float32 HU to (N, 3, H, W) probabilities."""

CaseCounts = dict[str, dict[str, Counts]]
"""scan -> structure ("liver" is label 1 and 2 together, "tumour" is label 2) -> pixels."""


def hu_stack(slices: SlicesInMemory, position: int, offsets: Sequence[int]) -> np.ndarray:
    """(len(offsets), H, W) float32 HU of a slice's neighbours, the end slices of its scan repeated."""
    greys = [slices.greys[slices.neighbour(position, offset)] for offset in offsets]
    return np.stack([slices.intensity.to_hu(grey) for grey in greys])


def slice_probabilities(
    slices: SlicesInMemory,
    position: int,
    predict: Predict,
    context_slices: int,
    context: bool = True,
    flips: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The organ and the tumour probability of one slice, (H, W) float32 each.

    With `context` False the neighbours are hidden: the slice is treated as a lone one. With `flips`
    the probabilities are the mean of the slice's own and of its mirror image's.
    """
    reach = context_slices // 2
    offsets = range(-reach, reach + 1) if context else [0] * context_slices
    hu = hu_stack(slices, position, offsets)
    found = predict(hu[None])[0]
    if flips:
        found = (found + predict(np.ascontiguousarray(hu[None, ..., ::-1]))[0][..., ::-1]) / 2
    _, liver, tumour = found
    return liver + tumour, tumour


def probabilities(
    slices: SlicesInMemory, predict: Predict, context_slices: int, context: bool = True
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Each slice's position, and its organ and tumour probability, (H, W) float32."""
    for position in range(len(slices.rows)):
        yield position, *slice_probabilities(slices, position, predict, context_slices, context)


@dataclass(frozen=True)
class Reference:
    """What a slice's labels say of organ and tumour, and where they say it; (H, W) bool each."""

    organ: np.ndarray
    organ_known: np.ndarray
    tumour: np.ndarray
    tumour_known: np.ndarray


def reference_of(bits: np.ndarray) -> Reference:
    """The reference in a slice's label bits (H, W); a pixel whose label leaves the question open is unknown.

    >>> found = reference_of(np.array([BACKGROUND_BIT, ORGAN_BITS, TUMOUR_BIT], np.uint8))
    >>> found.organ.tolist(), found.tumour.tolist(), found.tumour_known.tolist()
    ([False, True, True], [False, False, True], [True, False, True])
    """
    organ = (bits & BACKGROUND_BIT) == 0
    tumour = bits == TUMOUR_BIT
    return Reference(organ, ((bits & ORGAN_BITS) == 0) | organ, tumour, tumour | ((bits & TUMOUR_BIT) == 0))


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
        truth = reference_of(slices.labels[position])
        for threshold, table in tables.items():
            labels = labels_from_probabilities(organ, tumour, threshold)
            found = {
                "liver": mask_counts(labels > 0, truth.organ, truth.organ_known),
                "tumour": mask_counts(labels == 2, truth.tumour, truth.tumour_known),
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
    """A torch module of contract 1 as a function of numpy arrays, run on the device that it is on."""
    held = next(itertools.chain(module.parameters(), module.buffers()), None)
    device = torch.device("cpu") if held is None else held.device

    def predict(hu: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(hu).to(device)).cpu().numpy()

    return predict
