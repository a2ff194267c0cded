"""One worker in this process: results, copies, and errors as records."""

from __future__ import annotations

import json

import cv2
import nibabel
import numpy as np
import pytest

from liverseg.cohort.discover import find_scans
from liverseg.cohort.result_store import Store
from liverseg.cohort.run import load_model
from liverseg.cohort.worker import PICTURE_WIDTH, Worker
from tests.liverseg.app.rule_checkpoints import write_registry
from tests.liverseg.cohort.small_scans import write_nifti


@pytest.fixture
def worker_and_store(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(write_registry(tmp_path / "registry")))
    monkeypatch.setenv("LIVERSEG_THREADS", "1")  # set by the worker; restored after the test
    threads = cv2.getNumThreads()
    model, settings = load_model("segformer-b0")
    store = Store.create(tmp_path / "out", settings.digest)
    yield Worker(model, settings, str(tmp_path / "out"), 1, 700_000_000), store
    cv2.setNumThreads(threads)


def test_every_scan_gets_a_record_and_each_content_one_result(worker_and_store, tmp_path, monkeypatch):
    worker, store = worker_and_store
    source = tmp_path / "source"
    content = write_nifti(source / "a.nii.gz", 1).read_bytes()
    (source / "b_copy.nii.gz").write_bytes(content)
    (source / "c_truncated.nii.gz").write_bytes(content[:3000])
    large = nibabel.Nifti1Image(np.zeros((64, 64, 1000), np.uint8), np.eye(4))
    nibabel.save(large, source / "d_large.nii.gz")
    scans = find_scans(str(source), b"1", tmp_path / "out").scans
    records = [worker.run(scan) for scan in scans[:2]]
    assert [record["state"] for record in records] == ["done", "done"]
    assert records[0]["key"] == records[1]["key"] and len(list((tmp_path / "out" / "scans").glob("*/*"))) == 1
    folder = store.scan_folder(records[0]["key"])
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert store.row(folder.name)["scan"]["liver_count"] == report["liver"]["voxels"] > 1000
    assert cv2.imread(str(folder / "overview.jpg")).shape[1] == PICTURE_WIDTH

    assert [worker.run(scan)["kind"] for scan in scans[2:]] == ["refused", "memory"]
    monkeypatch.setattr("liverseg.cohort.worker.header_shape", lambda path: {}["unexpected"])
    record = worker.run(scans[0], attempt=2)
    assert (record["kind"], record["reason"]) == ("crashed", "Something went wrong (KeyError).")
    assert store.record(scans[0].id) == record
