"""nnFormer: see `network`."""

from train.architectures.nnformer.network import CONFIGS, NnFormer, NnFormerConfig

__all__ = ["CONFIGS", "NnFormer", "NnFormerConfig"]
