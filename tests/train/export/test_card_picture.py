"""The picture of a model card."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.phantoms import make
from train.export import card_picture as module
from train.export.card_picture import CARD_WIDTH_PX, PHANTOM_SEED, card_picture

SIZE = 256


@pytest.fixture(scope="module", autouse=True)
def small_phantom():
    """The phantom has a quarter of its pixels, which is faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "make", lambda seed: make("slice", seed=seed, size=SIZE))
        yield


def half_tumour(probability):
    """A predictor that gives the left half of the columns a tumour probability."""

    def predict(hu):
        tumour = probability * (np.arange(SIZE) < SIZE // 2) * np.ones_like(hu[:, :1])
        return np.concatenate([1 - tumour, 0 * tumour, tumour], axis=1).astype(np.float32)

    return predict


def picture(predict, threshold=0.5):
    return cv2.imdecode(np.frombuffer(card_picture(predict, 3, threshold, "x"), np.uint8), 1).astype(int)


@pytest.fixture(scope="module")
def shown():
    return picture(half_tumour(0.75))


def test_the_picture_has_the_width_of_the_card(shown):
    assert shown.shape[1] == CARD_WIDTH_PX and 300 < shown.shape[0] < 600
    assert shown.std() > 20


def test_the_picture_shows_the_labels_at_the_threshold(shown):
    higher = picture(half_tumour(0.75), threshold=0.8)
    assert higher.shape == shown.shape
    assert (np.abs(higher - shown).max(axis=-1) > 30).mean() > 0.05


def test_the_network_gets_the_phantom_as_each_slice_of_the_context():
    inputs = []

    def predict(hu):
        inputs.append(hu)
        return half_tumour(0.75)(hu)

    card_picture(predict, 5, 0.5, "x")
    ((hu,),) = inputs
    assert hu.shape[0] == 5 and hu.dtype == np.float32
    assert np.array_equal(hu, [make("slice", seed=PHANTOM_SEED, size=SIZE).hu[0]] * 5)
