"""The tables of candidate lesions and of reference lesions."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from liverseg.core.lesion_model import FEATURES
from tests.train.sample_scans import LIVER, box, label_reading_network, reading_segmenter, write_dataset
from train.data.dataset import DatasetFolder
from train.evaluation.candidates import (
    CANDIDATE_COLUMNS,
    REFERENCE_COLUMNS,
    counts,
    reference_file,
    scan_candidates,
    write_tables,
)
from train.evaluation.scans import scans_of

TWO = box((40, 44), (30, 34), 2, box((20, 30), (14, 24), 2, LIVER))
SLICES = {3: LIVER, 5: box((20, 30), (14, 24), 2, LIVER), 7: TWO, 9: LIVER}
"""A lesion of 100 pixels in slices 5 and 7, and one of 16 pixels in slice 7."""


def invents_and_misses(hu):
    """Moves the large lesion 5 rows down, misses the small one and adds one of 4 pixels to every slice."""
    found = label_reading_network(0.9)(hu)
    sure_liver, sure_tumour = np.array([0.05, 0.9, 0.05]), np.array([0.0, 0.2, 0.8])
    large = found[:, 2, 20:30, 14:24] > 0.5
    found[:, :, 40:44, 30:34] = sure_liver[:, None, None]
    if large.all():
        found[:, :, 20:25, 14:24] = sure_liver[:, None, None]
        found[:, :, 25:35, 14:24] = sure_tumour[:, None, None]
    found[:, :, 12:14, 40:42] = sure_tumour[:, None, None]
    return found.astype(np.float32)


def the_scan(folder, slices=SLICES, label_values=None):
    data = write_dataset(folder / "data", {"a": {"split": "val", "slices": slices}}, None, label_values)
    return next(scans_of(DatasetFolder.open(data), "val"))


def test_candidates_of_a_volume_are_matched_with_reference_lesions(tmp_path):
    tables = scan_candidates(the_scan(tmp_path), reading_segmenter(invents_and_misses), 0.5, "volume", 2)
    false, real = tables.candidates
    assert (false["index"], false["voxels"], false["slices"], false["real"]) == (3, 16, "4", 0)
    assert (real["index"], real["voxels"], real["real"]) == (5, 200, 1)
    assert float(real["overlap"]) == 0.5 and float(false["overlap"]) == 0
    assert float(real["peak_probability"]) == pytest.approx(0.8, abs=1e-3)
    assert float(real["share_of_liver"]) == pytest.approx(200 / (4 * 1600))
    assert {row["candidates"] for row in tables.candidates} == {"2"}
    assert [(row["voxels"], row["slices"], row["touched_by"]) for row in tables.lesions] == [
        (200, 2, "1"),
        (16, 1, ""),
    ]
    assert {(row["scan"], row["fold"], row["mode"]) for row in tables.candidates} == {("a", 2, "volume")}
    assert list(counts(tables, "volume")) == [2, 1, 2, 1] and list(counts(tables, "slice")) == [0] * 4


def test_slices_are_segmented_as_pictures_of_their_own(tmp_path):
    tables = scan_candidates(the_scan(tmp_path), reading_segmenter(invents_and_misses), 0.5, "slice")
    assert [(row["index"], row["voxels"], row["real"]) for row in tables.candidates] == [
        (3, 4, 0), (5, 4, 0), (5, 100, 1), (7, 4, 0), (7, 100, 1), (9, 4, 0),
    ]  # fmt: skip
    assert [(row["index"], row["voxels"], row["touched_by"]) for row in tables.lesions] == [
        (5, 100, "1"), (7, 100, "1"), (7, 16, ""),
    ]  # fmt: skip
    assert {row["fold"] for row in tables.candidates} == {""}


def test_a_candidate_in_undecided_pixels_is_neither_real_nor_false(tmp_path):
    either = {"0": ["background"], "1": ["liver"], "2": ["liver", "tumour"]}
    tables = scan_candidates(
        the_scan(tmp_path, label_values=either), reading_segmenter(invents_and_misses), 0.5, "volume"
    )
    assert [(row["real"], float(row["unknown"])) for row in tables.candidates] == [(0, 0.0), ("", 0.5)]
    assert tables.lesions == []


def test_slices_of_different_sizes_have_no_volume_rows(tmp_path):
    scan = the_scan(tmp_path, {0: LIVER, 1: np.pad(LIVER, ((0, 16), (0, 0)))})
    segmenter = reading_segmenter(invents_and_misses)
    assert scan_candidates(scan, segmenter, 0.5, "volume").candidates == []
    assert len(scan_candidates(scan, segmenter, 0.5, "slice").candidates) == 2


def test_both_tables_are_written(tmp_path):
    tables = scan_candidates(the_scan(tmp_path), reading_segmenter(invents_and_misses), 0.5, "volume")
    out = tmp_path / "new" / "candidates.csv"
    write_tables(out, tables)
    for path, columns, rows in (
        (out, CANDIDATE_COLUMNS, tables.candidates),
        (reference_file(out), REFERENCE_COLUMNS, tables.lesions),
    ):
        with path.open(newline="") as lines:
            read = list(csv.DictReader(lines))
        assert list(read[0]) == list(columns)
        assert read == [{key: str(value) for key, value in row.items()} for row in rows]
    assert set(FEATURES) <= set(CANDIDATE_COLUMNS)
