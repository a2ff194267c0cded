"""Slices without a frame of reference: one is made from their other identifiers, or they stay as they are."""

from __future__ import annotations

import io
from dataclasses import replace

import pydicom
import pytest

import liverseg
from liverseg.app.text.catalogue import speaking
from liverseg.app.text.core_sentences import translation_of
from liverseg.io.dicom.frame_of_reference import MADE_WARNING, SHARED_WARNING, with_frame_of_reference
from liverseg.io.dicom.rtstruct import rtstruct_bytes
from liverseg.io.dicom.seg import seg_bytes
from liverseg.phantom import write
from tests.liverseg.io.dicom.validator import dciodvfy_errors
from tests.phantoms import make


def unnamed(slices, uid=""):
    return [replace(one, frame_of_reference_uid=uid) for one in slices]


def test_a_frame_is_made_from_the_identifiers_of_study_and_series(build):
    slices = build().ct.source
    made, warning = with_frame_of_reference(unnamed(slices))
    (uid,) = {one.frame_of_reference_uid for one in made}
    assert pydicom.uid.UID(uid).is_valid and warning == MADE_WARNING
    assert with_frame_of_reference(unnamed(slices)[2:])[0] == made[2:], "a part of the series has the same"
    assert [replace(one, frame_of_reference_uid="") for one in made] == unnamed(slices)
    assert with_frame_of_reference(unnamed(slices, "ANONYMOUS"))[0] == made
    for other in ({"series_uid": "1.2.3.7"}, {"study_uid": "1.2.3.7"}):
        moved, _ = with_frame_of_reference([replace(one, **other) for one in unnamed(slices)])
        assert moved[0].frame_of_reference_uid != uid


def test_the_frame_that_the_other_slices_name_is_taken(build):
    slices = build().ct.source
    assert with_frame_of_reference([*unnamed(slices[:2]), *slices[2:]]) == (slices, SHARED_WARNING)
    assert with_frame_of_reference(slices) == (slices, "")


@pytest.mark.parametrize(
    "change",
    [
        {"study_uid": ""},
        {"series_uid": "SMITH"},
        {"position_mm": None},
        {"orientation": None},
    ],
)
def test_no_frame_is_made_where_the_slices_do_not_prove_one(change, build):
    slices = tuple(replace(one, **change) for one in unnamed(build().ct.source))
    assert with_frame_of_reference(slices) == (slices, "")


def test_slices_of_several_series_or_frames_stay_as_they_are(build):
    slices = tuple(unnamed(build().ct.source))
    for first in (
        replace(slices[0], series_uid="1.2.3.7"),
        replace(slices[0], frame_of_reference_uid="SMITH"),
    ):
        second = replace(slices[1], frame_of_reference_uid="1.2.8")
        assert with_frame_of_reference((first, second, *slices[2:])) == ((first, second, *slices[2:]), "")


@pytest.mark.parametrize("kind", ["series", "slice"])
def test_both_dicom_results_name_the_frame_and_the_right_images(kind, build, tmp_path):
    folder = tmp_path / "in"
    *files, _ = write(make("volume", seed=3, size=64, slices=6), folder, "dicom")
    for path in files:
        dataset = pydicom.dcmread(path)
        del dataset.FrameOfReferenceUID
        dataset.save_as(path)
    ct = liverseg.read(files if kind == "series" else files[0])
    assert MADE_WARNING in ct.warnings
    seg = replace(
        build().seg, labels=(ct.hu > 40).astype("u1"), tumour_probability=ct.hu, organ_probability=ct.hu
    )
    uids = {pydicom.dcmread(path).SOPInstanceUID for path in (files if kind == "series" else files[:1])}
    for number, content in enumerate((seg_bytes(ct, seg), rtstruct_bytes(ct, seg))):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(content)
        assert dciodvfy_errors(path) == []
        written = pydicom.dcmread(io.BytesIO(content))
        assert written.FrameOfReferenceUID == ct.source[0].frame_of_reference_uid
        quoted = {
            element.value for element in written.iterall() if element.keyword == "ReferencedSOPInstanceUID"
        }
        assert uids <= quoted


@pytest.mark.parametrize("language", ["de", "fr", "es", "zh-CN"])
def test_the_warnings_are_translated(language):
    with speaking(language):
        assert None not in map(translation_of, (MADE_WARNING, SHARED_WARNING))
