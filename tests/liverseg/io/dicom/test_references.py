"""The references that the reader keeps for SEG and RTSTRUCT, and input that cannot be referenced."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest

import liverseg
from liverseg.core.slicing import single_slice
from liverseg.errors import InvalidSetting
from liverseg.io.dicom.references import native_slices, referable_slices, thickness_mm
from liverseg.phantom import write
from tests.phantoms import make


@pytest.fixture(scope="module")
def phantom_files(tmp_path_factory):
    """The files of a small DICOM series."""
    *files, _ = write(make("volume", seed=3, size=64, slices=6), tmp_path_factory.mktemp("series"), "dicom")
    return files


def read_changed(files, folder, change):
    """Change each dataset by `change(dataset, index)`, save the files to a folder, and read them."""
    for k, path in enumerate(files):
        dataset = pydicom.dcmread(path)
        change(dataset, k)
        dataset.save_as(folder / path.name)
    return liverseg.read(folder)


def check_slices(ct, files):
    """Assert that each native slice has the pixels and the position of the file that it references."""
    stored = {dataset.SOPInstanceUID: dataset for dataset in map(pydicom.dcmread, files)}
    slices = referable_slices(ct)
    assert len(slices) == len(stored)
    for one, hu in zip(slices, native_slices(ct, ct.hu), strict=True):
        dataset = stored.pop(one.sop_instance_uid)
        np.testing.assert_array_equal(hu, dataset.pixel_array + float(dataset.RescaleIntercept))
        assert one.position_mm == tuple(dataset.ImagePositionPatient)
        assert (one.study_uid, one.series_uid) == (dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
        assert one.frame_of_reference_uid == dataset.FrameOfReferenceUID


def test_each_slice_references_its_file(phantom_files):
    check_slices(liverseg.read(phantom_files[::-1]), phantom_files)


def test_references_of_slices_seen_from_the_head_are_in_native_order(phantom_files, tmp_path):
    def mirror(dataset, k):
        dataset.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]

    ct = read_changed(phantom_files, tmp_path, mirror)
    assert ct.native.flipped[0]
    check_slices(ct, list(tmp_path.iterdir()))


def test_one_slice_of_a_series_keeps_its_reference(phantom_files):
    ct = liverseg.read(phantom_files)
    lowest = single_slice(ct, 0)
    assert [one.position_mm[2] for one in referable_slices(lowest)] == [
        min(s.position_mm[2] for s in ct.source)
    ]
    check_slices(lowest, phantom_files[:1])


def test_a_lone_file_is_referenced(phantom_files):
    check_slices(liverseg.read(phantom_files[1]), phantom_files[1:2])


def test_repr_does_not_show_identifiers(phantom_files):
    ct = replace(liverseg.read(phantom_files), hu=np.zeros(1))
    uids = {uid for one in ct.source for uid in one.uids}
    assert not any(uid in text for uid in uids for text in (repr(ct), repr(ct.source), str(ct.source[0])))


def test_input_that_is_not_dicom_cannot_be_referenced(tmp_path):
    files = write(make("volume", seed=3, size=64, slices=6), tmp_path, "nifti")
    with pytest.raises(InvalidSetting, match="not DICOM"):
        referable_slices(liverseg.read(files[0]))


def without(keyword):
    return lambda dataset, k: dataset.pop(keyword)


def with_value(keyword, value):
    return lambda dataset, k: setattr(dataset, keyword, value)


BROKEN = {
    "no study": (without("StudyInstanceUID"), r"is missing: Study Instance UID\.$"),
    "no frame of reference and no series": (
        lambda d, k: [d.pop("SeriesInstanceUID"), d.pop("FrameOfReferenceUID")],
        r"are missing: Series Instance UID, Frame of Reference UID\.$",
    ),
    "a UID with letters": (
        with_value("StudyInstanceUID", "1.2.SMITH"),
        r"is not valid: Study Instance UID\.$",
    ),
    "neither": (
        lambda d, k: [d.pop("StudyInstanceUID"), d.pop("FrameOfReferenceUID")],
        r"are missing: Study Instance UID, Frame of Reference UID\.$",
    ),
    "copies": (with_value("SOPInstanceUID", "1.2.3"), "the same identifier"),
    "two studies": (lambda d, k: setattr(d, "StudyInstanceUID", f"1.2.{k}"), "do not share one study"),
    "two frames of reference": (lambda d, k: setattr(d, "FrameOfReferenceUID", f"1.{k}"), "do not share"),
    "no pixel spacing": (without("PixelSpacing"), "size of the voxels in the patient is unknown"),
}


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("name", BROKEN)
def test_files_without_consistent_identifiers_are_refused_in_one_sentence(name, phantom_files, tmp_path):
    change, reason = BROKEN[name]
    ct = read_changed(phantom_files, tmp_path, change)
    with pytest.raises(InvalidSetting, match=reason) as refusal:
        referable_slices(ct)
    assert "SMITH" not in str(refusal.value) and str(refusal.value).endswith(".")


def test_files_without_a_position_are_refused(phantom_files):
    ct = liverseg.read(phantom_files)
    with pytest.raises(InvalidSetting, match="does not say where its slices lie"):
        referable_slices(replace(ct, native=replace(ct.native, affine=None)))


def test_a_resampled_volume_is_refused(phantom_files):
    ct = liverseg.read(phantom_files)
    half = replace(ct.native, shape=(12, 64, 64), affine=ct.native.affine @ np.diag([0.5, 1, 1, 1]))
    moved = ct.native.affine.copy()
    moved[:3, 3] += 1.5 * moved[:3, 2]
    for native in (half, replace(ct.native, affine=moved)):
        with pytest.raises(InvalidSetting, match="resampled"):
            referable_slices(replace(ct, native=native))


def test_the_thickness_is_that_of_the_file_or_the_distance_of_slices(phantom_files, tmp_path):
    slices = liverseg.read(phantom_files).source
    assert thickness_mm(slices) == slices[0].thickness_mm
    unknown = tuple(replace(one, thickness_mm=None) for one in slices)
    distance = abs(slices[1].position_mm[2] - slices[0].position_mm[2])
    assert thickness_mm(unknown) == pytest.approx(distance)
    with pytest.raises(InvalidSetting, match="thickness"):
        thickness_mm(unknown[:1])
