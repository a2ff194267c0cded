"""The rule for lone slices, against scipy's labels and means."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from liverseg.core.largest_component import NOTHING_REMOVED
from liverseg.core.sure_bodies import remove_unsure_bodies


@pytest.mark.parametrize("kind", (np.float32, np.float16))
def test_bodies_below_the_mean_are_removed(kind):
    rng = np.random.default_rng(5)
    organ = ndimage.gaussian_filter(rng.normal(size=(96, 96)), 3)
    organ = (0.5 + 0.5 * organ / np.abs(organ).max()).astype(kind)
    labels = np.where(organ > 0.55, rng.integers(1, 3, organ.shape), 0).astype(np.uint8)[None]
    numbers, count = ndimage.label(labels[0] > 0, np.ones((3, 3)))
    means = ndimage.mean(organ.astype(np.float64), numbers, np.arange(1, count + 1))
    least = float(np.median(means))
    kept = np.isin(numbers, 1 + np.flatnonzero(means >= least))
    expected = np.where(kept, labels[0], 0)
    gone = labels[0][~kept]
    removed = remove_unsure_bodies(labels[0], organ, least)
    assert (labels[0] == expected).all()
    assert removed.bodies == (means < least).sum() > 3
    assert (removed.liver, removed.tumour) == ((gone == 1).sum(), (gone == 2).sum())
    assert removed.largest == max(np.bincount(numbers[~kept])[1:])


def test_nothing_is_removed_where_nothing_is_unsure():
    labels = np.ones((64, 64), np.uint8)
    organ = np.full((64, 64), 0.8, np.float32)
    assert remove_unsure_bodies(labels, organ, 0.8 - 1e-6) == NOTHING_REMOVED and labels.all()
    assert remove_unsure_bodies(np.zeros_like(labels), organ, 0.9) == NOTHING_REMOVED
