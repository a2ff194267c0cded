"""Lesions drawn as numbers and painted in batches, compared with those that the loader paints."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT
from train.sampling.augment import OrganPixels
from train.sampling.lesions_device import COLUMNS, draw_lesions, grown, no_lesions, paint_lesions
from train.sampling.slice_facts import SliceFacts
from train.sampling.synthetic_lesions import paint_lesions as paint_on_cpu

SIZE, LIVER_HU = 128, 100.0


@pytest.fixture(scope="module")
def liver():
    """Label bits of a round liver."""
    bits = np.full((SIZE, SIZE), BACKGROUND_BIT, np.uint8)
    cv2.circle(bits, (64, 64), 40, int(LIVER_BIT), -1)
    return bits


def facts_of_liver(bits):
    depth_px = cv2.distanceTransform((bits == LIVER_BIT).astype(np.uint8), cv2.DIST_L2, 3)
    centres = np.flatnonzero(depth_px > 2)
    edge = np.flatnonzero((depth_px > 2) & (depth_px < 5))
    return SliceFacts(OrganPixels(bits.shape, lambda: centres), LIVER_HU, centres, edge)


def painted(bits, lesions, seeds=None):
    """HU and bits (N, H, W) after painting (N, lesions, parameters) into a liver of even 100 HU."""
    count = len(lesions)
    hu = torch.full((count, 1, SIZE, SIZE), -50.0)
    hu[:, 0, torch.from_numpy(bits == LIVER_BIT)] = LIVER_HU
    labels = torch.from_numpy(bits).repeat(count, 1, 1)
    seeds = torch.arange(count) if seeds is None else seeds
    paint_lesions(hu, labels, torch.from_numpy(np.stack(lesions)), seeds)
    return hu[:, 0].numpy(), labels.numpy()


def lesion(**parameters):
    lesions = no_lesions()
    plain = {"radius_px": 12, "row": 64, "column": 64, "softness": 0.1, "liver_hu": LIVER_HU, "hu": 60}
    for name, value in (plain | parameters).items():
        lesions[0, COLUMNS.index(name)] = value
    return lesions


def test_a_round_lesion_has_its_radius_and_its_attenuation(liver):
    hu, bits = painted(liver, [lesion()])
    area = np.count_nonzero(bits == TUMOUR_BIT)
    assert area == pytest.approx(np.pi * 12**2, rel=0.05)
    assert hu[0, 64, 64] == pytest.approx(60) and hu[0, 64, 64 + 20] == LIVER_HU
    assert ((bits == TUMOUR_BIT) <= (hu < LIVER_HU - 15)).all()


def test_a_lesion_stays_inside_or_bulges_by_at_most_its_distance(liver):
    inside, bulging = lesion(column=64 + 36), lesion(column=64 + 36, bulge_px=6)
    _, bits = painted(liver, [inside, bulging])
    distance_px = cv2.distanceTransform((liver != LIVER_BIT).astype(np.uint8), cv2.DIST_L2, 5)
    assert distance_px[bits[0] == TUMOUR_BIT].max() == 0
    assert 4 < distance_px[bits[1] == TUMOUR_BIT].max() <= 6.6


def test_rim_core_grain_and_texture(liver):
    plain = painted(liver, [lesion()])[0][0]
    rim = painted(liver, [lesion(rim_hu=30)])[0][0] - plain
    core = painted(liver, [lesion(core_hu=30)])[0][0] - plain
    assert rim[64, 64 + 11] > 20 and abs(rim[64, 64]) < 1
    assert core[64, 64] == pytest.approx(-30) and abs(core[64, 64 + 10]) < 1
    one, two, other = painted(liver, [lesion(grain_hu=30)] * 3, torch.tensor([5, 5, 6]))[0]
    assert np.array_equal(one, two) and not np.array_equal(one, other)
    assert 1 < (one - plain)[58:70, 58:70].std() < 8


def test_distances_are_those_of_a_circle_within_a_tenth():
    mask = torch.zeros(2, 81, 81, dtype=torch.bool)
    mask[:, 40, 40] = True
    reached = grown(mask, torch.tensor([0.0, 16.0]))
    y, x = np.mgrid[:81, :81]
    distance_px = np.hypot(y - 40, x - 40)
    assert reached[0].sum() == 1
    assert (distance_px < 16 * 0.9)[~reached[1].numpy()].sum() == 0
    assert distance_px[reached[1].numpy()].max() <= 16 * 1.1


def test_lesions_are_as_large_as_many_and_as_dark_as_those_of_the_loader(liver):
    facts, count = facts_of_liver(liver), 160
    drawn = [draw_lesions(facts, LIVER_HU, np.random.default_rng(seed)) for seed in range(count)]
    hu, bits = painted(liver, drawn)
    reference = np.where(liver == LIVER_BIT, np.float32(LIVER_HU), np.float32(-50))[..., None]
    by_loader = [paint_on_cpu(reference, liver, np.random.default_rng(seed)) for seed in range(count)]
    ours = (bits == TUMOUR_BIT).sum(axis=(1, 2))
    theirs = np.array([(labels == TUMOUR_BIT).sum() for _, labels in by_loader])
    assert np.sqrt(ours).mean() == pytest.approx(np.sqrt(theirs).mean(), rel=0.2)
    outside = [(ours_ == TUMOUR_BIT) & (liver != LIVER_BIT) for ours_ in bits]
    assert any(mask.any() for mask in outside)
    contrast = [values[labels == TUMOUR_BIT].mean() for values, labels in zip(hu, bits, strict=True)]
    loader = [values[..., 0][labels == TUMOUR_BIT].mean() for values, labels in by_loader]
    assert np.median(contrast) == pytest.approx(np.median(loader), abs=8)
    numbers = [(lesions[:, 0] > 0).sum() for lesions in drawn]
    assert max(numbers) == 9 and 2 < np.mean(numbers) < 3.8


def test_too_small_a_liver_gets_no_lesion():
    none = np.zeros(0, np.int32)
    facts = SliceFacts(OrganPixels((SIZE, SIZE), lambda: none), 0.0, none, none)
    assert not draw_lesions(facts, 0.0, np.random.default_rng(0)).any()
