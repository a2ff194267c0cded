"""Rows of `slices.csv` and `scans.csv`."""

import csv
import io
from dataclasses import replace

import pytest

from tests.train.data.prepare.sample_record import RECORD
from train.data.prepare.tables import scan_row, scans_csv, slices_csv


def test_volumes_and_shares_follow_from_voxels_and_spacing():
    record = replace(RECORD, organ_voxels=4, liver_voxels=3, tumour_voxels=1, largest_lesion_voxels=1)
    row = scan_row(record, "train", "a")
    assert row["organ_ml"] == pytest.approx(4 * 5 * 0.8 * 0.8 / 1000)
    assert row["largest_lesion_ml"] == row["tumour_ml"] == pytest.approx(row["organ_ml"] / 4)
    assert row["tumour_share_of_organ"] == 1 / 4 and row["organ_share_of_scan"] == 4 / 64


def test_unknown_values_are_empty_and_floats_have_six_digits():
    unknown = replace(RECORD, spacing_mm=None, lesions=None, largest_lesion_voxels=None, liver_hu_mean=1 / 3)
    (row,) = csv.DictReader(io.StringIO(scans_csv([scan_row(unknown, "val", "")])))
    assert row["liver_hu_mean"] == "0.333333"
    empty = {"group", "organ_ml", "liver_ml", "tumour_ml", "lesions", "largest_lesion_voxels"}
    empty |= {"largest_lesion_ml", "spacing_slice_mm", "spacing_row_mm", "spacing_column_mm", "reoriented"}
    assert {key for key, value in row.items() if value == ""} == empty


def test_each_slice_has_a_row_with_the_split_of_its_scan():
    text = slices_csv([RECORD], {"7": "val"})
    assert text == "slice,scan,index,split,liver_px,tumour_px\nscan-7_slice-000,7,0,val,4,0\n"
