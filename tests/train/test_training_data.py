"""Datasets, sampling, augmentation, painted lesions and the loss for sets of labels."""

import json

import cv2
import numpy as np
import pytest
import torch

from liverseg.windowing import Window, from_unit
from train.augment import AugmentSettings, intensity, sampling_map, warp
from train.dataset import BACKGROUND_BIT, LIVER_BIT, ORGAN_BITS, TUMOUR_BIT, DatasetFolder
from train.errors import TrainError
from train.losses import segmentation_loss
from train.samples import Samples, Source
from train.sampling import SamplingShares, SliceSampler
from train.synthetic_lesions import paint_lesions


def write_dataset(folder, scans=3, slices=4, label_values=None, size=96):
    """A small dataset: a bright disc for the liver in the middle slices, a tumour in scan 0 only."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    lines = ["slice,scan,index,split"]
    for scan in range(scans):
        for index in range(slices):
            name = f"s{scan}_{index}"
            grey, label = np.full((size, size), 20 + scan, np.uint8), np.zeros((size, size), np.uint8)
            if 0 < index < slices - 1:
                cv2.circle(label, (40, 48), 26, 1, -1)
                if scan == 0:
                    cv2.circle(label, (44, 50), 7, 2, -1)
            grey[label == 1], grey[label == 2] = 160, 110
            cv2.imwrite(str(folder / "images" / f"{name}.png"), grey)
            cv2.imwrite(str(folder / "labels" / f"{name}.png"), label)
            lines.append(f"{name},{scan},{index},{'val' if scan == 2 else 'train'}")
    (folder / "slices.csv").write_text("\n".join(lines) + "\n")
    about = {
        "name": "discs",
        "licence": "Apache-2.0",
        "citation": "none",
        "intensity": {"kind": "window", "center_hu": 60, "width_hu": 200, "bits": 8},
        "label_values": label_values or {"0": ["background"], "1": ["liver"], "2": ["tumour"]},
    }
    (folder / "dataset.json").write_text(json.dumps(about))
    return DatasetFolder.open(folder)


@pytest.fixture
def discs(tmp_path):
    return write_dataset(tmp_path / "discs")


def test_split_is_by_scan_and_labels_become_bits(discs):
    train, val = discs.load("train"), discs.load("val")
    assert {row.scan for row in train.rows} == {"0", "1"} and {row.scan for row in val.rows} == {"2"}
    assert set(np.unique(train.labels[1])) == {BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT}
    assert train.shows_tumour.tolist() == [False, True, True, False] + [False] * 4
    assert train.shows_organ.tolist() == [False, True, True, False] * 2


def test_neighbours_stay_in_the_scan_and_repeat_at_its_ends(discs):
    train = discs.load("train")
    assert [train.neighbour(3, offset) for offset in (-1, 0, 1)] == [2, 3, 3]
    assert [train.neighbour(4, offset) for offset in (-2, -1, 1, 2)] == [4, 4, 5, 6]


def test_partial_labels_and_unknown_values_keep_the_question_open(tmp_path):
    data = write_dataset(tmp_path / "partial", label_values={"0": ["background"], "1": ["liver", "tumour"]})
    bits = data.load("train").labels[1]
    assert bits[48, 20] == ORGAN_BITS
    assert bits[50, 44] == BACKGROUND_BIT | ORGAN_BITS  # value 2 is not in label_values


def test_a_folder_that_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(TrainError, match="no dataset"):
        DatasetFolder.open(tmp_path)


def test_sampler_draws_tumour_slices_as_often_as_asked(discs):
    train = discs.load("train")
    sampler = SliceSampler(train, SamplingShares(tumour_slices=0.5, organ_slices=1.0))
    rng = np.random.default_rng(0)
    drawn = np.array([sampler.draw(rng) for _ in range(2000)])
    share = train.shows_tumour[drawn].mean()
    assert share == pytest.approx(0.5 + 0.5 * 0.5, abs=0.04)  # and half of the rest, by scan
    assert train.shows_organ[drawn].all()


def test_samples_are_the_same_by_number_and_differ_from_each_other(discs):
    source = Source(discs.load("train"), 1.0, synthetic_lesions=0.5)
    settings = AugmentSettings(working_px=(80, 120), crop_px=64)
    samples = Samples([source], Window(60, 200), settings, seed=3, count=20)
    again = Samples([source], Window(60, 200), settings, seed=3, count=20)
    for number in (0, 7):
        for a, b in zip(samples[number], again[number], strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(samples[0][0], samples[1][0])
    image, bits = samples[5]
    assert image.shape == (3, 64, 64) and image.dtype == torch.float32
    assert bits.shape == (64, 64) and bits.dtype == torch.uint8
    assert 0 <= image.min() and image.max() <= 1


def test_geometry_moves_image_and_labels_together(discs):
    train = discs.load("train")
    unit = (train.greys[1].astype(np.float32) / 255)[..., None]
    rng = np.random.default_rng(5)
    settings = AugmentSettings(working_px=(90, 110), crop_px=96)
    for _ in range(20):
        grid = sampling_map(unit.shape[:2], train.labels[1], settings, rng)
        image, labels = warp(unit, train.labels[1], grid)
        bright = image[..., 0] > 0.5  # liver is 160, everything else at most 110
        liver = labels == LIVER_BIT
        assert (bright & liver).sum() >= 0.9 * max(liver.sum(), 1) - 30


def test_intensity_stays_in_the_window_and_keeps_lone_channels_alike():
    rng = np.random.default_rng(0)
    unit = np.repeat(np.random.default_rng(1).random((32, 32, 1), np.float32), 1, axis=2)
    for _ in range(20):
        changed = intensity(unit, rng)
        assert changed.shape == (32, 32, 1) and changed.dtype == np.float32
        assert 0 <= changed.min() and changed.max() <= 1


def test_painted_lesions_stay_in_the_liver_and_change_what_they_cover(discs):
    train = discs.load("train")
    bits = cv2.resize(train.labels[5], (384, 384), interpolation=cv2.INTER_NEAREST)
    grey = cv2.resize(train.greys[5], (384, 384), interpolation=cv2.INTER_NEAREST)
    hu = from_unit(grey.astype(np.float32)[..., None] / 255, Window(60, 200))
    painted = 0
    for seed in range(10):
        changed, labels = paint_lesions(hu, bits, np.random.default_rng(seed))
        new = labels == TUMOUR_BIT
        painted += new.any()
        assert ((labels != bits) <= new).all() and (bits[new] == LIVER_BIT).all()
        assert np.array_equal(changed[bits == BACKGROUND_BIT], hu[bits == BACKGROUND_BIT])
        if new.any():
            assert np.abs(changed[new] - hu[new]).mean() > 3
    assert painted == 10
    assert not (bits == TUMOUR_BIT).any(), "the slice in memory must not be painted over"


def logits_for(probabilities):
    return torch.log(torch.tensor(probabilities))[None, :, None, None].expand(1, 3, 4, 4).contiguous()


def test_loss_asks_nothing_where_the_label_is_open_and_sums_where_it_is_partial():
    anything = torch.full((1, 4, 4), BACKGROUND_BIT | ORGAN_BITS, dtype=torch.uint8)
    assert segmentation_loss(logits_for([0.2, 0.3, 0.5]), anything) == pytest.approx(0, abs=1e-5)
    organ = torch.full((1, 4, 4), ORGAN_BITS, dtype=torch.uint8)
    split_one_way = segmentation_loss(logits_for([0.1, 0.8, 0.1]), organ)
    split_other_way = segmentation_loss(logits_for([0.1, 0.1, 0.8]), organ)
    assert split_one_way == pytest.approx(split_other_way.item(), abs=1e-5)
    assert segmentation_loss(logits_for([0.8, 0.1, 0.1]), organ) > split_one_way + 1


def test_loss_falls_towards_the_truth():
    truth = torch.full((1, 4, 4), BACKGROUND_BIT, dtype=torch.uint8)
    truth[0, :2] = LIVER_BIT
    truth[0, 0, 0] = TUMOUR_BIT
    logits = torch.zeros(1, 3, 4, 4, requires_grad=True)
    before = segmentation_loss(logits, truth)
    before.backward()
    assert segmentation_loss(logits.detach() - logits.grad, truth) < before
