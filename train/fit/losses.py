"""Losses for partial labels, whose pixels may belong to one of several classes.

A loss adds a pixel term and a region term. The pixel term uses the probability summed over the classes that
the label allows. The region term (Dice or Tversky) is computed for liver with tumour and for tumour alone,
over the whole batch of all processes, on the pixels whose label decides membership in the region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT

SMOOTH = 100.0
"""Pixels added to numerator and denominator of the region term, so that a batch without tumour gives a
small gradient."""


@dataclass(frozen=True)
class Loss:
    """The terms of a loss."""

    cross_entropy: bool = True
    focus: float = 0.0  # exponent of the focal loss (Lin et al., arXiv 1708.02002); 0 is cross-entropy
    regions: bool = True
    # Costs of a false-positive and a false-negative pixel in the Tversky loss (Salehi et al.,
    # arXiv 1706.05721). One half each gives Dice.
    false_positive: float = 0.5
    false_negative: float = 0.5


LOSSES: dict[str, Loss] = {
    "ce+dice": Loss(),
    "ce": Loss(regions=False),
    "dice": Loss(cross_entropy=False),
    "focal+dice": Loss(focus=2.0),
    "ce+tversky": Loss(false_positive=0.3, false_negative=0.7),
}
"""The losses by their `--loss` names."""


def no_pooling(sums: Tensor) -> Tensor:
    """The sums over all processes when there is only one."""
    return sums


def segmentation_loss(
    logits: Tensor | Sequence[Tensor],
    bits: Tensor,
    tumour_weight: float = 2.0,
    loss: Loss = LOSSES["ce+dice"],
    pool: Callable[[Tensor], Tensor] = no_pooling,
) -> Tensor:
    """The scalar loss of logits (N, 3, h, w) for label bits (N, H, W) uint8.

    A sequence of logits, the finest first, is deep supervision with the weights 1, 1/2, 1/4, …, normalised
    to sum to 1. Logits coarser than the labels are compared at twice their own resolution; a finer one
    takes longer and is no more accurate. `pool` sums a vector over all processes.
    """
    outputs = [logits] if isinstance(logits, Tensor) else list(logits)
    weights = [0.5**level for level in range(len(outputs))]
    terms = [
        weight * _at_one_resolution(output, bits, tumour_weight, loss, pool)
        for weight, output in zip(weights, outputs, strict=True)
    ]
    return sum(terms) / sum(weights)


def _at_one_resolution(
    logits: Tensor, bits: Tensor, tumour_weight: float, loss: Loss, pool: Callable[[Tensor], Tensor]
) -> Tensor:
    stride = max(1, bits.shape[1] // logits.shape[2] // 2)
    bits = bits[:, ::stride, ::stride]
    logits = logits.float()
    if logits.shape[2:] != bits.shape[1:]:
        logits = F.interpolate(logits, size=bits.shape[1:], mode="bilinear", align_corners=False)

    log_probability = F.log_softmax(logits, dim=1)
    allowed = torch.stack([(bits & bit) > 0 for bit in (BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT)], dim=1)
    is_tumour = bits == TUMOUR_BIT
    sums = []
    if loss.cross_entropy:
        log_set = torch.logsumexp(log_probability.masked_fill(~allowed, -1e4), dim=1)
        cost = -log_set * (1 + (tumour_weight - 1) * is_tumour)
        if loss.focus:
            cost = cost * (1 - log_set.exp()).clamp(min=0) ** loss.focus
        sums += [cost.sum(), torch.tensor(float(cost.numel()), device=cost.device)]
    if loss.regions:
        probability = log_probability.exp()
        is_organ = ~allowed[:, 0]
        sums += region_sums(probability[:, 1] + probability[:, 2], is_organ, ~(allowed[:, 1] | allowed[:, 2]))
        sums += region_sums(probability[:, 2], is_tumour, ~allowed[:, 2])
    pooled = list(pool(torch.stack(sums)))

    total = logits.new_zeros(())
    if loss.cross_entropy:
        total = total + pooled[0] / pooled[1]
    if loss.regions:
        for region in (pooled[-6:-3], pooled[-3:]):
            total = total + 0.5 * region_loss(*region, loss)
    return total


def region_sums(probability: Tensor, inside: Tensor, outside: Tensor) -> list[Tensor]:
    """Sums over the pixels known to be inside or outside a region: overlap, probability, true pixels."""
    known = probability * (inside | outside)
    return [(known * inside).sum(), known.sum(), inside.sum().float()]


def region_loss(overlap: Tensor, probability: Tensor, truth: Tensor, loss: Loss) -> Tensor:
    """The Tversky loss 1 - (overlap + s) / (overlap + costs + s) with s = `SMOOTH` / 2.

    It is the Dice loss where both costs are one half.

    >>> round(region_loss(torch.tensor(50.0), torch.tensor(100.0), torch.tensor(50.0), Loss()).item(), 6)
    0.2
    """
    costs = loss.false_positive * (probability - overlap) + loss.false_negative * (truth - overlap)
    half = SMOOTH / 2
    return 1 - (overlap + half) / (overlap + costs + half)
