"""Slices with the traits and times that distinguish volumes."""

from __future__ import annotations

import numpy as np
import pydicom

from liverseg.io.dicom.dataset import open_dataset
from liverseg.io.dicom.slices import heights_mm, slices_of, sorted_heights_mm


def test_a_slice_has_the_traits_and_times_of_its_file(synthetic_hu, dicom_file):
    tags = {"AcquisitionNumber": 3, "AcquisitionTime": "101530.5", "ContentTime": "10:15", "KVP": "120"}
    path = dicom_file(synthetic_hu(), ConvolutionKernel="Jane Doe", ContrastBolusAgent="x", **tags)
    (one,) = slices_of(open_dataset(path.read_bytes()), 7)
    assert (one.file, one.number, one.series_uid, one.series_number) == (7, 0, "1.2.3", None)
    assert (one.traits["AcquisitionNumber"], float(one.traits["KVP"])) == ("3", 120)
    assert one.traits["ImageType"] == r"ORIGINAL\PRIMARY\AXIAL"
    assert one.times_s == {"AcquisitionTime": 101530.5}  # a time that is not a number is ignored
    assert one.has_contrast and one.kernel is None


def test_frames_have_the_traits_of_their_functional_groups(enhanced):
    path, _ = enhanced(heights=(20, 10, 0, 20, 10, 0), phases=(1, 1, 1, 2, 2, 2))
    slices = slices_of(pydicom.dcmread(path), 0)
    assert [one.traits["TemporalPositionIndex"] for one in slices] == list("111222")
    assert [one.number for one in slices] == [0, 1, 2, 3, 4, 5]


def test_heights_are_positions_along_the_normal(enhanced):
    slices = slices_of(pydicom.dcmread(enhanced()[0]), 0)
    np.testing.assert_allclose(heights_mm(slices), [20, 10, 0])
    np.testing.assert_allclose(sorted_heights_mm(slices), [0, 10, 20])


def test_without_a_position_there_are_no_heights(synthetic_hu, dicom_file):
    path = dicom_file(synthetic_hu(), ImagePositionPatient=None)
    assert heights_mm(slices_of(open_dataset(path.read_bytes()), 0)) is None
