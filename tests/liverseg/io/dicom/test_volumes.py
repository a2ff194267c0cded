"""Volumes among the slices of many files."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

import liverseg
from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.dicom.slice_headers import read_slice_headers
from liverseg.io.dicom.slices import undescribed_slice
from liverseg.io.dicom.volumes import group_into_volumes, unread_files, with_doubt
from tests.liverseg.io.dicom.series_files import change_files


def test_lone_slices_with_their_own_series_uids_are_joined(series):
    folder, paths = series()
    change_files(paths, lambda k: {"SeriesInstanceUID": f"1.{9 - k}"})
    ct = liverseg.read(folder)
    assert ct.spacing_mm == (2.5, 0.8, 0.7) and ["its own" in w for w in ct.warnings] == [True]


def test_more_slices_than_the_limit_are_refused(series, monkeypatch):
    folder, _ = series()
    monkeypatch.setattr(limits, "MAX_SLICES", 3)
    with pytest.raises(InputTooLarge, match="4 slices; liverseg reads up to 3"):
        liverseg.read(folder)
    assert "up to 3" in liverseg.list_series(folder)[0].refusal


def test_studies_under_one_series_uid_are_separate_volumes(series, synthetic_hu):
    folder, paths = series((*range(0, 20, 5), *range(20, 40, 5)))  # one above the other, as one even volume
    change_files(paths, lambda k: {"StudyInstanceUID": f"1.{k // 4}"})
    first, second = liverseg.list_series(folder)
    assert (first.part, second.part) == ("study 1 of 2", "study 2 of 2")
    assert liverseg.read(folder, series=2).native.radiological_affine[2, 3] == 20
    change_files(paths, lambda k: {"StudyInstanceUID": f"1.{k}"})  # each file its own: one volume
    assert liverseg.read(folder).shape[0] == 8


def test_joined_lone_slices_carry_the_doubt_of_a_damaged_one(series):
    folder, paths = series()
    change_files(paths, lambda k: {"SeriesInstanceUID": f"1.{9 - k}"})
    paths[3].write_bytes(paths[3].read_bytes()[:640])
    (info,) = liverseg.list_series(folder)
    assert info.shape[0] == 3 and "One file of the series cannot be read" in info.doubt


def test_copies_and_unread_files_are_named_with_their_volume(series):
    _, paths = series()
    slices = []
    for k, path in enumerate([*paths, paths[0]]):
        with path.open("rb") as stream:
            slices += read_slice_headers(stream, k)[1]
    (volume,) = group_into_volumes(slices, lambda one, other: True)
    assert [one.file for one in volume.dropped] == [4] and volume.copies == 1
    with_doubt_of = with_doubt(volume, [undescribed_slice(Dataset(), 7, UnreadableInput("It is damaged."))])
    assert [one.file for one in with_doubt_of.dropped] == [4, 7]
    assert str(with_doubt_of.doubt) == "One file of the series cannot be read: it is damaged."


def test_several_unread_files_are_counted_with_the_first_reason():
    slices = [undescribed_slice(Dataset(), k, UnreadableInput(f"Reason {k}.")) for k in (3, 4, 4)]
    assert str(unread_files(slices)) == (
        "2 files of the series cannot be read, the first for this reason: reason 3."
    )
    assert unread_files([]) is None


def test_no_slices_give_no_volumes():
    assert group_into_volumes([], lambda one, other: False) == []
