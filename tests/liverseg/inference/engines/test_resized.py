"""Both engines at another working size than the archive's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.speed import networks
from liverseg.inference.engines.compiled_cache import CompiledCache
from liverseg.inference.engines.openvino_engine import OpenVINOEngine
from liverseg.inference.engines.torch_engine import TorchEngine
from train.models.segformer import SegFormer, SegFormerConfig

SHAPE = (64, 96)


@pytest.fixture(scope="module")
def archives():
    """The same weights exported at the working sizes 64 and 96."""
    torch.manual_seed(3)
    network = SegFormer(SegFormerConfig(**networks.TINY)).eval()
    return {size: networks.exported(network, size) for size in (64, 96)}


def slices(shape, count: int = 3):
    rng = np.random.default_rng(5)
    return [rng.normal(60, 80, (1, 1, *shape)).astype(np.float32) for _ in range(count)]


def test_torch_at_another_working_size_is_the_network_exported_at_that_size(archives):
    own, other = (TorchEngine(archives[size], device="cpu") for size in (64, 96))
    resized = own.resized(96, SHAPE)
    for hu in (*slices(SHAPE), *slices((80, 70), 1)):
        assert np.array_equal(resized.run(hu), other.run(hu))
        assert not np.allclose(resized.run(hu), own.run(hu), atol=1e-4), "the size matters"
    assert np.array_equal(own.run(hu), TorchEngine(archives[64], device="cpu").run(hu)), "it stays at its own"


def test_openvino_at_another_working_size_is_the_network_exported_at_that_size(archives, tmp_path):
    cache = CompiledCache(tmp_path)
    own = OpenVINOEngine(archives[64], 1, cache=cache)
    resized = own.resized(96, SHAPE)
    reference = TorchEngine(archives[96], device="cpu")
    given = slices(SHAPE)
    tolerance = 1e-3 if "float32" in resized.name else 0.1
    for hu, found in zip(given, resized.run_each(given), strict=True):
        np.testing.assert_allclose(found, reference.run(hu), atol=tolerance)
    (other,) = slices((80, 70), 1)  # slices of another shape are slower, not refused
    np.testing.assert_allclose(resized.run(other), reference.run(other), atol=tolerance)
    keys = {engine._key(shape) for engine in (own, resized) for shape in (engine._standard, engine._dynamic)}
    assert len(keys) == 4, "networks of two working sizes are cached apart"
    again = own.resized(96, SHAPE)  # from the cache
    assert np.array_equal(again.run(given[0]), resized.run(given[0]))
