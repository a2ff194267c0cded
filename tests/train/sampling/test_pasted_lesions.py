"""Lesions cut from slices and pasted into others: their values, sizes and places."""

import cv2
import numpy as np
import pytest

import train.sampling.samples
from liverseg.core.window import Window
from tests.train.sampling.views import ONE_WINDOW
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, ORGAN_BITS, TUMOUR_BIT, SliceRow, SlicesInMemory
from train.data.intensity import Intensity
from train.sampling import pasted_lesions
from train.sampling.augment import AugmentSettings
from train.sampling.channels import to_hu
from train.sampling.pasted_lesions import LesionBank, paste_lesions
from train.sampling.samples import Samples, SampleSettings, SampleSource

LESION = ((170, 200), (220, 260))
"""Rows and columns of the lesion of the scan "ill"."""

WIDE = Window(40, 400)


@pytest.fixture(scope="module")
def slices():
    """Three slices of the scan "ill" and one of "well", in HU of the window 40/400.

    The liver of "ill" is at 100 HU and its lesion, in the middle slice only, rises from 20 to 59 HU from left
    to right; another lesion has five pixels. The liver of "well" is at 130 HU with noise.
    """
    y, x = np.ogrid[:384, :384]
    liver = np.hypot(y - 190, x - 190) < 110
    rng = np.random.default_rng(0)
    greys, labels, rows = [], [], []
    for index in range(4):
        well = index == 3
        hu = np.where(liver, 130 + 5 * rng.standard_normal((384, 384)) if well else 100, -60).astype(float)
        bits = np.where(liver, LIVER_BIT, BACKGROUND_BIT).astype(np.uint8)
        if index == 1:
            hu[slice(*LESION[0]), slice(*LESION[1])] = 20 + np.arange(40)
            bits[slice(*LESION[0]), slice(*LESION[1])] = TUMOUR_BIT
            bits[250, 180:185] = TUMOUR_BIT
        greys.append(Intensity((WIDE,)).from_hu(hu))
        labels.append(bits)
        rows.append(SliceRow(f"s{index}", "well" if well else "ill", 0 if well else index, "train"))
    return SlicesInMemory("real", Intensity((WIDE,)), tuple(rows), greys, labels)


@pytest.fixture
def unchanged(monkeypatch):
    """One lesion a slice, pasted as it was cut, with a nearly hard edge."""
    for name in ("SCALES", "GAINS"):
        monkeypatch.setattr(pasted_lesions, name, (1.0, 1.0))
    for name in ("ANGLES_DEG", "SHIFTS_HU"):
        monkeypatch.setattr(pasted_lesions, name, (0.0, 0.0))
    monkeypatch.setattr(pasted_lesions, "EDGE_PX", (0.3, 0.3))
    monkeypatch.setattr(pasted_lesions, "COUNTS", (1,))


def pasted(slices, seed, position=3, offsets=(0,)):
    """HU before and after, and label bits before and after."""
    hu = to_hu([slices.greys[slices.neighbour(position, offset)] for offset in offsets], slices)
    bits = slices.labels[position]
    return hu, bits, *paste_lesions(hu, bits, LesionBank(slices), position, np.random.default_rng(seed))


def test_a_bank_holds_the_lesions_that_are_large_enough(slices):
    bank = LesionBank(slices)
    lesion = bank.draw(np.random.default_rng(0))
    assert len(bank) == 1 and lesion.position == 1 and lesion.mask.sum() == 30 * 40
    assert lesion.liver_hu == pytest.approx(100, abs=400 / 255 / 2)
    found = bank.cut(lesion, 1)
    assert found.shape == (*lesion.mask.shape, 3)
    assert np.median(found[..., 1][lesion.mask]) == pytest.approx(39.5, abs=1)
    assert np.allclose(found[..., 0][lesion.mask], 100, atol=1), "the neighbours show no lesion there"


def test_without_certain_tumours_a_bank_is_empty(slices):
    labels = [np.where(bits == TUMOUR_BIT, ORGAN_BITS, bits).astype(np.uint8) for bits in slices.labels]
    joint = SlicesInMemory("joint", slices.intensity, slices.rows, slices.greys, labels)
    assert not LesionBank(joint)


def test_a_pasted_lesion_has_its_contrast_to_the_new_liver(slices, unchanged):
    """20 to 59 HU in a liver at 100 HU become 50 to 89 HU in a liver at 130 HU."""
    whole = 0
    for seed in range(12):
        hu, bits, changed, labels = pasted(slices, seed)
        new = labels == TUMOUR_BIT
        assert new.any() and (bits[new] == LIVER_BIT).all() and ((labels != bits) == new).all()
        near = cv2.dilate(new.astype(np.uint8), np.ones((7, 7))) > 0
        assert np.array_equal(changed[~near], hu[~near])
        assert np.array_equal(changed[bits == BACKGROUND_BIT], hu[bits == BACKGROUND_BIT])
        (top, left), (bottom, right) = np.argwhere(new).min(axis=0), np.argwhere(new).max(axis=0) + 1
        if new.sum() > 1100 and (bits[top:bottom, left:right] == LIVER_BIT).all():  # not cut off
            whole += 1
            columns = changed[top + 3 : bottom - 3, left:right, 0].mean(axis=0)
            columns = columns if columns[3] < columns[-4] else columns[::-1]  # mirrored half of the time
            expected = 130 - 100 + 20 + np.arange(3, len(columns) - 3)
            assert columns[3:-3] == pytest.approx(expected, abs=2) and abs(len(columns) - 40) <= 1
    assert whole >= 4
    assert not (slices.labels[3] == TUMOUR_BIT).any(), "the input slice must not be changed"


def test_neighbouring_slices_show_the_neighbours_of_the_lesion(slices, unchanged):
    hu, _, changed, labels = pasted(slices, 0, offsets=(-1, 0, 1))
    new = cv2.erode((labels == TUMOUR_BIT).astype(np.uint8), np.ones((5, 5))) > 0
    assert changed.shape == hu.shape and new.any()
    assert changed[..., 1][new].mean() < 100
    for neighbour in (0, 2):
        assert changed[..., neighbour][new] == pytest.approx(130, abs=1), "healthy liver of the lesion's scan"


def test_turns_scale_gain_and_edge_change_a_lesion(slices, unchanged, monkeypatch):
    areas = {}
    for scale in (0.7, 1.4):
        monkeypatch.setattr(pasted_lesions, "SCALES", (scale, scale))
        areas[scale] = max((pasted(slices, seed)[3] == TUMOUR_BIT).sum() for seed in range(12))
        assert areas[scale] == pytest.approx(1200 * scale**2, rel=0.05)
    monkeypatch.setattr(pasted_lesions, "SCALES", (1.0, 1.0))
    monkeypatch.setattr(pasted_lesions, "GAINS", (0.5, 0.5))
    monkeypatch.setattr(pasted_lesions, "SHIFTS_HU", (10.0, 10.0))
    _, _, changed, labels = pasted(slices, 3)
    core = cv2.erode((labels == TUMOUR_BIT).astype(np.uint8), np.ones((5, 5))) > 0
    assert changed[..., 0][core].mean() == pytest.approx(130 + 0.5 * (39.5 - 100) + 10, abs=3)
    monkeypatch.setattr(pasted_lesions, "ANGLES_DEG", (90.0, 90.0))
    shapes = {
        tuple(np.ptp(np.argwhere(labels == TUMOUR_BIT), axis=0) + 1)
        for seed in range(12)
        for labels in [pasted(slices, seed)[3]]
        if (labels == TUMOUR_BIT).sum() > 1150
    }
    assert shapes and all(abs(h - 40) <= 1 and abs(w - 30) <= 1 for h, w in shapes), (
        "a quarter turn swaps rows and columns"
    )
    monkeypatch.setattr(pasted_lesions, "MOST_OF_LIVER", 0.01)
    areas = [(pasted(slices, seed)[3] == TUMOUR_BIT).sum() for seed in range(6)]
    assert max(areas) == pytest.approx(0.01 * np.pi * 110**2, rel=0.1)


def test_a_slice_does_not_get_its_own_lesion_again(slices):
    hu, bits, changed, labels = pasted(slices, 0, position=1)
    assert np.array_equal(hu, changed) and np.array_equal(bits, labels)
    bits = np.full((128, 128), BACKGROUND_BIT, np.uint8)
    hu = np.zeros((128, 128, 1), np.float32)
    changed, labels = paste_lesions(hu, bits, LesionBank(slices), 3, np.random.default_rng(0))
    assert changed is hu and labels is bits


def test_the_share_of_pasted_lesions_is_that_of_the_samples_with_lesions(slices, monkeypatch):
    calls = {"paste": 0, "paint": 0}

    def count(name):
        def added(hu, bits, *_):
            calls[name] += 1
            return hu, bits

        return added

    monkeypatch.setattr(train.sampling.samples, "paste_lesions", count("paste"))
    monkeypatch.setattr(train.sampling.samples, "paint_lesions", count("paint"))
    settings = SampleSettings(ONE_WINDOW, AugmentSettings(working_px=(48, 48), crop_px=32), pasted=0.25)
    samples = Samples([SampleSource(slices, 1.0, synthetic_lesions=0.5)], settings, 2)
    for number in range(800):
        samples[number]
    assert sum(calls.values()) / 800 == pytest.approx(0.5, abs=0.05)
    assert calls["paste"] / sum(calls.values()) == pytest.approx(0.25, abs=0.06)
