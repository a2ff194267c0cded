"""Painted lesions: where they lie, and what they change."""

import cv2
import numpy as np

from liverseg.core.window import Window, from_unit
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT
from train.sampling import synthetic_lesions
from train.sampling.synthetic_lesions import paint_lesions


def test_lesions_stay_in_the_liver_and_change_only_what_they_cover(discs, monkeypatch):
    monkeypatch.setattr(synthetic_lesions, "OUTGROWING_SHARE", 0.0)
    train = discs.load("train")
    bits = cv2.resize(train.labels[5], (384, 384), interpolation=cv2.INTER_NEAREST)
    grey = cv2.resize(train.greys[5], (384, 384), interpolation=cv2.INTER_NEAREST)
    hu = from_unit(grey.astype(np.float32)[..., None] / 255, Window(60, 200))
    painted = 0
    for seed in range(10):
        changed, labels = paint_lesions(hu, bits, np.random.default_rng(seed))
        new = labels == TUMOUR_BIT
        painted += new.any()
        assert ((labels != bits) <= new).all() and (bits[new] == LIVER_BIT).all()
        assert np.array_equal(changed[bits == BACKGROUND_BIT], hu[bits == BACKGROUND_BIT])
        if new.any():
            assert np.abs(changed[new] - hu[new]).mean() > 3
    assert painted == 10
    assert not (bits == TUMOUR_BIT).any(), "the input slice must not be changed"


def test_a_lesion_that_grows_out_of_the_liver_stays_near_it(monkeypatch):
    monkeypatch.setattr(synthetic_lesions, "OUTGROWING_SHARE", 1.0)
    monkeypatch.setattr(synthetic_lesions, "RADII_PX", (20.0, 32.0))
    y, x = np.ogrid[:512, :512]
    distance_px = np.hypot(y - 256, x - 200) - 90  # from the edge of a disc for the liver
    bits = np.where(distance_px < 0, LIVER_BIT, BACKGROUND_BIT).astype(np.uint8)
    hu = np.where(bits == LIVER_BIT, 110, -100).astype(np.float32)[..., None]
    bulge_px = []
    for seed in range(12):
        changed, labels = paint_lesions(hu, bits, np.random.default_rng(seed))
        bulge = (labels == TUMOUR_BIT) & (bits == BACKGROUND_BIT)
        assert distance_px[labels == TUMOUR_BIT].max() <= synthetic_lesions.BULGE_PX[1]
        assert not bulge.any() or np.median(changed[bulge]) > 0, "tumour must replace the fat there"
        bulge_px.append(bulge.sum())
    assert sum(pixels > 50 for pixels in bulge_px) >= 6


def test_a_slice_with_little_liver_is_returned_itself():
    bits = np.full((128, 128), BACKGROUND_BIT, np.uint8)
    bits[50:70, 50:70] = LIVER_BIT
    hu = np.zeros((128, 128, 1), np.float32)
    painted, labels = paint_lesions(hu, bits, np.random.default_rng(0))
    assert painted is hu and labels is bits
