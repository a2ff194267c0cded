"""Results of synthetic images, for the tests of the writers."""

from __future__ import annotations

import numpy as np

from liverseg.analysis.measure import measure
from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.segmentation import CheckpointIdentity, Segmentation

IDENTITY = CheckpointIdentity("a@1", "0" * 64, "bundled")


def result(shape, native, source_format, spacing=(4.0, 0.9, 0.7), **facts):
    """Image, segmentation and report; asymmetric, so that every flip or transpose changes them."""
    labels = np.zeros(shape, np.uint8)
    labels[-1, 10:40, 5:30] = 1
    labels[-1, 12:20, 8:13] = 2
    probability = np.linspace(0, 1, labels.size, dtype=np.float32).reshape(shape)
    hu = np.zeros(shape, np.float32)
    source = "unknown" if spacing is None else "header"
    kind = "volume" if shape[0] > 1 else "slice"
    ct = CTImage(hu, spacing, source, source_format, native, kind, **facts)
    seg = Segmentation(labels, probability, probability, 0.5, IDENTITY, "torch")
    return ct, seg, measure(ct, seg)


def nifti_result(**facts):
    """A NIfTI volume with flipped rows."""
    affine = np.array([[-0.7, 0, 0, 120], [0, 0.9, 0, -80], [0, 0, 4.0, -300], [0, 0, 0, 1.0]])
    return result(
        (3, 64, 80), NativeGrid((80, 64, 3), (2, 1, 0), (False, True, False), affine), "nifti", **facts
    )


def picture_result(flipped=(False, False, False), **facts):
    """A picture of one slice."""
    return result((1, 64, 80), NativeGrid((64, 80), (2, 0, 1), flipped), facts.pop("kind", "png"), **facts)
