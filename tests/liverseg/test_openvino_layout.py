"""Tokens in the order of their grids: the same numbers, in fewer steps."""

import numpy as np
import openvino
import torch

from liverseg.engines.openvino_layout import tokens_as_grids
from train.architectures.segformer import SegFormer, SegFormerConfig


def test_every_block_is_changed_and_the_logits_stay():
    torch.manual_seed(1)
    network = SegFormer(SegFormerConfig((8, 16, 20, 32), (1, 1, 1, 1), 16)).for_inference()
    traced = torch.jit.trace(network, torch.zeros(1, 3, 64, 96), check_trace=False)
    given = [(openvino.PartialShape([-1, 3, -1, -1]), openvino.Type.f32)]
    plain, changed = (openvino.convert_model(traced, input=given) for _ in range(2))
    # Of each stage: the embedding's tokens, the feed-forward's grid and tokens, the grid that the stage
    # gives; in all but the last also the grid and the tokens of the reduced keys and values.
    assert tokens_as_grids(changed) == 4 * 4 + 3 * 2
    assert tokens_as_grids(changed) == 0
    core = openvino.Core()
    for height, width in ((64, 96), (128, 64)):
        picture = np.random.default_rng(height).normal(size=(2, 3, height, width)).astype(np.float32)
        a, b = (core.compile_model(model, "CPU", {})([picture])[0] for model in (plain, changed))
        with torch.inference_mode():
            expected = network(torch.from_numpy(picture)).numpy()
        assert np.abs(a - b).max() < 1e-5 and np.abs(b - expected).max() < 1e-4
