"""Single DICOM files, Enhanced CT, and the memory that a CTImage takes while it is built."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.errors import SeriesChoice, UnreadableInput


def test_an_enhanced_ct_is_a_volume(enhanced):
    path, volume = enhanced()
    ct = liverseg.read(path)
    assert ct.kind == "volume" and ct.spacing_mm == (10.0, 0.8, 0.7)
    np.testing.assert_allclose(ct.hu, volume, atol=2)  # dividing by the slopes rounds the stored values
    np.testing.assert_array_equal(ct.hu[2], volume[2])
    assert ct.native.shape == (3, 80, 96) and ct.warnings == ()


def test_enhanced_ct_with_two_frames_at_one_place_is_refused(enhanced):
    with pytest.raises(UnreadableInput, match="same place"):
        liverseg.read(enhanced(heights=(20, 20, 0))[0])


def test_phases_of_an_enhanced_ct_are_separated(enhanced):
    path, volume = enhanced(heights=(20, 10, 0, 20, 10, 0), phases=(1, 1, 1, 2, 2, 2))
    assert [info.part for info in liverseg.list_series(path)] == ["phase 1 of 2", "phase 2 of 2"]
    with pytest.raises(SeriesChoice):
        liverseg.read(path)
    with pytest.raises(SeriesChoice):
        liverseg.read([path])
    for source in (path, [path]):
        ct = liverseg.read(source, series=2)
        np.testing.assert_allclose(ct.hu, volume, atol=2)


def test_each_frame_of_an_enhanced_ct_keeps_its_reference(enhanced):
    path, _ = enhanced()
    dataset = pydicom.dcmread(path)
    source = liverseg.read(path).source
    assert [one.frame_number for one in source] == [3, 2, 1]  # stored from head to feet
    assert [one.position_mm for one in source] == [(0, 0, 0), (0, 0, 10), (0, 0, 20)]
    assert {one.sop_instance_uid for one in source} == {dataset.SOPInstanceUID}
    assert {one.sop_class_uid for one in source} == {pydicom.uid.EnhancedCTImageStorage}


READ = """
import resource, sys, time, liverseg
import liverseg.io.dicom.series, liverseg.io.dicom.pixels
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
ct = liverseg.read(sys.argv[1])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024 / ct.hu.nbytes, time.process_time() - started)
"""


def test_reading_holds_the_volume_in_memory_once(dicom_dataset, dicom_bytes, tmp_path):
    rng = np.random.default_rng(0)
    hu = rng.integers(-1000, 1000, (512, 512)).astype(np.int16)
    folder = tmp_path / "series"
    folder.mkdir()
    template = dicom_dataset(hu, ImageOrientationPatient=[-1, 0, 0, 0, -1, 0])
    for k in range(60):
        template.ImagePositionPatient = [0, 0, -2.0 * k]
        template.SOPInstanceUID = template.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{k}"
        (folder / str(k)).write_bytes(dicom_bytes(template))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder)], capture_output=True, text=True, check=True
    )
    copies, seconds = map(float, done.stdout.split())
    assert copies < 1.5 and seconds < 20
    shutil.rmtree(folder)
