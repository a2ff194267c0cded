"""A scan with a likely and an unsure lesion, decided by a small model, for tests of everything after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from liverseg.core.image import CTImage
from liverseg.core.lesion_candidates import LesionRules
from liverseg.core.lesion_model import LesionModel, OperatingPoint, Term
from liverseg.core.segmentation import Segmentation
from liverseg.inference.rules import InferenceRules
from liverseg.inference.segmenter import Segmenter
from tests.liverseg.analysis.scenes import image, segmentation
from tests.liverseg.volume_checkpoints import BACKGROUND_HU, LIVER_HU, TUMOUR_HU, slice_segmenter

SPACING_MM = (5.0, 0.8, 0.8)
VOXEL_ML = 5.0 * 0.8 * 0.8 / 1000
LIKELY_VOXELS, UNSURE_VOXELS = 72, 9
LIKELY_P, UNSURE_P = 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))  # of two slices and of one
POINTS = (OperatingPoint(0.1, 0.9, 0.3, 4.0), OperatingPoint(0.5, 0.55, 0.6, 0.83))

MODEL = LesionModel(0.0, (Term("slices", "none", 1.5, 1.0, 4.0),), 0.5, POINTS)
"""The more slices a lesion extends over, the likelier it is."""


def all_labels() -> np.ndarray:
    """(4, 64, 64): liver in the two inner slices; a lesion of 72 voxels in both and one of 9 in one."""
    labels = np.zeros((4, 64, 64), np.uint8)
    labels[1:3, 10:40, 5:35] = 1
    labels[1:3, 20:26, 10:16] = 2
    labels[1, 30:33, 20:23] = 2
    return labels


def ct_of_scan(labels: np.ndarray | None = None) -> CTImage:
    """The scan, in HU that `slice_segmenter` labels exactly."""
    labels = all_labels() if labels is None else labels
    hu = np.array([BACKGROUND_HU, LIVER_HU, TUMOUR_HU], np.float32)[labels]
    return image(labels, SPACING_MM, hu=hu)


def decided(labels: np.ndarray | None = None, model: LesionModel = MODEL) -> tuple[CTImage, Segmentation]:
    """The scan and its segmentation: the first lesion is likely, the second unsure."""
    labels = all_labels() if labels is None else labels
    return ct_of_scan(labels), segmentation(labels.copy()).with_lesions(LesionRules(0.0, model, model.cut))


def model_segmenter(model: LesionModel = MODEL) -> Segmenter:
    """`slice_segmenter` with the model for volumes and for slices."""
    segmenter = slice_segmenter()
    rules = LesionRules(0.0, model, model.cut)
    segmenter.rules = replace(InferenceRules(), volume_lesions=rules, slice_lesions=rules)
    return segmenter


def manifest_entry() -> dict[str, object]:
    """The model as `lesion_model` of a manifest."""
    (term,) = MODEL.terms
    one = {
        "intercept": MODEL.intercept,
        "terms": [vars(term)],
        "cut": MODEL.cut,
        "operating_points": [vars(point) for point in MODEL.points],
    }
    return {"method": "logistic regression", "volume": one, "slice": one}
