"""Geometry and rescale of frames, from the image or from functional groups."""

from __future__ import annotations

import pydicom
import pytest

import liverseg
from liverseg.errors import UnreadableInput
from liverseg.io.dicom.frame_header import frame_headers
from liverseg.io.dicom.rescale import Rescale


def test_frames_combine_shared_and_own_functional_groups(enhanced):
    headers = frame_headers(pydicom.dcmread(enhanced()[0]))
    assert [header.position_mm for header in headers] == [(0, 0, 20), (0, 0, 10), (0, 0, 0)]
    assert [header.rescale for header in headers] == [Rescale(slope, 0.0) for slope in (1.0, 0.5, 2.0)]
    assert {header.orientation for header in headers} == {(1, 0, 0, 0, 1, 0)}
    assert {(header.pixel_spacing_mm, header.thickness_mm) for header in headers} == {((0.8, 0.7), 10.0)}


def test_frames_without_a_description_each_are_refused(enhanced):
    dataset = pydicom.dcmread(enhanced()[0])
    dataset.NumberOfFrames = 4
    with pytest.raises(UnreadableInput, match="does not describe each"):
        frame_headers(dataset)
    del dataset.PerFrameFunctionalGroupsSequence
    with pytest.raises(UnreadableInput, match="several frames"):
        frame_headers(dataset)


def test_a_negative_slice_distance_gives_the_thickness(synthetic_hu, dicom_file):
    ct = liverseg.read(dicom_file(synthetic_hu(), SliceThickness="0", SpacingBetweenSlices="-2.5"))
    assert ct.spacing_mm == (2.5, 0.8, 0.7)
