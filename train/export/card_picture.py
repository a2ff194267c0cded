"""The picture on a checkpoint's model card: its segmentation of a phantom that it was not trained on."""

from __future__ import annotations

import cv2
import numpy as np

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.segmentation import CheckpointIdentity, Segmentation, labels_from_probabilities
from liverseg.phantom import make
from liverseg.rendering.slice_view import overview
from train.evaluation.predict import Predict

PHANTOM_SEED = 14
"""The phantom has four tumours of different size and sharpness, next to a vein."""

CARD_WIDTH_PX = 1200


def card_picture(predict: Predict, context_slices: int, threshold: float, ref: str) -> bytes:
    """A PNG of a phantom slice, its segmentation and its tumour probability, side by side.

    `predict` gets (1, C, H, W) HU with the slice repeated `context_slices` times. A phantom is used because
    model cards are public, and pictures of patients must not be.
    """
    phantom = make(seed=PHANTOM_SEED)
    grid = NativeGrid(phantom.hu.shape, (0, 1, 2), (False, False, False))
    ct = CTImage(phantom.hu, phantom.spacing_mm, "phantom", "array", grid)
    _, liver, tumour = predict(np.repeat(phantom.hu[None], context_slices, axis=1))[0][:, None]
    organ = liver + tumour
    seg = Segmentation(
        labels=labels_from_probabilities(organ, tumour, threshold),
        tumour_probability=tumour,
        organ_probability=organ,
        threshold=threshold,
        checkpoint=CheckpointIdentity(ref, "", ""),
        engine="torch",
    )
    rgb = overview(ct, seg, 0)
    height = round(rgb.shape[0] * CARD_WIDTH_PX / rgb.shape[1])
    smaller = cv2.resize(rgb, (CARD_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", smaller[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
