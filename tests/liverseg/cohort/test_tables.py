"""The tables of a cohort in CSV and Parquet."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from pyarrow import parquet

from liverseg.analysis.measure import measure
from liverseg.cohort.result_store import Store
from liverseg.cohort.tables import LESION_COLUMNS, SCAN_COLUMNS, lesion_rows, scan_row, write_tables
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.io.read import read
from tests.liverseg.cohort.small_scans import SPACING_MM, write_nifti
from tests.liverseg.lesion_scenes import LIKELY_P, LIKELY_VOXELS, UNSURE_P, UNSURE_VOXELS, decided

VOXEL_ML = np.prod(SPACING_MM) / 1000


@pytest.fixture
def report(tmp_path):
    """Two lesions of 200 and 36 voxels in a liver of 1764 voxels without them."""
    ct = read(write_nifti(tmp_path / "ct.nii", 1))
    labels = np.zeros(ct.shape, np.uint8)
    labels[1, 20:60, 20:70] = 1
    labels[1, 25:35, 25:45] = 2
    labels[1, 50:56, 60:66] = 2
    p = np.zeros(ct.shape, np.float16)
    seg = Segmentation(labels, p, p, 0.5, CheckpointIdentity("a@1", "0" * 64, "x"), "torch")
    return measure(ct, seg)


def test_rows_hold_the_sizes_of_the_report(report):
    row = scan_row("key", report, {"read_s": 0.5})
    assert set(row) <= set(SCAN_COLUMNS)
    assert (row["liver_count"], row["tumour_count"], row["lesions"]) == (1764, 236, 2)
    assert row["tumour_ml"] == pytest.approx(236 * VOXEL_ML) and row["read_s"] == 0.5
    assert row["tumour_share_of_liver"] == pytest.approx(236 / 2000)
    assert (row["slices"], row["slice_spacing_mm"]) == (4, 5.0)
    lesions = lesion_rows("key", report)
    assert [set(lesion) for lesion in lesions] == [set(LESION_COLUMNS)] * 2
    assert [lesion["voxels"] for lesion in lesions] == [200, 36]
    assert row["longest_diameter_mm"] == max(lesion["longest_diameter_mm"] for lesion in lesions)
    assert [lesion["measurable"] for lesion in lesions] == [True, False]


def test_csv_and_parquet_hold_the_same_rows(report, tmp_path):
    store = Store.create(tmp_path / "out", "0")
    for key in ("k1", "k2"):
        row = {"scan": scan_row(key, report, {}), "lesions": lesion_rows(key, report)}
        with store.staged(key) as stage:
            (stage / "row.json").write_text(json.dumps(row))
    failures = [{"input": "x", "kind": "refused", "reason": "a, b", "attempts": 1}]
    write_tables(store, ["k1", "k2", "missing"], failures)
    for name, count in (("scans", 2), ("lesions", 4)):
        typed = parquet.read_table(store.folder / f"{name}.parquet").to_pylist()
        with (store.folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            plain = list(csv.DictReader(stream))
        assert len(typed) == len(plain) == count
        for values, cells in zip(typed, plain, strict=True):
            assert {key: "" if value is None else str(value) for key, value in values.items()} == {
                key: cell.capitalize() if cell in ("true", "false") else cell for key, cell in cells.items()
            }
    assert (store.folder / "failures.csv").read_text() == ('input,kind,reason,attempts\nx,refused,"a, b",1\n')
    assert not list(store.folder.glob(".*.part"))


def test_likely_and_unsure_lesions_are_counted_apart():
    found = measure(*decided())
    row = scan_row("key", found, {})
    assert (row["lesions"], row["tumour_count"]) == (1, LIKELY_VOXELS)
    assert (row["unsure_lesions"], row["unsure_count"], row["lesion_cut"]) == (1, UNSURE_VOXELS, 0.5)
    assert row["unsure_ml"] == pytest.approx(UNSURE_VOXELS * 0.0032) and row["unsure_mm2"] is None
    assert row["longest_diameter_mm"] == pytest.approx(found.lesions[0].longest_diameter_mm, abs=1e-6)
    lesions = lesion_rows("key", found)
    assert [lesion["likely"] for lesion in lesions] == [True, False]
    assert [lesion["lesion_probability"] for lesion in lesions] == pytest.approx(
        [LIKELY_P, UNSURE_P], abs=1e-6
    )


def test_without_a_model_no_lesion_is_unsure(report):
    row = scan_row("key", report, {})
    assert (row["unsure_lesions"], row["unsure_count"], row["lesion_cut"]) == (0, 0, None)
    assert [lesion["likely"] for lesion in lesion_rows("key", report)] == [True, True]
