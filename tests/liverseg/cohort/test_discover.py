"""Scans and failures found in folders and lists, without Ray."""

from __future__ import annotations

import pyarrow
from pyarrow import parquet

from liverseg.cohort.discover import common_address, find_scans
from liverseg.io.read import read
from tests.liverseg.cohort.small_scans import write_nifti, write_series


def test_each_axial_series_of_a_study_is_a_scan_in_whatever_folders_its_files_are(tmp_path):
    folder = tmp_path / "in"
    first = write_series(folder / "x", 1, 1, "1.2.3")
    second = write_series(folder / "x", 2, 2, "1.2.3")
    moved = folder / "other" / second[0].name
    moved.parent.mkdir()
    second[0].rename(moved)
    scout = write_series(folder / "x", 3, 3, "1.2.3", slices=1)
    gap = write_series(folder / "gap", 4, 1, "9.9", slices=6)
    gap[2].unlink()
    (folder / "broken").write_bytes(bytes(128) + b"DICM" + b"\xff" * 300)
    inventory = find_scans(str(folder), b"1", tmp_path / "out")
    assert sorted(sorted(file.address for file in scan.files) for scan in inventory.scans) == sorted(
        [sorted(map(str, first)), sorted(map(str, [moved, *second[1:]]))]
    )
    failures = {
        common_address(failure.files): (failure.kind, failure.reason) for failure in inventory.failures
    }
    kind, reason = failures[str(scout[0])]
    assert kind == "left aside" and "lone slice" in reason
    kind, reason = failures[str(folder / "gap")]
    assert kind == "refused" and "missing" in reason
    assert failures[str(folder / "broken")][0] == "refused"
    assert all("DOE" not in reason and "in/" not in reason for _, reason in failures.values())
    for scan in inventory.scans:  # the shape from the headers is that of the volume that is read
        assert read([file.address for file in scan.files]).shape == scan.shape


def test_results_inside_the_source_folder_are_not_inputs(tmp_path):
    write_nifti(tmp_path / "ct.nii", 1)
    write_nifti(tmp_path / "out" / "scans" / "labels.nii.gz", 1)
    assert len(find_scans(str(tmp_path), b"1", tmp_path / "out").scans) == 1


def test_a_list_selects_files_and_numbered_series(tmp_path):
    write_series(tmp_path / "two", 1, 1, "1.2")
    write_series(tmp_path / "two", 2, 7, "1.2")
    write_nifti(tmp_path / "a.nii.gz", 3)
    rows = {"path": ["a.nii.gz", "two", "two", "a.nii.gz"], "series": [None, 2, 5, None]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "list.parquet")
    inventory = find_scans(str(tmp_path / "list.parquet"), b"1", tmp_path / "out")
    assert sorted(len(scan.files) for scan in inventory.scans) == [1, 4]
    series = next(scan for scan in inventory.scans if len(scan.files) > 1)
    assert {file.address[-2:] for file in series.files} == {"_7"}
    assert [failure.reason for failure in inventory.failures] == ["There is no CT series 5 in the input."]
