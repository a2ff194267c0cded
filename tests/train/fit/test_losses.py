"""Losses for partial labels, at several resolutions and on several processes."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, ORGAN_BITS, TUMOUR_BIT
from train.fit.losses import LOSSES, segmentation_loss
from train.fit.settings import LOSS_NAMES


def logits_for(probabilities):
    return torch.log(torch.tensor(probabilities))[None, :, None, None].expand(1, 3, 4, 4).contiguous()


def test_partial_labels_use_the_summed_probability_of_their_classes():
    anything = torch.full((1, 4, 4), BACKGROUND_BIT | ORGAN_BITS, dtype=torch.uint8)
    assert segmentation_loss(logits_for([0.2, 0.3, 0.5]), anything) == pytest.approx(0, abs=1e-5)
    organ = torch.full((1, 4, 4), ORGAN_BITS, dtype=torch.uint8)
    split_one_way = segmentation_loss(logits_for([0.1, 0.8, 0.1]), organ)
    split_other_way = segmentation_loss(logits_for([0.1, 0.1, 0.8]), organ)
    assert split_one_way == pytest.approx(split_other_way.item(), abs=1e-5)
    assert segmentation_loss(logits_for([0.8, 0.1, 0.1]), organ) > split_one_way + 1


def test_a_gradient_step_lowers_the_loss():
    truth = torch.full((1, 4, 4), BACKGROUND_BIT, dtype=torch.uint8)
    truth[0, :2] = LIVER_BIT
    truth[0, 0, 0] = TUMOUR_BIT
    logits = torch.zeros(1, 3, 4, 4, requires_grad=True)
    before = segmentation_loss(logits, truth)
    before.backward()
    assert segmentation_loss(logits.detach() - logits.grad, truth) < before


@pytest.fixture
def case():
    """Logits (2, 3, 8, 8) and labels (2, 16, 16) with some undecided and some partial pixels."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, generator=generator)
    choice = torch.tensor([BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT, ORGAN_BITS, 7], dtype=torch.uint8)
    return logits, choice[torch.randint(0, 5, (2, 16, 16), generator=generator)]


@pytest.mark.parametrize("name", LOSS_NAMES)
def test_every_loss_is_finite_and_reaches_the_logits(case, name):
    logits, bits = case
    logits.requires_grad_()
    loss = segmentation_loss(logits, bits, loss=LOSSES[name])
    loss.backward()
    assert torch.isfinite(loss) and loss > 0 and logits.grad.abs().sum() > 0


def test_the_command_line_names_every_loss():
    assert LOSS_NAMES == tuple(LOSSES)


def test_default_loss_is_weighted_cross_entropy_plus_half_of_each_dice():
    generator = np.random.default_rng(0)
    logits = torch.from_numpy(generator.normal(size=(1, 3, 8, 8)).astype(np.float32))
    classes = torch.from_numpy(generator.integers(0, 3, (1, 8, 8)))
    bits = (2**classes).to(torch.uint8)
    entropy = F.cross_entropy(logits, classes, reduction="none") * torch.where(classes == 2, 2.0, 1.0)
    expected = entropy.mean()
    probability = logits.softmax(1)
    for p, truth in ((probability[:, 1:].sum(1), classes > 0), (probability[:, 2], classes == 2)):
        expected += 0.5 * (1 - (2 * (p * truth).sum() + 100) / (p.sum() + truth.sum() + 100))
    assert segmentation_loss(logits, bits).item() == pytest.approx(expected.item(), rel=1e-5)


def test_tversky_loss_weights_missed_tumour_more_than_false_tumour():
    bits = torch.full((1, 16, 16), BACKGROUND_BIT, dtype=torch.uint8)
    bits[0, :8] = TUMOUR_BIT
    confident = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]]) * 20  # background everywhere, tumour everywhere
    missed, invented = (
        segmentation_loss(row[None, :, None, None].expand(1, 3, 16, 16), bits, loss=LOSSES["ce+tversky"])
        - segmentation_loss(row[None, :, None, None].expand(1, 3, 16, 16), bits, loss=LOSSES["ce"])
        for row in confident
    )
    assert missed > invented + 0.1


def test_deep_supervision_halves_the_weight_of_each_coarser_output(case):
    logits, bits = case
    outputs = (logits, F.avg_pool2d(logits, 2), F.avg_pool2d(logits, 4))
    parts = [segmentation_loss(output, bits).item() for output in outputs]
    expected = (parts[0] + parts[1] / 2 + parts[2] / 4) / 1.75
    assert segmentation_loss(outputs, bits).item() == pytest.approx(expected, rel=1e-5)


def test_coarse_logits_are_compared_at_twice_their_own_resolution():
    bits = torch.full((1, 32, 32), BACKGROUND_BIT, dtype=torch.uint8)
    bits[:, 1::2] = TUMOUR_BIT  # rows that a stride of two never looks at
    wrong = torch.tensor([20.0, 0, 0])[None, :, None, None]
    ce = LOSSES["ce"]
    assert segmentation_loss(wrong.expand(1, 3, 8, 8), bits, loss=ce) == pytest.approx(0, abs=1e-4)
    assert segmentation_loss(wrong.expand(1, 3, 32, 32), bits, loss=ce) > 5


def test_pooled_sums_give_the_loss_of_the_whole_batch(case):
    """Half a batch plus the sums of the other half gives the loss of the whole batch."""
    logits, bits = case
    other_sums = []
    for part in (slice(0, 1), slice(1, 2)):
        segmentation_loss(logits[part], bits[part], pool=lambda sums: other_sums.append(sums) or sums)
    pooled = segmentation_loss(logits[:1], bits[:1], pool=lambda sums: sums + other_sums[1])
    assert pooled.item() == pytest.approx(segmentation_loss(logits, bits).item(), rel=1e-5)
