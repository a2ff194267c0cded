"""A scene with a likely, an unsure and a rejected lesion, and its report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from liverseg.analysis.measure import measure
from liverseg.analysis.report import Report
from liverseg.core.components import find_components
from liverseg.core.image import CTImage
from liverseg.core.lesion_candidates import LesionRules
from liverseg.core.lesion_model import LesionModel, Term
from liverseg.core.segmentation import Segmentation


def edited_scene(scene, rejected: tuple[int, ...] = (2,)) -> tuple[CTImage, Segmentation, Report]:
    """Image, segmentation and report of a scene: the largest tumour is likely, smaller ones are unsure."""
    sizes = find_components(lambda z: scene.seg.labels[z] == 2, len(scene.seg.labels)).sizes
    limit = np.sort(sizes)[-2:].mean() / (scene.seg.labels > 0).sum()
    model = LesionModel(0.0, (Term("share_of_liver", "none", float(limit), 1e-4, 1.0),), 0.5)
    seg = replace(
        scene.seg,
        labels=scene.seg.labels.copy(),
        tumour_probability=(scene.seg.labels == 2).astype(np.float16),
        organ_probability=(scene.seg.labels > 0).astype(np.float16),
        threshold=0.5,
    ).with_lesions(LesionRules(0.0, model, 0.5))
    ct = replace(scene.ct, hu=np.where(scene.seg.labels == 2, 60, 110).astype(np.float32))
    seg = seg.with_rejected(rejected)
    return ct, seg, measure(ct, seg)
