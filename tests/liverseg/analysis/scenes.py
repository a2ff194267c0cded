"""Small CT images and segmentations with known measures, for the tests of `liverseg.analysis`."""

from __future__ import annotations

import numpy as np

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.segmentation import CheckpointIdentity, Segmentation

WHO = CheckpointIdentity("segformer-b0@1.0", "ab" * 32, "bundled")


def scene(labels, spacing=(2.0, 0.8, 0.8), kind=None, probability=None, hu=None, **facts):
    """A CT image and a segmentation with the given labels (S, H, W)."""
    labels = np.asarray(labels, np.uint8)
    hu = np.zeros(labels.shape, np.float32) if hu is None else hu
    probability = (labels == 2).astype(np.float32) if probability is None else probability
    native = facts.pop("native", NativeGrid(labels.shape, (0, 1, 2), (False, False, False)))
    kind = kind or ("slice" if len(labels) == 1 else "volume")
    source = "unknown" if spacing is None else "NIfTI header"
    ct = CTImage(hu, spacing, source, "array", native, kind, **facts)
    organ = (labels > 0).astype(np.float32)
    return ct, Segmentation(labels, probability, organ, 0.5, WHO, "torch 2", {"network": 0.25})


def disc_scene(radius_mm=16.0, spacing=(5.0, 0.8, 0.8), **facts):
    """A liver of 60 mm radius with one round tumour in the middle."""
    size = 192
    rows = (np.arange(size)[:, None] - 95.3) * spacing[1]
    columns = (np.arange(size)[None] - 90.6) * spacing[2]
    distance = np.hypot(rows, columns)
    labels = np.where(distance <= radius_mm, 2, np.where(distance <= 60, 1, 0))[None]
    return scene(labels, spacing, **facts)


def segmentation(labels, **more):
    """A segmentation with probabilities of 0 and 1 for labels (S, H, W) uint8."""
    probability = (labels == 2).astype(np.float16)
    return Segmentation(labels, probability, (labels > 0).astype(np.float16), 0.5, WHO, "none", **more)


def image(labels, spacing, affine=None, hu=None):
    """A CT volume with the native axes (column, row, slice), as in NIfTI."""
    native = NativeGrid(labels.shape[::-1], (2, 1, 0), (False, False, False), affine)
    hu = np.zeros(labels.shape, np.float32) if hu is None else hu
    return CTImage(hu, spacing, "NIfTI header", "nifti", native, "volume")


def blank_image(shape, spacing_mm=None, kind="slice"):
    """A CT image with 0 HU everywhere."""
    native = NativeGrid(shape, (0, 1, 2), (False, False, False))
    return CTImage(np.zeros(shape, np.float32), spacing_mm, "test", "array", native, kind)


def labelled(labels, ref="a@1", threshold=0.5):
    """A segmentation by the checkpoint `ref`, for comparisons."""
    labels = np.asarray(labels, np.uint8)
    tumour = (labels == 2).astype(np.float32)
    identity = CheckpointIdentity(ref, "0" * 64, "bundled")
    return Segmentation(labels, tumour, (labels > 0).astype(np.float32), threshold, identity, "torch")
