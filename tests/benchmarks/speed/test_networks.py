from __future__ import annotations

import numpy as np
import torch

from benchmarks.speed import networks
from train.models.segformer import SEGFORMER_CONFIGS


def test_published_networks_have_the_published_size_and_predict_several_classes():
    twins = networks.published("segformer-b0", 64, quick=True)
    hu = networks.slice_hu(64)
    with torch.inference_mode():
        probabilities = twins.usual(torch.from_numpy(hu)).numpy()
    assert len(np.unique(probabilities.argmax(axis=1))) > 1  # or a swapped class would not show
    published = networks.in_transformers(networks.need("train.models").build("segformer-b0").eval())
    assert sum(p.numel() for p in published.parameters()) == 3_714_915  # NVIDIA's B0, 3 classes
    assert SEGFORMER_CONFIGS["segformer-b0"].decoder_width == 256
