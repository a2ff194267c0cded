"""The shares of drawn slices with tumour, with liver, and without liver."""

import numpy as np
import pytest

from train.sampling.slice_sampler import SamplingShares, SliceSampler


def test_draws_have_the_shares_of_the_settings(discs):
    train = discs.load("train")
    assert not train.shows_organ.all()
    sampler = SliceSampler(train, SamplingShares(liver_free=0.2, tumour=1.0))
    rng = np.random.default_rng(0)
    drawn = np.array([sampler.draw(rng) for _ in range(4000)])
    assert (~train.shows_organ[drawn]).mean() == pytest.approx(0.2, abs=0.02)
    assert train.shows_tumour[drawn].mean() == pytest.approx(0.8, abs=0.02)
