"""The choice of slices for the picture of a scoring."""

from __future__ import annotations

import numpy as np

from train.data.dataset import TUMOUR_BIT
from train.fit.pictures import chosen_slices


def test_the_slice_with_most_tumour_or_else_most_liver_is_drawn(write_discs, tmp_path):
    slices = write_discs(tmp_path / "discs", tumour_in=(0,)).load("train")
    slices.labels[1][48, 40:60] = TUMOUR_BIT
    first, second = chosen_slices(slices, 2)
    tumour = [np.count_nonzero(bits == TUMOUR_BIT) for bits in slices.labels]
    assert first == int(np.argmax(tumour)) == 1
    assert slices.rows[second].scan == "1" and slices.shows_organ[second] and not slices.shows_tumour[second]
    assert chosen_slices(slices, 1) == [first]
