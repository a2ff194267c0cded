"""Volumes among the slices of many files."""

from __future__ import annotations

import pytest

import liverseg
from liverseg.core import limits
from liverseg.errors import InputTooLarge
from liverseg.io.dicom.volumes import group_into_volumes
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


def test_no_slices_give_no_volumes():
    assert group_into_volumes([], lambda one, other: False) == []
