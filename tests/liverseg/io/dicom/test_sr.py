"""The structured report, read back with highdicom, pydicom, dciodvfy and dsrdump."""

from __future__ import annotations

import io
from dataclasses import replace

import highdicom.sr
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from liverseg.analysis.lesions import lesion_volume
from liverseg.analysis.measure import measure
from liverseg.analysis.report_text import ascii_text
from liverseg.errors import InvalidSetting
from liverseg.io.dicom.references import native_slices
from liverseg.io.dicom.seg import seg_bytes, seg_identity
from liverseg.io.dicom.sr import NOTICE, sr_bytes
from tests.liverseg.io.dicom.edited_scene import edited_scene
from tests.liverseg.io.dicom.validator import dciodvfy_errors, dsrdump_text


def read(content: bytes):
    return highdicom.sr.srread(io.BytesIO(content))


def groups_of(report) -> dict:
    """The measurement groups by their tracking identifier."""
    parts = report.content
    found = [
        *parts.get_volumetric_roi_measurement_groups(),
        *parts.get_image_measurement_groups(),
    ]
    return {group.tracking_identifier: group for group in found}


def values_of(group) -> dict[str, tuple[float, str]]:
    """Value and unit of each measurement by its name."""
    return {one.name.meaning: (one.value, one.unit.value) for one in group.get_measurements()}


def comments_of(container) -> list[str]:
    return [
        item.TextValue
        for item in container.ContentSequence
        if item.ValueType == "TEXT" and item.ConceptNameCodeSequence[0].CodeMeaning == "Comment"
    ]


@pytest.mark.parametrize("with_seg", [True, False])
def test_the_measures_are_those_of_the_report(with_seg, build, tmp_path):
    ct, seg, report = edited_scene(build())
    identity = seg_identity(ct, seg) if with_seg else None
    path = tmp_path / "sr.dcm"
    path.write_bytes(sr_bytes(ct, seg, report, identity))
    assert dciodvfy_errors(path) == []
    dump = dsrdump_text(path)
    assert "Imaging Measurement Report" in dump and NOTICE in dump and "UNVERIFIED" in dump
    groups = groups_of(read(path.read_bytes()))
    assert list(groups)[:2] == ["Liver without its tumours", "Tumours of the liver"]
    assert len(groups) == 2 + len(report.lesions) > 4
    liver, tumour = (values_of(groups[name]) for name in list(groups)[:2])
    assert liver == {"Volume": (pytest.approx(report.liver.volume_ml, abs=1e-3), "cm3")}
    assert tumour["Volume"] == (pytest.approx(report.tumour.volume_ml, abs=1e-3), "cm3")
    share = 100 * report.tumour_share_of_liver
    assert tumour["Volume Ratio"] == (pytest.approx(share, abs=1e-3), "%")
    for lesion in report.lesions:
        values = values_of(groups[f"Lesion {lesion.id}"])
        expected = {
            "Volume": (lesion.volume_ml, "cm3"),
            "Long axis": (lesion.longest_diameter_mm, "mm"),
            "Perpendicular Axis": (lesion.perpendicular_diameter_mm, "mm"),
            "Attenuation Coefficient": (lesion.mean_hu, "[hnsf'U]"),
            "Certainty of Finding": (100 * lesion.lesion_probability, "%"),
        }
        assert values == {k: (pytest.approx(v, abs=1e-3), unit) for k, (v, unit) in expected.items()}


def test_likely_unsure_and_rejected_lesions_are_told_apart(build):
    ct, seg, report = edited_scene(build())
    written = read(sr_bytes(ct, seg, report))
    groups = groups_of(written)
    states = {}
    for lesion in report.lesions:
        group = groups[f"Lesion {lesion.id}"]
        (evaluation,) = group.get_qualitative_evaluations(name=codes.DCM.PresenceOfProperty)
        states[lesion.id] = (
            evaluation.value.meaning,
            group.finding_type.meaning,
            comments_of(group[0])[0].split(":")[0],
        )
        assert [site.value.value for site in group.finding_sites] == ["10200004"]
    assert states[1] == ("Present", "Neoplasm", "likely")
    assert states[2] == ("Absent", "Lesion", "rejected by the user")
    assert set(list(states.values())[2:]) == {("Undetermined", "Lesion", "unsure")}
    first, *others = comments_of(written)
    assert first == f"{NOTICE}; edited by the user: 1 lesion rejected"
    assert others == [ascii_text(doubt.warning) for doubt in report.doubts] != []
    assert "edited by user" in written.SeriesDescription


def test_outlines_fill_exactly_the_voxels_of_each_lesion(scene_orientation, build):
    ct, seg, report = edited_scene(build(scene_orientation))
    numbers = native_slices(ct, lesion_volume(seg))
    places = {one.sop_instance_uid: k for k, one in enumerate(ct.source)}
    groups = groups_of(read(sr_bytes(ct, seg, report, seg_identity(ct, seg))))
    for lesion in report.lesions:
        found = np.zeros(numbers.shape, bool)
        for region in groups[f"Lesion {lesion.id}"].roi:
            points = np.asarray(region.value)  # (column, row) from the corner of the image
            assert (points[0] == points[-1]).all()
            (image,) = region.ContentSequence[0].ReferencedSOPSequence
            k = places[image.ReferencedSOPInstanceUID]
            found[k] |= filled(points, numbers.shape[1:])
        np.testing.assert_array_equal(found, numbers == lesion.id)


def filled(points: np.ndarray, shape) -> np.ndarray:
    """The pixels whose centres lie within a polygon, by the even-odd rule."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in zip(points[:-1], points[1:], strict=True):
        if y0 != y1:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def test_liver_and_tumour_refer_to_the_segments_of_the_seg_that_is_written_along(build):
    ct, seg, report = edited_scene(build())
    identity = seg_identity(ct, seg)
    segmentation = pydicom.dcmread(io.BytesIO(seg_bytes(ct, seg)))
    assert identity.sop_instance_uid == segmentation.SOPInstanceUID
    assert identity.series_uid == segmentation.SeriesInstanceUID
    assert identity.segments == tuple(item.SegmentNumber for item in segmentation.SegmentSequence)
    written = read(sr_bytes(ct, seg, report, identity))
    groups = groups_of(written)
    for name, numbers in (("Liver without its tumours", [1, 3]), ("Tumours of the liver", 2)):
        (item,) = (one for one in groups[name][0].ContentSequence if one.ValueType == "IMAGE")
        (image,) = item.ReferencedSOPSequence
        assert image.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
        assert image.ReferencedSegmentNumber == numbers and "ReferencedFrameNumber" not in image
    (study,) = written.CurrentRequestedProcedureEvidenceSequence
    assert study.StudyInstanceUID == ct.source[0].study_uid == written.StudyInstanceUID
    quoted = {one.SeriesInstanceUID: len(one.ReferencedSOPSequence) for one in study.ReferencedSeriesSequence}
    assert quoted == {"1.2.3.2": len(ct.source), segmentation.SeriesInstanceUID: 1}


def test_the_algorithm_the_observer_and_the_tracking_uids(build):
    ct, seg, report = edited_scene(build(), ())
    written = read(sr_bytes(ct, seg, report))
    group = groups_of(written)["Lesion 1"]
    texts = [item.TextValue for item in group[0].ContentSequence if item.ValueType == "TEXT"]
    assert "liverseg, segformer-b0@1.0.1" in texts and liverseg_version() in texts
    liver = groups_of(written)["Liver without its tumours"]
    parameters = [item.TextValue for item in liver[0].ContentSequence if item.ValueType == "TEXT"]
    assert any(text.startswith("checkpoint segformer-b0@1.0.1, sha256 ab12") for text in parameters)
    assert {"tumour threshold 0.50", "lesion cut 0.50", "engine torch"} <= set(parameters)
    observer = written.content.get_observer_contexts(observer_type=codes.DCM.Device)
    assert observer[0].observer_identifying_attributes.name == "liverseg"
    assert (written.CompletionFlag, written.PreliminaryFlag) == ("COMPLETE", "PRELIMINARY")
    edited = groups_of(read(sr_bytes(*edited_scene(build(), (2,)))))
    uids = {name: one.tracking_uid for name, one in groups_of(written).items()}
    assert uids == {name: one.tracking_uid for name, one in edited.items()}, "an edit does not change them"
    assert len(set(uids.values())) == len(uids)


def liverseg_version() -> str:
    import liverseg

    return liverseg.__version__


@pytest.mark.parametrize("kind", ["multiframe", "slice", "no tumour", "nothing"])
def test_dciodvfy_and_dsrdump_find_no_error(kind, build, tmp_path):
    labels = build().labels
    labels = {
        "slice": labels[3:4], "no tumour": (labels == 1).astype(np.uint8), "nothing": 0 * labels,
    }.get(kind, labels)  # fmt: skip
    scene = build(labels=labels, multiframe=kind == "multiframe")
    report = measure(scene.ct, scene.seg)
    path = tmp_path / "sr.dcm"
    for identity in (None, seg_identity(scene.ct, scene.seg)):
        path.write_bytes(sr_bytes(scene.ct, scene.seg, report, identity))
        assert dciodvfy_errors(path) == [] and dsrdump_text(path)
    groups = groups_of(read(path.read_bytes()))
    name = "Area" if kind == "slice" else "Volume"
    assert all(name in values_of(group) for group in groups.values())
    assert ("Volume Ratio" in values_of(groups["Tumours of the liver"])) == (kind != "nothing")


def test_equal_results_give_equal_bytes_and_other_ones_other_uids(build):
    ct, seg, report = edited_scene(build())
    content = sr_bytes(ct, seg, report)
    assert sr_bytes(ct, seg, report) == content
    others = [
        sr_bytes(ct, seg, report, seg_identity(ct, seg)),
        sr_bytes(*edited_scene(build(), ())),
        sr_bytes(ct, seg, replace(report, lesions=report.lesions[:1])),
    ]
    uids = {pydicom.dcmread(io.BytesIO(one)).SOPInstanceUID for one in (content, *others)}
    assert len(uids) == 4


def test_more_lesions_than_a_report_holds_are_counted(build, monkeypatch):
    monkeypatch.setattr("liverseg.io.dicom.sr.MAX_LESIONS", 2)
    ct, seg, report = edited_scene(build(), ())
    written = read(sr_bytes(ct, seg, report))
    assert list(groups_of(written))[2:] == ["Lesion 1", "Lesion 2"]
    assert comments_of(written)[0].endswith(f"; only the first 2 of {len(report.lesions)} lesions are listed")


def test_other_inputs_are_refused(build):
    scene = build()
    ct = replace(scene.ct, source=())
    with pytest.raises(InvalidSetting, match="not DICOM"):
        sr_bytes(ct, scene.seg, measure(scene.ct, scene.seg))
