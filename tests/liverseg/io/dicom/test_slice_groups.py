"""Slices grouped by geometry, and copies removed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.errors import UnreadableInput
from liverseg.io.dicom.dataset import open_dataset
from liverseg.io.dicom.slice_groups import group_by_geometry, without_equal_pixels, without_repeats
from liverseg.io.dicom.slices import slices_of
from tests.liverseg.io.dicom.series_files import change_files


def test_copies_count_once(series, synthetic_hu):
    folder, paths = series()
    (folder / "again").mkdir()
    for path in paths[:2]:  # the same object
        (folder / "again" / path.name).write_bytes(path.read_bytes())
    resent = pydicom.dcmread(paths[3])  # the same pixels under another UID
    resent.SOPInstanceUID = resent.file_meta.MediaStorageSOPInstanceUID = "9.9.9"
    resent.save_as(folder / "again" / "x")
    ct = liverseg.read(folder)
    assert ct.warnings == ("3 slices were there more than once and counted once.",)
    np.testing.assert_array_equal(ct.hu, np.stack([synthetic_hu(seed=k) for k in range(4)]))


def test_files_with_one_uid_at_several_positions_are_not_copies(series):
    folder, paths = series()
    change_files(paths, lambda k: {"SOPInstanceUID": "1.2.3.4"})
    assert liverseg.read(folder).shape == (4, 80, 96)


def test_other_pixels_under_one_uid_and_place_are_not_a_copy(series):
    folder, paths = series()
    dataset = pydicom.dcmread(paths[1])
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(folder / "other")
    with pytest.raises(UnreadableInput, match="Two different DICOM images"):
        liverseg.read(folder)


def test_repeats_are_dropped_only_if_all_agree(synthetic_hu, dicom_file):
    (one,) = slices_of(open_dataset(dicom_file(synthetic_hu()).read_bytes()), 0)

    def at(height, file):
        return replace(one, file=file, frame=replace(one.frame, position_mm=(0.0, 0.0, height)))

    slices = [at(0.0, 0), at(0.01, 1), at(5.0, 2), at(5.0, 3)]
    compared = []

    def same(a, b):
        compared.append({a.file, b.file})
        return {a.file, b.file} == {0, 1}

    assert without_repeats(slices[:3], same) == [slices[0], slices[2]]
    assert without_repeats(slices, same) is None and {2, 3} in compared
    assert without_equal_pixels(slices, same) == [slices[0], slices[2], slices[3]]


def test_coronal_scouts_form_a_group_and_few_odd_axial_slices_do_not(synthetic_hu, dicom_file):
    (axial,) = slices_of(open_dataset(dicom_file(synthetic_hu()).read_bytes()), 0)

    def with_frame(**changed):
        return replace(axial, frame=replace(axial.frame, **changed))

    scout = with_frame(orientation=(1.0, 0.0, 0.0, 0.0, 0.0, -1.0))
    nearly = with_frame(pixel_spacing_mm=(0.8001, 0.7))
    other = with_frame(pixel_spacing_mm=(0.9, 0.9))
    assert [len(group) for group in group_by_geometry([axial, scout, nearly, axial])] == [3, 1]
    assert [len(group) for group in group_by_geometry([axial, axial, axial, other])] == [4]
    assert [len(group) for group in group_by_geometry([*[axial] * 3, *[other] * 3])] == [3, 3]
