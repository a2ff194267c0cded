"""Which formats an image can have, and the reasons against the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

import liverseg
from liverseg.app.api.files import wanted_formats
from liverseg.errors import InvalidSetting
from liverseg.io import FORMATS
from liverseg.io.formats import TITLES, check_formats, left_out_sentences, reason_against
from liverseg.phantom import make, write
from tests.liverseg.io.results import nifti_result, picture_result


def reasons(ct, slice_index=None):
    found = {name: reason_against(ct, name, slice_index) for name in TITLES}
    return {name: reason for name, reason in found.items() if reason}


def test_every_format_has_a_title():
    assert set(TITLES) == set(FORMATS)


def test_a_nifti_volume_has_no_picture_and_no_dicom():
    ct = nifti_result()[0]
    assert reasons(ct) == {
        "png": "PNG: a picture holds one slice, and the input is a volume.",
        "seg": "DICOM SEG: the input is not DICOM.",
        "rtstruct": "DICOM RTSTRUCT: the input is not DICOM.",
        "sr": "DICOM SR: the input is not DICOM.",
        "sc": "DICOM secondary capture: the input is not DICOM.",
    }
    one_slice = reasons(ct, 1)
    assert set(one_slice) == {"seg", "rtstruct", "sr", "sc", "glb"} and "single slice" in one_slice["glb"]


def test_a_volume_without_a_spacing_has_no_mesh():
    ct = replace(nifti_result()[0], spacing_mm=None)
    assert reasons(ct)["glb"] == (
        "3D surface (GLB): a mesh has its size in metres, and the voxel spacing of this input is not known."
    )


def test_a_dicom_slice_without_a_thickness_has_an_rtstruct_and_no_seg(tmp_path):
    file = write(make("slice", seed=2, size=64), tmp_path, "dicom")[0]
    ct = liverseg.read(file)
    assert set(reasons(ct)) == {"glb"}
    thin = replace(ct, source=(replace(ct.source[0], thickness_mm=None),))
    assert reasons(thin)["seg"] == "DICOM SEG: the DICOM file does not give the thickness of its slice."
    assert "rtstruct" not in reasons(thin)
    anonymous = replace(ct, source=(replace(ct.source[0], study_uid=""),))
    assert reasons(anonymous)["rtstruct"] == (
        "DICOM RTSTRUCT: an identifier that the standard requires is missing: Study Instance UID."
    )


def test_the_refusal_has_the_reason_and_names_all_that_must_be_left_out():
    ct = picture_result()[0]
    with pytest.raises(InvalidSetting) as refusal:
        check_formats(ct, ("png", "seg", "csv", "rtstruct", "glb"))
    sentence = "DICOM SEG: the input is not DICOM; leave out the formats seg, rtstruct and glb."
    assert str(refusal.value) == sentence


def test_png_of_a_volume_is_refused_only_where_nothing_else_holds_the_labels():
    ct = nifti_result()[0]
    with pytest.raises(InvalidSetting, match=r"^PNG: .*; ask for nifti, or name one slice\.$"):
        check_formats(ct, ("png", "csv"))
    assert check_formats(ct, ("png", "nifti")) == ("png", "nifti")
    assert check_formats(ct, ("png",), 1) == ("png",)


def test_formats_that_dicom_files_cannot_have_are_left_out_of_those_that_they_can(tmp_path):
    ct = liverseg.read(write(make("slice", seed=2, size=64), tmp_path, "dicom")[0])
    lacking = replace(ct, source=(replace(ct.source[0], study_uid="", thickness_mm=None),))
    assert check_formats(lacking, ("seg", "csv", "rtstruct")) == ("csv",)
    assert wanted_formats("seg,csv", lacking, None) == ("seg", "csv"), "the answer has the reason"
    assert left_out_sentences(lacking, ("seg", "csv", "rtstruct")) == (
        "DICOM SEG and DICOM RTSTRUCT cannot be written: an identifier that the standard requires is "
        "missing: Study Instance UID; the other results are written.",
    )
    assert left_out_sentences(ct, ("seg", "csv")) == left_out_sentences(lacking, None) == ()
    for formats in (("seg",), ("seg", "glb")):
        with pytest.raises(InvalidSetting, match="leave out"):
            check_formats(lacking, formats)
