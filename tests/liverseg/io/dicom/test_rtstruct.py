"""RTSTRUCT, read back with pydicom and filled with matplotlib."""

from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from matplotlib.path import Path as Polygon

from liverseg.analysis.lesions import lesion_volume
from liverseg.io.dicom.rtstruct import rtstruct_bytes
from tests.liverseg.io.dicom.validator import dciodvfy_errors

LABELS_OF = {"Liver": (1, 2), "Tumour": (2,)}
TO_RAS = np.diag([-1.0, -1.0, 1.0])


def read(scene) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(rtstruct_bytes(scene.ct, scene.seg)))


def contours(rtss, name):
    """(referenced image, points (n, 3) in LPS mm) of each contour of an ROI."""
    (number,) = (roi.ROINumber for roi in rtss.StructureSetROISequence if roi.ROIName == name)
    (drawn,) = (item for item in rtss.ROIContourSequence if item.ReferencedROINumber == number)
    for contour in drawn.get("ContourSequence", []):
        assert contour.ContourGeometricType == "CLOSED_PLANAR"
        points = np.reshape(np.array(contour.ContourData, float), (-1, 3))
        assert len(points) == contour.NumberOfContourPoints >= 4
        (image,) = contour.ContourImageSequence
        yield image, points


def filled(rtss, name, scene, rule) -> np.ndarray:
    """The ROI as a mask (slices, rows, columns): pixels whose centre lies in a contour.

    `rule` combines the masks of several contours in one slice.
    """
    shape = scene.labels.shape
    columns, rows = np.meshgrid(np.arange(shape[2]), np.arange(shape[1]))
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1)
    mask = np.zeros(shape, bool)
    slice_of = {(one.sop_instance_uid, one.frame_number): k for k, one in enumerate(scene.ct.source)}
    for image, points in contours(rtss, name):
        k = slice_of[image.ReferencedSOPInstanceUID, image.get("ReferencedFrameNumber")]
        one = scene.ct.source[k]
        along_row, along_column = np.reshape(one.orientation, (2, 3))
        offset = points - one.position_mm
        assert np.abs(offset @ np.cross(along_row, along_column)).max() < 1e-4, (
            "the contour lies in the plane of its slice"
        )
        flat = np.stack(
            [offset @ along_row / one.pixel_spacing_mm[1], offset @ along_column / one.pixel_spacing_mm[0]], 1
        )
        closed = Polygon(np.concatenate([flat, flat[:1]]), closed=True)
        mask[k] = rule(mask[k], closed.contains_points(centres).reshape(shape[1:]))
    return mask


@pytest.mark.parametrize("rule", [np.logical_xor, np.logical_or])
@pytest.mark.parametrize("name", LABELS_OF)
def test_filled_contours_are_the_mask_under_both_fill_rules(scene_orientation, name, rule, build):
    scene = build(scene_orientation)
    expected = np.isin(scene.labels, LABELS_OF[name])
    mask = filled(read(scene), name, scene, rule)
    assert 2 * (mask & expected).sum() / (mask.sum() + expected.sum()) >= 0.99
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize("name", LABELS_OF)
def test_volume_and_centroid_are_those_of_the_labels(scene_orientation, name, build):
    """Computed from the contour coordinates alone, without the image."""
    scene = build(scene_orientation)
    areas, centroids = [], []
    for _, points in contours(read(scene), name):
        mean = points.mean(axis=0)
        one, two = points - mean, np.roll(points, -1, axis=0) - mean
        normal = np.cross(one, two).sum(axis=0)
        normal /= np.linalg.norm(normal)
        triangles = np.cross(one, two) @ normal / 2  # signed areas of the triangles with the mean
        areas.append(triangles.sum())
        centroids.append(mean + triangles @ (one + two) / 3 / triangles.sum())
    where = np.argwhere(np.isin(scene.seg.labels, LABELS_OF[name]))
    affine = scene.ct.native.radiological_affine
    expected = affine[:3, :3] @ where.mean(axis=0) + affine[:3, 3]
    centroid = TO_RAS @ np.average(centroids, axis=0, weights=areas)
    deviation = np.linalg.solve(affine[:3, :3], centroid - expected)  # in voxels
    assert np.abs(deviation).max() < 0.01
    assert sum(areas) == pytest.approx(len(where) * 0.9 * 0.6, rel=1e-6)


def test_study_series_and_every_image_are_referenced(build):
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
    assert [list(item.ROIDisplayColor) for item in rtss.ROIContourSequence] == [
        [40, 110, 255],
        [255, 155, 10],
    ]
    assert "segformer-b0@1.0.1" in rtss.StructureSetROISequence[0].ROIGenerationDescription
    assert rtss.ApprovalStatus == "UNAPPROVED"


def test_frames_of_one_file_are_referenced_by_their_numbers(build):
    scene = build(multiframe=True)
    rtss = read(scene)
    study = rtss.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    (image,) = study.RTReferencedSeriesSequence[0].ContourImageSequence
    assert list(image.ReferencedFrameNumber) == [1, 2, 3, 4, 5, 6, 7]
    np.testing.assert_array_equal(
        filled(rtss, "Tumour", scene, np.logical_xor), np.isin(scene.labels, LABELS_OF["Tumour"])
    )


@pytest.mark.parametrize("kind", ["series", "multiframe", "slice", "no tumour", "nothing"])
def test_dciodvfy_finds_no_error(kind, build, tmp_path):
    labels = build().labels
    labels = {"slice": labels[3:4], "no tumour": (labels == 1).astype(np.uint8), "nothing": 0 * labels}.get(
        kind, labels
    )
    scene = build(labels=labels, multiframe=kind == "multiframe")
    path = tmp_path / "rtstruct.dcm"
    path.write_bytes(rtstruct_bytes(scene.ct, scene.seg))
    assert dciodvfy_errors(path) == []
    rtss = pydicom.dcmread(path)
    assert len(rtss.ROIContourSequence) == 2  # described even without contours
    for name, members in LABELS_OF.items():
        np.testing.assert_array_equal(
            filled(rtss, name, scene, np.logical_xor), np.isin(scene.labels, members)
        )


def test_a_contour_may_be_longer_than_an_explicit_vr_allows(build):
    labels = np.zeros((1, 64, 200), np.uint8)
    labels[0, :, 0] = labels[0, ::4] = 1
    labels[0, :, ::2] |= np.arange(64)[:, None] % 4 < 3  # combs on a comb: one long outline
    scene = build(labels=labels)
    rtss = read(scene)
    assert rtss.ROIContourSequence[0].ContourSequence[0].get_item("ContourData").length > 2**16
    assert len(list(contours(rtss, "Liver"))) == 1
    np.testing.assert_array_equal(filled(rtss, "Liver", scene, np.logical_or), labels == 1)


def test_rejected_lesions_have_no_contour_and_the_file_says_that_it_is_edited(build, tmp_path):
    scene = build()
    edited = scene.seg.with_rejected(np.arange(1, lesion_volume(scene.seg).max() + 1).tolist())
    path = tmp_path / "rtstruct.dcm"
    path.write_bytes(rtstruct_bytes(scene.ct, edited))
    assert dciodvfy_errors(path) == []
    rtss, plain = pydicom.dcmread(path), read(scene)
    assert list(contours(plain, "Tumour")) and not list(contours(rtss, "Tumour"))
    assert len(list(contours(rtss, "Liver"))) == len(list(contours(plain, "Liver")))
    assert rtss.SeriesDescription.startswith("liverseg, edited by user")
    for roi in rtss.StructureSetROISequence:
        assert roi.ROIGenerationAlgorithm == "SEMIAUTOMATIC"
        assert "; edited by the user: " in roi.ROIDescription
    assert {roi.ROIGenerationAlgorithm for roi in plain.StructureSetROISequence} == {"AUTOMATIC"}
