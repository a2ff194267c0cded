"""Scans and failures found in folders and lists, without Ray."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pyarrow
import pydicom
import SimpleITK
from pyarrow import parquet

from fuzzing.inputs import hostile
from liverseg.cohort import discover
from liverseg.cohort.discover import common_address, find_scans
from liverseg.cohort.memory import header_shape
from liverseg.io.folder import LEADS_NOWHERE, LEADS_OUT
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


def files_of(inventory):
    """How often each file is in a scan or a failure, by its path."""
    inputs = [*inventory.scans, *inventory.failures]
    return Counter(file.address for one in inputs for file in one.files)


def reasons_by_name(inventory):
    return {
        Path(file.address).name: (failure.kind, failure.reason)
        for failure in inventory.failures
        for file in failure.files
    }


def test_a_damaged_file_refuses_its_series_and_no_other(tmp_path):
    good = write_series(tmp_path / "in", 1, 1, "1.2.3")
    bad = write_series(tmp_path / "in", 2, 2, "1.2.3")
    last = max(bad, key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2])
    last.write_bytes(last.read_bytes()[:-500])  # without it the other slices are a regular volume
    inventory = find_scans(str(tmp_path / "in"), b"1", tmp_path / "out")
    (scan,) = inventory.scans
    assert {file.address for file in scan.files} == set(map(str, good))
    (failure,) = inventory.failures
    assert {file.address for file in failure.files} == set(map(str, bad))
    assert failure.kind == "refused" and "One file of the series cannot be read" in failure.reason


def test_links_are_followed_inside_their_tree_and_the_others_are_failures(tmp_path):
    store, study = tmp_path / "in" / ".git" / "annex" / "objects", tmp_path / "in" / "study"
    store.mkdir(parents=True)
    study.mkdir()
    for k, path in enumerate(write_series(tmp_path / "fetched", 1)):
        path.rename(store / f"KEY{k}")
        (study / f"{k}.dcm").symlink_to(f"../.git/annex/objects/KEY{k}")
    (study / "not_fetched.dcm").symlink_to("../.git/annex/objects/KEY9")
    (study / "outside.nii").symlink_to(write_nifti(tmp_path / "secret.nii", 2))
    (study / "folder").symlink_to(tmp_path)
    inventory = find_scans(str(tmp_path / "in"), b"1", tmp_path / "out")
    (scan,) = inventory.scans
    assert sorted(Path(file.address).name for file in scan.files) == [f"{k}.dcm" for k in range(4)]
    assert read([file.address for file in scan.files]).shape == scan.shape
    reasons = reasons_by_name(inventory)
    assert reasons.keys() == {"not_fetched.dcm", "outside.nii", "folder"}
    assert reasons["not_fetched.dcm"] == ("unavailable", LEADS_NOWHERE)
    assert reasons["outside.nii"] == reasons["folder"] == ("left aside", LEADS_OUT)


def test_a_study_that_cannot_be_sorted_is_a_failure_of_its_own(tmp_path, monkeypatch):
    write_series(tmp_path / "in", 1, 1, "1.2.3")
    write_series(tmp_path / "in", 2, 1, "9.9.9", prefix="t")
    group = discover.group_into_volumes

    def fail_for_one(slices, same_pixels):
        if slices[0].traits["StudyInstanceUID"] == "9.9.9":
            raise ZeroDivisionError
        return group(slices, same_pixels)

    monkeypatch.setattr(discover, "group_into_volumes", fail_for_one)
    inventory = find_scans(str(tmp_path / "in"), b"1", tmp_path / "out")
    assert len(inventory.scans) == 1
    (failure,) = inventory.failures
    assert failure.kind == "refused" and len(failure.files) == 4 and "a file is damaged" in failure.reason


def is_link_inside(path, folder):
    """Whether it is a link to something in the folder, which is listed itself."""
    return path.is_symlink() and path.exists() and path.resolve().is_relative_to(folder)


def test_every_one_of_many_mixed_inputs_is_in_one_scan_or_failure(tmp_path):
    """Valid scans, copies, captures, damaged files, links, wrappers and other formats."""
    folder = tmp_path / "in"
    paths = write_series(folder / "a", 1, 1, "1.2.3")
    write_series(folder / "b", 2, 2, "1.2.3", slices=1)
    copy = folder / "b" / "copy"
    copy.write_bytes(paths[0].read_bytes())
    capture = pydicom.dcmread(paths[0])
    capture.SOPClassUID = capture.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    capture.SeriesInstanceUID = "5.5"
    capture.save_as(folder / "b" / "capture")
    mr = pydicom.dcmread(paths[0])
    mr.Modality, mr.SOPClassUID = "MR", "1.2.840.10008.5.1.4.1.1.4"
    mr.save_as(folder / "b" / "mr")
    write_nifti(folder / "ct.nii.gz", 3)
    for k in range(40):
        place = folder / f"hostile{k}"
        place.mkdir()
        hostile(3, k, rare_share=0.0).write(place)
    (folder / "link").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    inventory = find_scans(str(folder), b"1", tmp_path / "out")
    listed = {
        str(Path(parent, name))
        for parent, folders, names in os.walk(folder)
        for name in [*names, *(one for one in folders if Path(parent, one).is_symlink())]
        if not is_link_inside(Path(parent, name), folder)
    }
    counted = files_of(inventory)
    assert set(counted) == listed
    several = {Path(path).parent.name for path, count in counted.items() if count > 1}
    assert all(name.startswith("hostile") for name in several), "only one file may hold several volumes"
    reasons = reasons_by_name(inventory)
    assert reasons["copy"] == ("left aside", "A copy of slices that other files of the study hold.")
    assert reasons["capture"][1].startswith("A secondary capture")
    assert "MR" in reasons["mr"][1] and "link" in reasons["link"][1] and "neither" in reasons["pipe"][1]
    ids = [one.id for one in (*inventory.scans, *inventory.failures)]
    assert len(set(ids)) == len(ids)
    assert all(reason.endswith(".") for _, reason in reasons.values())


def test_a_header_and_its_data_file_are_one_scan(tmp_path):
    folder = tmp_path / "in"
    image = SimpleITK.ReadImage(str(write_nifti(tmp_path / "ct.nii.gz", 1)))
    for name in ("a.nhdr", "b.mhd", "c.nrrd", "d.mha", "gone.mhd"):
        (folder / name[0]).mkdir(parents=True, exist_ok=True)
        SimpleITK.WriteImage(image, str(folder / name[0] / name))
    (folder / "g" / "gone.raw").unlink()
    inventory = find_scans(str(folder), b"1", tmp_path / "out")
    names = [[Path(file.address).name for file in scan.files] for scan in inventory.scans]
    assert names == [["a.nhdr", "a.raw"], ["b.mhd", "b.raw"], ["c.nrrd"], ["d.mha"]]
    assert reasons_by_name(inventory) == {
        "gone.mhd": ("refused", "The header keeps its image in another file, which is not there.")
    }
    for scan in inventory.scans:
        paths = [Path(file.address) for file in scan.files]
        assert header_shape(paths) == read(paths).shape == (4, 128, 128)
    (tmp_path / "list.csv").write_text("path\nin/b/b.mhd\n", encoding="utf-8")
    (named,) = find_scans(str(tmp_path / "list.csv"), b"1", tmp_path / "out").scans
    assert [Path(file.address).name for file in named.files] == ["b.mhd", "b.raw"]
