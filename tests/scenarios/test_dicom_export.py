"""`--formats seg,rtstruct,sr,sc`: the files of a series, early refusals, and bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.__main__ import main
from liverseg.analysis.measure import measure
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.io.write import write_results
from liverseg.phantom import write
from tests.liverseg.io.dicom.validator import dciodvfy_errors
from tests.phantoms import make

CHECKPOINT = CheckpointIdentity("segformer-b0@1.0.1", "0" * 64, "bundled")


@pytest.fixture(scope="module")
def phantom_series(tmp_path_factory):
    phantom = make("volume", seed=3, size=64, slices=6)
    *files, _ = write(phantom, tmp_path_factory.mktemp("series"), "dicom")
    return phantom, files


def segmentation_of(labels: np.ndarray) -> Segmentation:
    """A segmentation with given labels (S, H, W)."""
    tumour, organ = (labels == 2).astype(np.float32), (labels > 0).astype(np.float32)
    return Segmentation(labels, tumour, organ, 0.5, CHECKPOINT, "none")


def test_a_series_gets_every_file_without_validation_errors(phantom_series, tmp_path):
    phantom, files = phantom_series
    ct, truth = liverseg.read(files), phantom.labels
    seg = segmentation_of(truth)
    written = write_results(tmp_path, ct, seg, measure(ct, seg), ["seg", "rtstruct", "sr", "sc", "png"])
    captures = [f"secondary_capture_{z + 1:04d}.dcm" for z in range(6) if truth[z].any()]
    assert [path.name for path in written] == [
        "segmentation.dcm", "rtstruct.dcm", "structured_report.dcm", *captures, "overview.png", "report.json",
    ]  # fmt: skip
    assert sorted(path.name for path in written) == sorted(os.listdir(tmp_path))
    for path in written[:-2]:
        assert dciodvfy_errors(path) == []
    report = pydicom.dcmread(written[2])
    quoted = {e.value for e in report.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
    assert pydicom.dcmread(written[0]).SOPInstanceUID in quoted
    heights = {float(dataset.ImagePositionPatient[2]): dataset for dataset in map(pydicom.dcmread, files)}
    frames = pydicom.dcmread(written[0])
    for pixels, groups in zip(frames.pixel_array, frames.PerFrameFunctionalGroupsSequence, strict=True):
        position = groups.PlanePositionSequence[0].ImagePositionPatient
        source = groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert heights[position[2]].SOPInstanceUID == source
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        np.testing.assert_array_equal(pixels, truth[sorted(heights).index(position[2])] == number)


def test_a_lone_slice_gets_every_file(phantom_series, tmp_path):
    phantom, files = phantom_series
    ct, seg = liverseg.read(files[3]), segmentation_of(phantom.labels[3:4])
    write_results(tmp_path, ct, seg, measure(ct, seg), ["seg", "rtstruct", "sr", "sc"])
    names = ("segmentation.dcm", "rtstruct.dcm", "structured_report.dcm", "secondary_capture_0001.dcm")
    for name in names:
        assert dciodvfy_errors(tmp_path / name) == []
    frames = pydicom.dcmread(tmp_path / "segmentation.dcm")
    assert frames.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == (
        pydicom.dcmread(files[3]).SOPInstanceUID
    )


@pytest.mark.parametrize("formats", ["seg", "rtstruct", "sr", "sc", "nifti,seg"])
def test_other_inputs_are_refused_before_the_network_is_loaded(formats, tmp_path, capsys, monkeypatch):
    def no_network(*_, **__):
        raise AssertionError("the network was loaded")

    monkeypatch.setattr("liverseg.inference.segmenter.Segmenter.load", no_network)
    ct, _ = write(make("slice", seed=2, size=64), tmp_path, "nifti")
    assert main(["segment", str(ct), "--formats", formats, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "not DICOM" in error and error.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


ENCODE_500_SLICES = """
import numpy as np
from liverseg.core.image import CTImage, NativeGrid, SliceReference
from liverseg.io.dicom.rtstruct import rtstruct_bytes
from liverseg.io.dicom.seg import seg_bytes
from liverseg.core.geometry import dicom_affine
from liverseg.core.segmentation import CheckpointIdentity, Segmentation

shape, upright = (500, 512, 512), (1, 0, 0, 0, 1, 0)
source = tuple(
    SliceReference("1.2", "1.3", "1.4", "1.2.840.10008.5.1.4.1.1.2", f"1.5.{k}", None, upright,
                   (-180.0, -170.0, 1.25 * k), (0.7, 0.7), 1.25)
    for k in range(shape[0])
)
y, x = np.mgrid[:512, :512] - 256
away, angle = np.hypot(y, x), np.arctan2(y, x)
body = (away < 150 * (1 + 0.08 * np.sin(7 * angle) + 0.02 * np.sin(40 * angle))).astype(np.uint8)
labels = np.zeros(shape, np.uint8)
labels[150:350] = body + (away < 30)
native = NativeGrid(shape, (0, 1, 2), (False,) * 3, dicom_affine(upright, source[0].position_mm, (0.7, 0.7),
                                                                 np.array([0, 0, 1.25])))
hu = np.broadcast_to(np.float32(0), shape)
ct = CTImage(hu, (1.25, 0.7, 0.7), "test", "dicom", native, "volume", source=source)
seg = Segmentation(labels, hu, hu, 0.5, CheckpointIdentity("a@1", "0" * 64, "bundled"), "none")
print(len(seg_bytes(ct, seg)), len(rtstruct_bytes(ct, seg)))
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_500_slices_take_little_memory_in_addition_to_the_labels():
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    root = Path(liverseg.__file__).parents[1]
    process = subprocess.run(
        [sys.executable, "-c", ENCODE_500_SLICES],
        capture_output=True,
        text=True,
        env=environment,
        cwd=root,
        check=True,
    )
    sizes, peak_kib = process.stdout.splitlines()
    assert [int(size) > 2_000_000 for size in sizes.split()] == [True, True]
    assert float(peak_kib) / 1024 < 450  # MiB: 125 of labels, 180 of libraries
