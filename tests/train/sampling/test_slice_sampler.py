"""The shares of drawn slices with tumour, with liver, and without liver."""

import numpy as np
import pytest

from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT, SliceRow, SlicesInMemory
from train.data.intensity import Intensity
from train.sampling.slice_sampler import SamplingShares, SliceSampler


def test_draws_have_the_shares_of_the_settings(discs):
    train = discs.load("train")
    assert not train.shows_organ.all()
    sampler = SliceSampler(train, SamplingShares(liver_free=0.2, tumour=1.0))
    rng = np.random.default_rng(0)
    drawn = np.array([sampler.draw(rng) for _ in range(4000)])
    assert (~train.shows_organ[drawn]).mean() == pytest.approx(0.2, abs=0.02)
    assert train.shows_tumour[drawn].mean() == pytest.approx(0.8, abs=0.02)


def slices_of_scans(counts):
    """Slices of 2 x 2 pixels; `counts` has for each scan its slices with tumour, with liver, without both."""
    rows, labels = [], []
    for scan, numbers in enumerate(counts):
        for bit, number in zip((TUMOUR_BIT, LIVER_BIT, BACKGROUND_BIT), numbers, strict=True):
            for _ in range(number):
                rows.append(SliceRow(f"{scan}_{len(rows)}", str(scan), len(rows), "train"))
                labels.append(np.full((2, 2), bit, np.uint8))
    return SlicesInMemory("counted", Intensity(), tuple(rows), labels, labels)


def shares_of_scans(slices, shares, draws=20000):
    """Each scan's share of the draws with tumour, with liver or tumour, and without both."""
    sampler, rng = SliceSampler(slices, shares), np.random.default_rng(1)
    drawn = np.array([sampler.draw(rng) for _ in range(draws)])
    scans = np.array([int(slices.rows[position].scan) for position in drawn])
    tumour, organ = slices.shows_tumour[drawn], slices.shows_organ[drawn]

    def share(kept):
        return np.bincount(scans[kept], minlength=len(slices.by_scan)) / max(kept.sum(), 1)

    return share(tumour), share(organ), share(~organ)


def test_the_root_of_the_tumour_slices_weighs_the_scans():
    """16, 4 and no slices with tumour have the weights 4, 2 and their mean, 3."""
    slices = slices_of_scans([(16, 4, 5), (4, 16, 5), (0, 20, 30)])
    tumour, _, free = shares_of_scans(slices, SamplingShares(0.2, 1.0, "root"))
    assert tumour == pytest.approx([4 / 6, 2 / 6, 0], abs=0.02)
    assert free == pytest.approx([1 / 3, 1 / 3, 1 / 3], abs=0.03), "scans without liver keep even weights"
    _, organ, _ = shares_of_scans(slices, SamplingShares(0.2, 0.0, "root"))
    assert organ == pytest.approx([4 / 9, 2 / 9, 3 / 9], abs=0.02)
    _, organ, _ = shares_of_scans(slices, SamplingShares(0.2, 0.0, "even"))
    assert organ == pytest.approx([1 / 3, 1 / 3, 1 / 3], abs=0.02)


def test_without_tumour_the_root_weights_are_even():
    slices = slices_of_scans([(0, 2, 1), (0, 9, 1), (0, 1, 0)])
    _, organ, _ = shares_of_scans(slices, SamplingShares(0.2, 0.45, "root"))
    assert organ == pytest.approx([1 / 3, 1 / 3, 1 / 3], abs=0.02)
