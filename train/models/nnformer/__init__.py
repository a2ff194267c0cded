"""nnFormer: see `network`."""

from train.models.nnformer.network import NNFORMER_CONFIGS, NnFormer, NnFormerConfig

__all__ = ["NNFORMER_CONFIGS", "NnFormer", "NnFormerConfig"]
