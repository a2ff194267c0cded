"""The same input gives the same bytes in every process."""

import dataclasses
import io
import json
import os
import subprocess
import sys

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg import phantom
from liverseg.__main__ import main
from liverseg.analysis.measure import measure
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.io.dicom.rtstruct import rtstruct_bytes
from liverseg.io.dicom.sc import sc_bytes
from liverseg.io.dicom.seg import seg_bytes, seg_identity
from liverseg.io.dicom.sr import sr_bytes
from liverseg.io.files import DATE_VARIABLE, result_date

FORMATS = "png,pdf,csv,json"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder with results of one picture: "first" and "second" of this process, "third" of another."""
    folder = tmp_path_factory.mktemp("reproducible")
    assert main(["phantom", str(folder / "in"), "--format", "png", "--seed", "5", "--size", "192"]) == 0
    picture = next(path for path in (folder / "in").glob("*.png") if path.name != "labels.png")
    arguments = [str(picture), "--checkpoint", "segformer-b0-fast", "--formats", FORMATS]
    for name in ("first", "second"):
        assert main(["segment", *arguments, "--out", str(folder / name)]) == 0
    other = [sys.executable, "-m", "liverseg", "segment", *arguments, "--out", str(folder / "third")]
    subprocess.run(other, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    return folder, picture


def contents(folder) -> dict[str, bytes]:
    """The bytes of every file; the report is without its timing, which may differ."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    report = json.loads(files.pop("report.json"))
    del report["timing_s"]
    return {**files, "report": json.dumps(report).encode()}


def test_runs_in_the_same_and_in_another_process_give_the_same_bytes(results):
    folder, _ = results
    first = contents(folder / "first")
    assert {
        "labels.png",
        "lesions.png",
        "tumour_probability.png",
        "overview.png",
        "report.pdf",
        "report.csv",
    } <= set(first)
    assert contents(folder / "second") == first and contents(folder / "third") == first


def test_source_date_epoch_sets_the_date(monkeypatch):
    monkeypatch.setenv(DATE_VARIABLE, "86400")
    assert result_date().isoformat() == "1970-01-02"
    monkeypatch.setenv(DATE_VARIABLE, "yesterday")
    assert result_date().year >= 2026


def test_dicom_bytes_are_reproducible_and_uids_differ_between_results(segmented_series):
    ct, seg, other = segmented_series

    def sr(ct, seg):
        return sr_bytes(ct, seg, measure(ct, seg), seg_identity(ct, seg))

    def sc(ct, seg):
        return b"".join(content for _, content in sc_bytes(ct, seg, measure(ct, seg)))

    for encode in (seg_bytes, rtstruct_bytes, sr, sc):
        assert encode(ct, seg) == encode(ct, seg)
        assert uids(encode(ct, seg)).isdisjoint(uids(encode(ct, other)))
    assert uids(seg_bytes(ct, seg)).isdisjoint(uids(rtstruct_bytes(ct, seg)))


def uids(data: bytes) -> set[str]:
    """The SOP and series instance UIDs of a DICOM object."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    return {dataset.SOPInstanceUID, dataset.SeriesInstanceUID}


@pytest.fixture
def segmented_series(tmp_path):
    """A DICOM series of a phantom, and two segmentations that differ in one voxel."""
    phantom.write(phantom.make("volume", seed=2, size=96, slices=3, spacing_mm=(5, 2, 2)), tmp_path, "dicom")
    ct = liverseg.read(next(tmp_path.rglob("*.dcm")).parent)
    labels = np.zeros(ct.shape, np.uint8)
    labels[1, 20:40, 10:30] = 1
    p = np.zeros(ct.shape, np.float16)
    seg = Segmentation(labels, p, p, 0.5, CheckpointIdentity("a@1.0", "0" * 64, "x"), "torch")
    changed = labels.copy()
    changed[1, 25, 15] = 2
    return ct, seg, dataclasses.replace(seg, labels=changed)
