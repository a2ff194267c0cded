"""The loss for labels that may be sets of classes: cross-entropy of the summed probability, plus Dice."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from train.dataset import BACKGROUND_BIT, LIVER_BIT, ORGAN_BITS, TUMOUR_BIT


def segmentation_loss(logits: Tensor, bits: Tensor, tumour_weight: float = 2.0) -> Tensor:
    """Scalar loss of logits (N, 3, H, W) against label bits (N, H, W) uint8.

    Cross-entropy is -log of the probability summed over the classes a pixel may be; a pixel that may
    be anything costs nothing. Dice is computed over the whole batch for liver-or-tumour and for
    tumour, on the pixels where the label settles the question.
    """
    log_probability = F.log_softmax(logits.float(), dim=1)
    bits = bits.long()
    allowed = torch.stack([(bits & bit) > 0 for bit in (BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT)], dim=1)
    log_set = torch.logsumexp(log_probability.masked_fill(~allowed, -1e4), dim=1)
    is_tumour = bits == TUMOUR_BIT
    cross_entropy = -(log_set * (1 + (tumour_weight - 1) * is_tumour)).mean()

    probability = log_probability.exp()
    may_be_background = (bits & BACKGROUND_BIT) > 0
    organ_known = (bits & ORGAN_BITS == 0) | ~may_be_background
    tumour_known = is_tumour | ((bits & TUMOUR_BIT) == 0)
    organ = soft_dice_loss(probability[:, 1] + probability[:, 2], ~may_be_background, organ_known)
    tumour = soft_dice_loss(probability[:, 2], is_tumour, tumour_known)
    return cross_entropy + 0.5 * organ + 0.5 * tumour


def soft_dice_loss(probability: Tensor, truth: Tensor, known: Tensor, smooth: float = 100.0) -> Tensor:
    """1 - Dice of a probability map against a bool mask, over the known pixels of the whole batch."""
    probability, truth = probability * known, (truth & known).float()
    overlap = (probability * truth).sum()
    return 1 - (2 * overlap + smooth) / (probability.sum() + truth.sum() + smooth)
