"""A small network for the tests of the engines."""

from __future__ import annotations

import pytest

from benchmarks.speed import networks
from train.models.segformer import SegFormer, SegFormerConfig


@pytest.fixture(scope="module")
def archive():
    """A SegFormer of a few thousand weights, as `train export` writes it."""
    return networks.exported(SegFormer(SegFormerConfig(**networks.TINY)).eval(), 64)
