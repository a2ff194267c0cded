"""Datasets, sampling and painted lesions."""

import dataclasses

import cv2
import numpy as np
import pytest

from liverseg.core.window import Window, from_unit
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, ORGAN_BITS, TUMOUR_BIT, DatasetFolder
from train.errors import TrainError
from train.sampling import synthetic_lesions
from train.sampling.samples import Source, samplers_of
from train.sampling.slice_sampler import SamplingShares, SliceSampler
from train.sampling.synthetic_lesions import paint_lesions


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


def test_partial_labels_and_unknown_values_keep_the_question_open(tmp_path, write_discs):
    data = write_discs(tmp_path / "partial", label_values={"0": ["background"], "1": ["liver", "tumour"]})
    bits = data.load("train").labels[1]
    assert bits[48, 20] == ORGAN_BITS
    assert bits[50, 44] == BACKGROUND_BIT | ORGAN_BITS  # value 2 is not in label_values


def test_a_folder_that_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(TrainError, match="no dataset"):
        DatasetFolder.open(tmp_path)


def test_sampler_draws_each_kind_of_slice_as_often_as_asked(discs):
    train = discs.load("train")
    assert not train.shows_organ.all()
    sampler = SliceSampler(train, SamplingShares(liver_free=0.2, tumour=1.0))
    rng = np.random.default_rng(0)
    drawn = np.array([sampler.draw(rng) for _ in range(4000)])
    assert (~train.shows_organ[drawn]).mean() == pytest.approx(0.2, abs=0.02)
    assert train.shows_tumour[drawn].mean() == pytest.approx(0.8, abs=0.02)


def test_liver_free_share_holds_over_datasets_of_which_one_has_no_such_slice(discs):
    train = discs.load("train")
    liver_only = replace_slices(train, train.shows_organ)
    sources = [Source(train, 0.6), Source(liver_only, 0.4)]
    rng = np.random.default_rng(0)
    samplers = samplers_of(sources, SamplingShares(liver_free=0.2))
    draws = rng.choice(2, 6000, p=[0.6, 0.4])
    free = [not sources[i].slices.shows_organ[samplers[i].draw(rng)] for i in draws]
    assert np.mean(free) == pytest.approx(0.2, abs=0.02)
    assert samplers_of([Source(liver_only, 1.0)])[0].shares.liver_free == 0


def replace_slices(slices, kept):
    """Only the slices where `kept` is true."""
    chosen = np.flatnonzero(kept)
    return dataclasses.replace(
        slices,
        rows=tuple(slices.rows[i] for i in chosen),
        greys=[slices.greys[i] for i in chosen],
        labels=[slices.labels[i] for i in chosen],
    )


def test_painted_lesions_stay_in_the_liver_and_change_what_they_cover(discs, monkeypatch):
    monkeypatch.setattr(synthetic_lesions, "OUTGROWING_SHARE", 0.0)
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


def test_a_lesion_that_grows_out_of_the_liver_stays_near_it(monkeypatch):
    monkeypatch.setattr(synthetic_lesions, "OUTGROWING_SHARE", 1.0)
    monkeypatch.setattr(synthetic_lesions, "RADII_PX", (20.0, 32.0))
    y, x = np.ogrid[:512, :512]
    from_liver = np.hypot(y - 256, x - 200) - 90
    bits = np.where(from_liver < 0, LIVER_BIT, BACKGROUND_BIT).astype(np.uint8)
    hu = np.where(bits == LIVER_BIT, 110, -100).astype(np.float32)[..., None]
    beyond = []
    for seed in range(12):
        changed, labels = paint_lesions(hu, bits, np.random.default_rng(seed))
        bulge = (labels == TUMOUR_BIT) & (bits == BACKGROUND_BIT)
        assert from_liver[labels == TUMOUR_BIT].max() <= synthetic_lesions.BULGE_PX[1]
        assert not bulge.any() or np.median(changed[bulge]) > 0, "tumour, not the fat that was there"
        beyond.append(bulge.sum())
    assert sum(pixels > 50 for pixels in beyond) >= 6
