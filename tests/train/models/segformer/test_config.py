"""Sizes of SegFormer: the published ones and impossible ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from train.errors import TrainError
from train.models.segformer.config import SEGFORMER_CONFIGS, SegFormerConfig

B0 = SEGFORMER_CONFIGS["segformer-b0"]


def test_b0_has_the_default_sizes_of_transformers():
    from transformers import SegformerConfig

    published = SegformerConfig()
    assert list(B0.widths) == list(published.hidden_sizes)
    assert list(B0.depths) == list(published.depths)
    assert B0.decoder_width == published.decoder_hidden_size
    assert list(B0.heads) == list(published.num_attention_heads)
    assert list(B0.reductions) == list(published.sr_ratios)
    assert list(B0.patch_sizes) == list(published.patch_sizes)
    assert list(B0.strides) == list(published.strides)
    assert [B0.mlp_ratio] * 4 == list(published.mlp_ratios)
    assert (B0.drop_path, B0.dropout) == (published.drop_path_rate, published.classifier_dropout_prob)


def test_larger_architectures_are_deeper_and_divide_their_widths_by_their_heads():
    blocks = [sum(config.depths) for config in SEGFORMER_CONFIGS.values()]
    assert blocks == [8, 8, 16, 28, 41, 52]
    for config in SEGFORMER_CONFIGS.values():
        assert all(width % heads == 0 for width, heads in zip(config.widths, config.heads, strict=True))


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"depths": (2, 2, 2)}, "four stages"),
        ({"depths": (2, 0, 2, 2)}, "four stages"),
        ({"depths": (2, 2, 2, 1.5)}, "four stages"),
        ({"decoder_width": 0}, "decode head"),
        ({"decoder_width": "256"}, "decode head"),
        ({"drop_path": 1.0}, "stochastic depth"),
        ({"drop_path": -0.1}, "stochastic depth"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
    ],
)
def test_impossible_sizes_and_rates_are_refused(change, reason):
    with pytest.raises(TrainError, match=reason):
        replace(B0, **change)


def test_rates_of_0_are_possible():
    config = SegFormerConfig((8,), (1,), 8, drop_path=0, dropout=0.0)
    assert config.drop_path == config.dropout == 0
