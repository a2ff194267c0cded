"""Scans of pictures in all eight orientations."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.plausibility.orientation_check import TRANSFORMS
from tests.phantoms import make
from train.data.prepare import picture_orientation
from train.data.prepare.picture_orientation import best_turn, turned_upright
from train.data.prepare.scans import LoadedScan
from train.data.prepare.volumes import Volume
from train.errors import TrainError


@pytest.fixture(scope="module")
def upright():
    """HU and labels (5, 256, 256) of five phantoms."""
    made = [make("slice", seed=seed, size=256) for seed in range(5)]
    return np.stack([one.hu[0] for one in made]), np.stack([one.labels[0] for one in made])


def scan_of(hu, labels):
    return LoadedScan(Volume(np.ascontiguousarray(hu)), np.ascontiguousarray(labels), tuple(range(len(hu))))


@pytest.mark.parametrize("turn", [None, *TRANSFORMS])
def test_a_scan_is_turned_upright_from_any_orientation(upright, turn):
    hu, labels = upright
    change = TRANSFORMS[turn] if turn else (lambda plane: plane)
    scan = scan_of([change(plane) for plane in hu], [change(plane) for plane in labels])
    found = turned_upright(scan)
    assert np.array_equal(found.labels, labels) and np.array_equal(found.volume.stored, hu)
    assert found.labels.flags.c_contiguous
    assert bool(found.reoriented) == bool(turn)
    assert len(found.volume.warnings) == bool(turn)
    if turn:
        assert found.reoriented in found.volume.warnings[0]


def test_an_unclear_orientation_is_refused_and_a_doubtful_one_kept(upright, monkeypatch):
    scan = scan_of(*upright)
    for gain, refused in ((0.9, False), (1.2, True)):
        monkeypatch.setattr(picture_orientation, "best_turn", lambda _, gain=gain: ("by 90°", gain))
        if refused:
            with pytest.raises(TrainError, match="by 90°.*--keep-orientation"):
                turned_upright(scan)
        else:
            assert turned_upright(scan) is scan


def test_a_scan_without_liver_is_kept(upright):
    hu, labels = upright
    scan = scan_of(hu[:, ::-1], np.zeros_like(labels))
    assert turned_upright(scan) is scan


def test_only_slices_with_liver_decide(upright):
    hu, labels = upright
    labels = labels.copy()
    labels[1:] = 0
    turned = scan_of([hu[0][::-1], *hu[1:]], [labels[0][::-1], *labels[1:]])
    name, gain = best_turn(turned)
    assert name == "upside down" and gain > picture_orientation.TURNED
