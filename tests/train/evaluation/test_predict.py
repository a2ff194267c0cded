"""Predictions on slices with their neighbours, and pixel counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from liverseg.analysis.metrics import counts, dice_global
from tests.train.sample_scans import LARGE, LIVER, SMALL, label_reading_network, write_dataset
from train.data.dataset import DatasetFolder
from train.evaluation.predict import (
    count_pixels,
    dice_scores,
    hu_stack,
    predictor,
    probabilities,
    slice_probabilities,
)

SCANS = {
    "a": {"split": "val", "slices": {0: LARGE, 1: SMALL, 2: LIVER}},
    "b": {"split": "val", "slices": {0: SMALL}},
}


@pytest.fixture
def slices(tmp_path):
    return DatasetFolder.open(write_dataset(tmp_path / "data", SCANS)).load("val")


def hu_of(slices, position):
    return slices.intensity.to_hu(slices.greys[position])


def test_neighbours_repeat_the_end_slices_of_a_scan(slices):
    assert [row.scan for row in slices.rows] == ["a", "a", "a", "b"]
    for position, neighbours in ((0, [0, 0, 1]), (1, [0, 1, 2]), (2, [1, 2, 2]), (3, [3, 3, 3])):
        hu = hu_stack(slices, position, (-1, 0, 1))
        assert hu.shape == (3, 64, 64) and hu.dtype == np.float32
        assert np.array_equal(hu, [hu_of(slices, neighbour) for neighbour in neighbours])


def test_a_predictor_gets_the_neighbours_or_repetitions_of_the_slice(slices):
    inputs = []

    def predict(hu):
        inputs.append(hu)
        return np.full((1, 3, 64, 64), 0.25, np.float32)

    organ, tumour = slice_probabilities(slices, 1, predict, 5)
    assert np.all(organ == 0.5) and np.all(tumour == 0.25)
    slice_probabilities(slices, 1, predict, 5, context=False)
    assert np.array_equal(inputs[0][0], [hu_of(slices, position) for position in (0, 0, 1, 2, 2)])
    assert np.array_equal(inputs[1][0], [hu_of(slices, 1)] * 5)


def test_flips_average_the_probabilities_with_those_of_the_mirror_image(slices):
    ramp = np.linspace(0, 1, 64, dtype=np.float32)

    def predict(hu):
        assert hu.flags.c_contiguous  # torch.from_numpy takes no negative strides
        tumour = (hu[:, 0] > 0) * ramp
        return np.stack([1 - tumour, 0 * tumour, tumour], axis=1)

    organ, tumour = slice_probabilities(slices, 1, predict, 1, flips=True)
    expected = (hu_of(slices, 1) > 0) * (ramp + ramp[::-1]) / 2
    assert np.allclose(tumour, expected) and np.array_equal(organ, tumour)


def test_pixels_are_counted_per_scan_for_each_threshold(slices):
    network = label_reading_network(sure=0.6, blind_to=[1])
    tables = count_pixels(slices, network, 1, thresholds=(0.3, 0.7))
    assert list(tables) == [0.3, 0.7]
    for threshold, tumour_label in ((0.3, 2), (0.7, 1)):
        for scan, labels in (("a", [LARGE, SMALL, LIVER]), ("b", [SMALL])):
            truth = np.stack(labels)
            prediction = np.where(truth == 2, tumour_label, truth)
            assert tables[threshold][scan] == counts(prediction, truth)
    positions = [position for position, _, _ in probabilities(slices, network, 1)]
    assert positions == [0, 1, 2, 3]


def test_pixels_of_undecided_labels_are_not_counted(tmp_path):
    organ_only = {"0": ["background"], "1": ["liver", "tumour"], "2": ["tumour"]}
    folder = write_dataset(tmp_path / "partial", {"a": {"split": "val", "slices": {0: SMALL}}},
                           label_values=organ_only)  # fmt: skip
    slices = DatasetFolder.open(folder).load("val")
    everything = np.broadcast_to(np.array([0, 0, 1], np.float32)[None, :, None, None], (1, 3, 64, 64))
    case = count_pixels(slices, lambda hu: everything, 1)[0.5]["a"]
    outside, small = 64 * 64 - 40 * 40, 6 * 6
    assert (case["liver"].tp, case["liver"].fp) == (40 * 40, outside)
    assert (case["tumour"].tp, case["tumour"].fp, case["tumour"].fn) == (small, outside, 0)


def test_dice_is_pooled_or_averaged_over_scans(slices):
    (table,) = count_pixels(slices, label_reading_network(blind_to=[2]), 1).values()
    table = table | {"c": counts(LARGE, LARGE)}
    scores = dice_scores(table)
    assert scores["liver_global"] == scores["liver_per_case"] == 1
    assert scores["tumour_per_case"] == pytest.approx(1 / 3)
    assert scores["tumour_global"] == dice_global([case["tumour"] for case in table.values()]) > 1 / 3


@pytest.mark.parametrize("module", [nn.Conv2d(2, 3, 1), nn.Softmax(1)])
def test_a_module_is_called_with_arrays_and_without_gradients(module):
    hu = np.random.default_rng(0).normal(size=(2, 2, 5, 4)).astype(np.float32)
    result = predictor(module)(hu)
    assert result.dtype == np.float32
    assert np.array_equal(result, module(torch.from_numpy(hu)).detach().numpy())
