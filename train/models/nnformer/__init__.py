"""nnFormer: see `network`."""

from train.models.nnformer.network import CONFIGS, NnFormer, NnFormerConfig

__all__ = ["CONFIGS", "NnFormer", "NnFormerConfig"]
