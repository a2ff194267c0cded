"""False livers and false tumours of a network in slices that it may be trained on."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import cv2
import numpy as np

from liverseg.core.segmentation import labels_from_probabilities
from train.data.dataset import BACKGROUND_BIT, TUMOUR_BIT, DatasetFolder
from train.data.folds import dataset_folds
from train.errors import TrainError
from train.evaluation.models import Model
from train.evaluation.predict import probabilities
from train.evaluation.scans import scan_names, scans_of
from train.sampling.hard_slices import MinedSlice


def false_liver(labels: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """(H, W) bool: liver or tumour in predicted `labels` where the label bits are certainly background.

    Empty where the label shows liver or tumour: there the edge of the liver would count.
    """
    if ((bits & BACKGROUND_BIT) == 0).any():
        return np.zeros(bits.shape, bool)
    return (labels > 0) & (bits == BACKGROUND_BIT)


def false_tumours(labels: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """(H, W) bool: the 8-connected tumours of predicted `labels` whose every pixel is certainly no tumour.

    A tumour that meets a labelled one is not false, however far it reaches beyond it.
    """
    _, parts = cv2.connectedComponents((labels == 2).astype(np.uint8), connectivity=8)
    real = np.unique(parts[(bits & TUMOUR_BIT) != 0])
    return (parts > 0) & ~np.isin(parts, real)


def middle_of_largest(mask: np.ndarray) -> tuple[int, int] | None:
    """Row and column of the pixel of the largest 8-connected component that is nearest to its centroid.

    None for an empty mask; of several largest components the first in reading order counts.
    """
    _, parts, stats, centroids = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if len(stats) == 1:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    pixels = np.argwhere(parts == largest)
    nearest = np.argmin(((pixels - centroids[largest][::-1]) ** 2).sum(axis=1))
    return int(pixels[nearest][0]), int(pixels[nearest][1])


def mine(
    folder: DatasetFolder, scans: Collection[str], model: Model, threshold: float
) -> Iterator[list[MinedSlice]]:
    """The slices of each scan with the network's false pixels in them.

    Neighbouring slices are shown to the network if it takes them. Raises `TrainError` when no scan is left.
    """
    for scan in scans_of(folder, None, scans):
        mined = []
        for position, organ, tumour in probabilities(scan.slices, model.predict, model.context_slices):
            labels, bits = labels_from_probabilities(organ, tumour, threshold), scan.slices.labels[position]
            liver_mask, tumour_mask = false_liver(labels, bits), false_tumours(labels, bits)
            centre = middle_of_largest(liver_mask if liver_mask.any() else tumour_mask) or (None, None)
            row = scan.slices.rows[position]
            mined.append(
                MinedSlice(
                    folder.name, row.name, row.scan, row.index,
                    int(liver_mask.sum()), int(tumour_mask.sum()), *centre,
                )
            )  # fmt: skip
        yield mined


def training_side(folder: DatasetFolder, settings: dict, run: str) -> list[str]:
    """The scans of a dataset that a run with these settings may train on, in numerical order.

    These are all but the run's fold in the dataset that it was scored on, and the train split elsewhere.
    Scans of LiTS have the same numbers in all datasets whose name starts with "lits": a scan that the run
    was scored on is left out of each. Raises `TrainError` when the dataset that the run was scored on is
    missing.
    """
    scans = scan_names(folder, "train")
    data = settings.get("data") or ()
    scored_path = settings.get("validation") or (data[0][0] if data else None)
    if scored_path is None:  # an exported checkpoint names no folders
        return scans
    try:
        scored = DatasetFolder.open(scored_path)
    except TrainError as error:
        raise TrainError(f"The scans that {run} was scored on are not known: {error}") from error
    if settings.get("folds"):
        folds = dataset_folds(scored, settings["folds"], settings.get("groups"))
        held_out = folds[settings["fold"]]
    else:
        folds, held_out = [], set(scan_names(scored, "val"))
    if scored.name == folder.name:
        used = set().union(*folds) or set(scans)
    else:
        used = set(scans)
        if not (_is_lits(scored) and _is_lits(folder)):
            held_out = set()
    return [scan for scan in scan_names(folder) if scan in used - held_out]


def _is_lits(folder: DatasetFolder) -> bool:
    return folder.name.lower().startswith("lits")
