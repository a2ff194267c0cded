"""SegFormer (Xie et al., NeurIPS 2021, arXiv 2105.15203), B0 to B5, written for training and export."""

from train.models.segformer.config import SEGFORMER_CONFIGS, SegFormerConfig
from train.models.segformer.network import SegFormer

__all__ = ["SEGFORMER_CONFIGS", "SegFormer", "SegFormerConfig"]
