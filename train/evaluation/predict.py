"""The predictions of a network on a dataset, and their pixel counts, at the resolution of the labels."""

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
"""A function from (N, C, H, W) float32 HU to (N, 3, H, W) float32 probabilities."""

CaseCounts = dict[str, dict[str, Counts]]
"""Pixel counts by scan and structure; "liver" is label 1 and 2 together, "tumour" is label 2."""


def hu_stack(slices: SlicesInMemory, position: int, offsets: Sequence[int]) -> np.ndarray:
    """HU of a slice's neighbours, (len(offsets), H, W) float32; the end slices of a scan are repeated."""
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

    Without `context` the slice replaces its neighbours. With `flips` the probabilities are averaged with
    those of the mirror image.
    """
    reach = context_slices // 2
    offsets = range(-reach, reach + 1) if context else [0] * context_slices
    hu = hu_stack(slices, position, offsets)
    classes = predict(hu[None])[0]
    if flips:
        classes = (classes + predict(np.ascontiguousarray(hu[None, ..., ::-1]))[0][..., ::-1]) / 2
    _, liver, tumour = classes
    return liver + tumour, tumour


def probabilities(
    slices: SlicesInMemory, predict: Predict, context_slices: int, context: bool = True
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The position of each slice with its organ and tumour probability, (H, W) float32 each."""
    for position in range(len(slices.rows)):
        yield position, *slice_probabilities(slices, position, predict, context_slices, context)


@dataclass(frozen=True)
class Reference:
    """Reference masks of a slice, and the pixels whose label decides them; (H, W) bool each."""

    organ: np.ndarray
    organ_known: np.ndarray
    tumour: np.ndarray
    tumour_known: np.ndarray


def reference_of(bits: np.ndarray) -> Reference:
    """The reference masks in label bits (H, W); a pixel that may or may not be in a structure is unknown.

    >>> reference = reference_of(np.array([BACKGROUND_BIT, ORGAN_BITS, TUMOUR_BIT], np.uint8))
    >>> reference.organ.tolist(), reference.tumour.tolist(), reference.tumour_known.tolist()
    ([False, True, True], [False, False, True], [True, False, True])
    """
    organ = (bits & BACKGROUND_BIT) == 0
    tumour = bits == TUMOUR_BIT
    return Reference(organ, ((bits & ORGAN_BITS) == 0) | organ, tumour, tumour | ((bits & TUMOUR_BIT) == 0))


def count_pixels(
    slices: SlicesInMemory,
    predict: Predict,
    context_slices: int,
    thresholds: Sequence[float] = (0.5,),
    context: bool = True,
) -> dict[float, CaseCounts]:
    """The pixel counts of every scan for each tumour threshold, in one pass over the slices.

    Pixels whose label does not decide membership in a structure are not counted.
    """
    tables: dict[float, CaseCounts] = {threshold: {} for threshold in thresholds}
    for position, organ, tumour in probabilities(slices, predict, context_slices, context):
        reference = reference_of(slices.labels[position])
        for threshold, table in tables.items():
            labels = labels_from_probabilities(organ, tumour, threshold)
            slice_counts = {
                "liver": mask_counts(labels > 0, reference.organ, reference.organ_known),
                "tumour": mask_counts(labels == 2, reference.tumour, reference.tumour_known),
            }
            scan = slices.rows[position].scan
            case = table.setdefault(scan, {name: Counts(0, 0, 0) for name in slice_counts})
            for name, counts in slice_counts.items():
                case[name] = case[name] + counts
    return tables


def dice_scores(table: CaseCounts) -> dict[str, float]:
    """Pooled and per-case Dice of liver and tumour."""
    values = {}
    for structure in ("liver", "tumour"):
        cases = [case[structure] for case in table.values()]
        values[f"{structure}_global"] = dice_global(cases)
        values[f"{structure}_per_case"] = dice_per_case(cases)
    return values


def predictor(module: torch.nn.Module) -> Predict:
    """A checkpoint graph as a function of numpy arrays, computed on the device of its weights."""
    tensor = next(itertools.chain(module.parameters(), module.buffers()), None)
    device = torch.device("cpu") if tensor is None else tensor.device

    def predict(hu: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(hu).to(device)).cpu().numpy()

    return predict
