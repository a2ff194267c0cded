"""RTSTRUCT read by other means than it was made: pydicom for the file, matplotlib to fill the contours."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from matplotlib.path import Path as Polygon

from liverseg.io.dicom.rtstruct import rtstruct_bytes

MEMBERS = {"Liver": (1, 2), "Tumour": (2,)}
TO_RAS = np.diag([-1.0, -1.0, 1.0])


def read(scene) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(rtstruct_bytes(scene.ct, scene.seg)))


def contours(rtss, name):
    """(referenced image, points (n, 3) in LPS mm) of an ROI's contours."""
    (number,) = (roi.ROINumber for roi in rtss.StructureSetROISequence if roi.ROIName == name)
    (drawn,) = (item for item in rtss.ROIContourSequence if item.ReferencedROINumber == number)
    for contour in drawn.get("ContourSequence", []):
        assert contour.ContourGeometricType == "CLOSED_PLANAR"
        points = np.reshape(np.array(contour.ContourData, float), (-1, 3))
        assert len(points) == contour.NumberOfContourPoints >= 4
        (image,) = contour.ContourImageSequence
        yield image, points


def filled(rtss, name, scene, rule) -> np.ndarray:
    """The ROI as a mask (slices, rows, columns) of the files: pixels whose middle is in a contour."""
    shape = scene.labels.shape
    columns, rows = np.meshgrid(np.arange(shape[2]), np.arange(shape[1]))
    middles = np.stack([columns.ravel(), rows.ravel()], axis=1)
    mask = np.zeros(shape, bool)
    places = {(one.sop_instance_uid, one.frame_number): k for k, one in enumerate(scene.ct.source)}
    for image, points in contours(rtss, name):
        k = places[image.ReferencedSOPInstanceUID, image.get("ReferencedFrameNumber")]
        one = scene.ct.source[k]
        along_row, along_column = np.reshape(one.orientation, (2, 3))
        offset = points - one.position_mm
        assert np.abs(offset @ np.cross(along_row, along_column)).max() < 1e-4, "in the plane of its slice"
        flat = np.stack(
            [offset @ along_row / one.pixel_spacing_mm[1], offset @ along_column / one.pixel_spacing_mm[0]], 1
        )
        closed = Polygon(np.concatenate([flat, flat[:1]]), closed=True)
        mask[k] = rule(mask[k], closed.contains_points(middles).reshape(shape[1:]))
    return mask


@pytest.mark.parametrize("rule", [np.logical_xor, np.logical_or])
@pytest.mark.parametrize("name", MEMBERS)
def test_filled_contours_are_the_mask_whether_contours_add_or_exclude(scene_orientation, name, rule, build):
    scene = build(scene_orientation)
    expected = np.isin(scene.labels, MEMBERS[name])
    mask = filled(read(scene), name, scene, rule)
    assert 2 * (mask & expected).sum() / (mask.sum() + expected.sum()) >= 0.99
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("name", MEMBERS)
def test_volume_and_centroid_in_the_patient_are_those_of_the_labels(scene_orientation, name, build):
    """From the coordinates alone: no image of the series is consulted."""
    scene = build(scene_orientation)
    areas, centres = [], []
    for _, points in contours(read(scene), name):
        middle = points.mean(axis=0)
        one, two = points - middle, np.roll(points, -1, axis=0) - middle
        normal = np.cross(one, two).sum(axis=0)
        normal /= np.linalg.norm(normal)
        parts = np.cross(one, two) @ normal / 2  # signed areas of the triangles to the middle
        areas.append(parts.sum())
        centres.append(middle + parts @ (one + two) / 3 / parts.sum())
    where = np.argwhere(np.isin(scene.seg.labels, MEMBERS[name]))
    affine = scene.ct.native.radiological_affine
    expected = affine[:3, :3] @ where.mean(axis=0) + affine[:3, 3]
    centre = TO_RAS @ np.average(centres, axis=0, weights=areas)
    off = np.linalg.solve(affine[:3, :3], centre - expected)
    assert np.abs(off).max() < 0.01  # of a voxel
    assert sum(areas) == pytest.approx(len(where) * 0.9 * 0.6, rel=1e-6)


def test_it_refers_to_the_study_the_series_and_every_image(build):
    scene = build()
    rtss = read(scene)
    (frame,) = rtss.ReferencedFrameOfReferenceSequence
    (study,) = frame.RTReferencedStudySequence
    (series,) = study.RTReferencedSeriesSequence
    assert frame.FrameOfReferenceUID == rtss.FrameOfReferenceUID == "1.2.3.3"
    assert study.ReferencedSOPInstanceUID == rtss.StudyInstanceUID == "1.2.3.1"
    assert series.SeriesInstanceUID == "1.2.3.2" != rtss.SeriesInstanceUID
    images = [image.ReferencedSOPInstanceUID for image in series.ContourImageSequence]
    assert images == [one.sop_instance_uid for one in scene.ct.source]
    assert {roi.ReferencedFrameOfReferenceUID for roi in rtss.StructureSetROISequence} == {"1.2.3.3"}


def test_names_types_and_colours(build):
    rtss = read(build())
    assert [roi.ROIName for roi in rtss.StructureSetROISequence] == ["Liver", "Tumour"]
    assert rtss.StructureSetROISequence[0].ROIDescription == "Liver including its tumours"
    kinds = {item.ReferencedROINumber: item.RTROIInterpretedType for item in rtss.RTROIObservationsSequence}
    assert kinds == {1: "ORGAN", 2: "GTV"}
    assert [list(item.ROIDisplayColor) for item in rtss.ROIContourSequence] == [[40, 210, 105], [255, 60, 60]]
    assert "segformer-b0@1.0.1" in rtss.StructureSetROISequence[0].ROIGenerationDescription
    assert rtss.ApprovalStatus == "UNAPPROVED"


def test_frames_of_one_file_are_told_by_their_numbers(build):
    scene = build(multiframe=True)
    rtss = read(scene)
    study = rtss.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    (image,) = study.RTReferencedSeriesSequence[0].ContourImageSequence
    assert list(image.ReferencedFrameNumber) == [1, 2, 3, 4, 5, 6, 7]
    np.testing.assert_array_equal(
        filled(rtss, "Tumour", scene, np.logical_xor), np.isin(scene.labels, MEMBERS["Tumour"])
    )


@pytest.mark.parametrize("kind", ["series", "multiframe", "slice", "no tumour", "nothing"])
def test_dciodvfy_finds_no_error(kind, build, dciodvfy, tmp_path):
    labels = build().labels
    labels = {"slice": labels[3:4], "no tumour": (labels == 1).astype(np.uint8), "nothing": 0 * labels}.get(
        kind, labels
    )
    scene = build(labels=labels, multiframe=kind == "multiframe")
    path = tmp_path / "rtstruct.dcm"
    path.write_bytes(rtstruct_bytes(scene.ct, scene.seg))
    assert dciodvfy(path) == []
    rtss = pydicom.dcmread(path)
    assert len(rtss.ROIContourSequence) == 2  # looked for, whether found or not
    for name, members in MEMBERS.items():
        np.testing.assert_array_equal(
            filled(rtss, name, scene, np.logical_xor), np.isin(scene.labels, members)
        )


def test_a_contour_longer_than_an_explicit_length_allows(build):
    labels = np.zeros((1, 64, 200), np.uint8)
    labels[0, :, 0] = labels[0, ::4] = 1
    labels[0, :, ::2] |= np.arange(64)[:, None] % 4 < 3  # combs on a comb
    scene = build(labels=labels)
    rtss = read(scene)
    assert rtss.ROIContourSequence[0].ContourSequence[0].get_item("ContourData").length > 2**16
    assert len(list(contours(rtss, "Liver"))) == 1
    np.testing.assert_array_equal(filled(rtss, "Liver", scene, np.logical_or), labels == 1)
