"""nnFormer (Zhou et al., IEEE TIP 2023, arXiv 2109.03201) for slices and volumes."""

from train.models.nnformer.network import NNFORMER_CONFIGS, NnFormer, NnFormerConfig

__all__ = ["NNFORMER_CONFIGS", "NnFormer", "NnFormerConfig"]
