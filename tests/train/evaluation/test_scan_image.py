"""A scan of a dataset as a CT image."""

from __future__ import annotations

import numpy as np
import pytest

from tests.train.sample_scans import EMPTY, GREYS, LIVER, write_dataset
from train.data.dataset import DatasetFolder
from train.evaluation.scan_image import not_a_volume, scan_image, stack_spacing
from train.evaluation.scans import scans_of


def scans(folder, spacing=None, slices=None):
    slices = slices or {0: LIVER, 2: LIVER, 4: EMPTY, 16: EMPTY}
    data = write_dataset(folder / "data", {"a": {"split": "val", "slices": slices}}, spacing)
    return next(scans_of(DatasetFolder.open(data), "val"))


def test_the_image_holds_the_slices_in_order_in_hu(tmp_path):
    scan = scans(tmp_path)
    image = scan_image(scan)
    assert image.shape == (4, 64, 64) and image.kind == "volume"
    assert image.spacing_mm is None and image.spacing_source == "unknown"
    assert image.hu[0, 20, 20] == pytest.approx(-160 + 400 * GREYS[1] / 255)
    assert image.hu[2, 20, 20] == pytest.approx(-160 + 400 * GREYS[0] / 255)
    alone = scan_image(scan, 1)
    assert alone.kind == "slice" and np.array_equal(alone.hu, image.hu[1:2])


def test_the_distance_of_slices_counts_those_left_out(tmp_path):
    scan = scans(tmp_path, spacing=[1.5, 0.7, 0.8])
    assert stack_spacing(scan) == (3.0, 0.7, 0.8), "the median step is 2"
    assert scan_image(scan).spacing_source == "dataset.json"


def test_a_scan_that_is_no_volume_says_why(tmp_path):
    assert not_a_volume(scans(tmp_path / "one")) == ""
    assert "differ in size" in not_a_volume(scans(tmp_path / "two", slices={0: LIVER, 1: LIVER[:48]}))
    assert "single slice" in not_a_volume(scans(tmp_path / "three", slices={0: LIVER}))
    assert "too small" in not_a_volume(scans(tmp_path / "four", slices={0: LIVER[:48], 1: LIVER[:48]}))
