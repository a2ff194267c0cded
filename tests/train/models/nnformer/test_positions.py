"""Relative position bias."""

import itertools

import torch
from torch import nn

from tests.train.models.nnformer.reference import positions_in, relative_bias
from train.models.nnformer.positions import GlobalBias, window_index


def test_every_offset_of_a_window_has_its_own_row():
    window = (2, 3, 4)
    index, positions = window_index(window), positions_in(window)
    rows: dict[tuple, set[int]] = {}
    for i, j in itertools.product(range(len(positions)), repeat=2):
        rows.setdefault(tuple((positions[i] - positions[j]).tolist()), set()).add(int(index[i, j]))
    assert all(len(used) == 1 for used in rows.values())
    numbers = sorted(row for used in rows.values() for row in used)
    assert numbers == list(range(3 * 5 * 7))


def test_global_positions_are_clipped_at_the_reach():
    bias = GlobalBias((1, 2), heads=2)
    nn.init.normal_(bias.table)
    for sizes in ((2, 3), (4, 5), (1, 1)):
        expected = relative_bias(bias.table.detach(), positions_in(sizes), (1, 2))
        assert torch.equal(bias(torch.zeros(1, *sizes, 8)).detach(), expected)
