"""The parts of a cohort without Ray: what is a scan, who gets it, what it may take, how it is told."""

from __future__ import annotations

import gzip
import threading

import nibabel
import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from liverseg.cohort.discover import find_scans, folder_of
from liverseg.cohort.memory import Admission, TooMuchMemory, check_memory, header_shape, need_bytes
from liverseg.cohort.ray_cluster import plan_for
from liverseg.cohort.result_store import Store
from liverseg.cohort.scan import Scan, Settings
from liverseg.cohort.scheduling import MAX_LOSSES, Queue
from liverseg.cohort.source_list import read_list
from liverseg.cohort.summary_page import kind_of_warning, outliers
from liverseg.errors import InvalidSetting, UnreadableInput
from liverseg.io.read import read
from tests.liverseg.cohort.small_scans import write_nifti, write_series


def test_each_axial_series_of_a_study_is_a_scan_wherever_its_files_lie(tmp_path):
    folder = tmp_path / "in"
    first = write_series(folder / "x", 1, 1, "1.2.3")
    second = write_series(folder / "x", 2, 2, "1.2.3")
    moved = folder / "elsewhere" / second[0].name
    moved.parent.mkdir()
    second[0].rename(moved)
    scout = write_series(folder / "x", 3, 3, "1.2.3", slices=1)
    gap = write_series(folder / "gap", 4, 1, "9.9", slices=6)
    gap[2].unlink()
    (folder / "broken").write_bytes(bytes(128) + b"DICM" + b"\xff" * 300)
    found = find_scans(str(folder), b"1", tmp_path / "out")
    assert sorted(sorted(file.address for file in scan.files) for scan in found.scans) == sorted(
        [sorted(map(str, first)), sorted(map(str, [moved, *second[1:]]))]
    )
    told = {folder_of(failure.files): (failure.kind, failure.reason) for failure in found.failures}
    assert told[str(scout[0])][0] == "left aside" and "lone slice" in told[str(scout[0])][1]
    assert told[str(folder / "gap")][0] == "refused" and "missing" in told[str(folder / "gap")][1]
    assert told[str(folder / "broken")][0] == "refused"
    assert all("DOE" not in reason and "in/" not in reason for _, reason in told.values())
    # What was told from headers is what is read
    for scan in found.scans:
        assert read([file.address for file in scan.files]).shape == scan.shape


def test_results_within_the_source_are_no_inputs(tmp_path):
    write_nifti(tmp_path / "ct.nii", 1)
    write_nifti(tmp_path / "out" / "scans" / "labels.nii.gz", 1)
    assert len(find_scans(str(tmp_path), b"1", tmp_path / "out").scans) == 1


def test_a_list_may_be_csv_or_parquet_and_name_a_series(tmp_path):
    write_series(tmp_path / "two", 1, 1, "1.2")
    write_series(tmp_path / "two", 2, 7, "1.2")
    write_nifti(tmp_path / "a.nii.gz", 3)
    rows = {"path": ["a.nii.gz", "two", "two", "a.nii.gz"], "series": [None, 2, 5, None]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "list.parquet")
    found = find_scans(str(tmp_path / "list.parquet"), b"1", tmp_path / "out")
    assert sorted(len(scan.files) for scan in found.scans) == [1, 4]
    assert {file.address[-2:] for scan in found.scans if len(scan.files) > 1 for file in scan.files} == {"_7"}
    assert [failure.reason for failure in found.failures] == ["There is no CT series 5 in the input."]
    for text, why in (
        ("file\na.nii", "no column named path"),
        ("path\n", "no rows"),
        ("path,series\na,x\n", "no number"),
    ):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(UnreadableInput, match=why):
            read_list(str(tmp_path / "bad.csv"))


def scans(*names):
    return [Scan(name, ()) for name in names]


def test_a_crash_costs_the_scan_that_does_it_and_no_other():
    queue = Queue(scans("a", "b", "c"))
    a, b = queue.take(0, 2, False), queue.take(1, 2, False)
    assert queue.take(2, 2, False) is None and queue.crashed([a, b]) == []
    alone = queue.take(0, 2, False)
    assert (alone.scan.id, alone.attempt, alone.alone) == ("a", 2, True)
    assert queue.take(1, 2, alone=True) is None  # nothing beside it
    assert queue.take(1, 2, False).scan.id == "c"  # another worker goes on
    assert queue.crashed([alone]) == [alone]
    assert queue.take(0, 2, False).scan.id == "b" and len(queue) == 0


def test_a_lost_node_is_nobodys_fault_until_it_is_lost_again_and_again():
    queue = Queue(scans("a"))
    for _ in range(MAX_LOSSES - 1):
        task = queue.take(0, 2, False)
        assert task.attempt == 1 and queue.lost([task]) == []
    assert len(queue.lost([queue.take(0, 2, False)])) == 1


def test_workers_are_as_many_as_processors_and_memory_allow():
    assert plan_for([(2, 16e9), (4, 16e9)]).workers == 6
    assert (plan_for([(8, 10e9)]).workers, plan_for([(8, 10e9)]).threads) == (4, 2)
    plan = plan_for([(8, 16e9)], workers=2)
    assert (plan.workers, plan.threads, plan.budget_bytes) == (2, 4, 8_000_000_000)
    assert plan_for([(2, 16e9)], workers=9).workers == 2
    with pytest.raises(InvalidSetting):
        plan_for([(2, 16e9)], threads=3)


def test_memory_is_told_from_the_header_of_a_file_that_is_never_unpacked(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((512, 512, 900))
    header.set_data_dtype(np.int16)
    header["magic"], header["vox_offset"] = b"n+1", 352
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4)))
    shape = header_shape(path)
    assert shape == (900, 512, 512)
    with pytest.raises(TooMuchMemory, match="900 × 512 × 512 voxels takes about 3.5 GB, and a worker has 2"):
        check_memory(shape, 2_000_000_000)
    assert header_shape(write_nifti(tmp_path / "a.nii", 1)) == (4, 128, 128)


def test_scans_share_a_workers_memory_or_wait():
    small, large = (10, 512, 512), (100, 512, 512)
    admission = Admission(need_bytes((105, 512, 512)))
    first = admission.enter(small)
    waiting = threading.Thread(target=lambda: admission.leave(admission.enter(large)), daemon=True)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    admission.leave(first)
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_result_is_there_as_a_whole_or_not_at_all(tmp_path):
    settings = Settings("a@1", "00")
    store = Store.create(tmp_path, settings.digest)
    key = settings.key("ab")
    with pytest.raises(KeyboardInterrupt), store.staged(key) as stage:
        (stage / "row.json").write_text('{"scan": 1}')
        raise KeyboardInterrupt
    assert store.row(key) is None and not store.scan_folder(key).exists()
    for number in (1, 2):  # the second worker with the same content comes too late
        with store.staged(key) as stage:
            (stage / "row.json").write_text(f'{{"scan": {number}}}')
    assert store.row(key) == {"scan": 1}
    store.put_record({"id": "abc", "state": "done", "key": key})
    assert store.record("abc")["key"] == key
    (store.scan_folder(key) / "row.json").write_text('{"sc')  # as after a power failure
    assert store.record("abc") is None


def test_outliers_are_ranked_and_say_why():
    rows = [
        {"key": f"{k}", "liver_ml": 1500 + 30 * k, "tumour_share_of_liver": 0.01 * k, "lesions": k % 3}
        for k in range(9)
    ]
    rows[3]["liver_ml"] = 6000
    rows[5]["tumour_share_of_liver"] = None
    assert [(row["key"], why) for row, why in outliers(rows)] == [
        ("5", "no liver was found"),
        ("3", "a liver of 6000 mL"),
    ]
    one, several = "1 smaller body was removed, 0.2 mL", "2 smaller bodies were removed, 3.5 mL"
    assert kind_of_warning(one) == kind_of_warning(several)
