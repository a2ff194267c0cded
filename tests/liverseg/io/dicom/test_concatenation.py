"""An Enhanced CT in several files: together one volume, and a part alone with its doubt."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.errors import UnreadableInput
from tests.liverseg.io.conftest import dicom_bytes


@pytest.fixture
def parts(enhanced, tmp_path):
    """Write an Enhanced CT as `count` files of three frames each; returns the folder and the paths."""

    def write(count, total=True):
        heights = [10 * k for k in range(3 * count)]
        path, _ = enhanced(heights=heights)
        folder = tmp_path / "parts"
        folder.mkdir()
        whole = pydicom.dcmread(path)
        groups, pixels = list(whole.PerFrameFunctionalGroupsSequence), whole.PixelData
        size = len(pixels) // count
        for k in range(count):
            whole.ConcatenationUID, whole.InConcatenationNumber = "1.2.3.9", k + 1
            if total:
                whole.InConcatenationTotalNumber = count
            whole.ConcatenationFrameOffsetNumber = 3 * k
            whole.SOPInstanceUID = whole.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.9.{k + 1}"
            whole.NumberOfFrames = 3
            whole.PerFrameFunctionalGroupsSequence = groups[3 * k : 3 * k + 3]
            whole.PixelData = pixels[size * k : size * (k + 1)]
            (folder / f"{k}.dcm").write_bytes(dicom_bytes(whole))
        return folder, sorted(folder.iterdir()), path

    return write


def test_all_parts_are_one_volume(parts):
    folder, paths, whole = parts(3)
    ct = liverseg.read(folder)
    np.testing.assert_array_equal(ct.hu, liverseg.read(whole).hu)
    assert ct.warnings == () and ct.shape[0] == 9
    assert [one.sop_instance_uid[-1] for one in ct.source] == list("111222333")
    assert [one.frame_number for one in ct.source] == [1, 2, 3] * 3


@pytest.mark.parametrize("present, missing", [([0], "2 of them are"), ([0, 1], "1 of them is")])
def test_some_parts_are_read_with_a_warning(present, missing, parts):
    _, paths, _ = parts(3)
    sources = [[paths[k] for k in present]] + ([paths[0]] if present == [0] else [])
    for source in sources:
        ct = liverseg.read(source)
        assert ct.shape[0] == 3 * len(present)
        assert ["stored in 3 files" in w and missing in w for w in ct.warnings] == [True]


def test_parts_of_an_unknown_number_are_read_with_a_warning(parts):
    folder, _, _ = parts(2, total=False)
    assert ["do not say how many" in w for w in liverseg.read(folder).warnings] == [True]


def test_a_part_missing_in_the_middle_is_refused(parts):
    _, paths, _ = parts(3)
    with pytest.raises(UnreadableInput, match="missing"):
        liverseg.read([paths[0], paths[2]])
