"""DICOM SEG, read back with highdicom and frame by frame with pydicom."""

from __future__ import annotations

import io
from dataclasses import replace

import highdicom
import numpy as np
import pydicom
import pytest

from liverseg.core.components import find_components
from liverseg.core.lesion_candidates import LesionRules
from liverseg.core.lesion_model import LesionModel, Term
from liverseg.io.dicom.seg import seg_bytes
from tests.liverseg.io.dicom.validator import dciodvfy_errors

TO_LPS = np.diag([-1.0, -1.0, 1.0])


def labels_by_position(dataset: pydicom.Dataset, scene) -> np.ndarray:
    """Labels (S, H, W) on the radiological grid, placed by the positions and orientations in the file."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    along_row, along_column = np.reshape(
        np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float), (2, 3)
    )
    between_rows, between_columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    frames = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    affine = scene.ct.native.radiological_affine
    labels = np.zeros(scene.ct.shape, np.uint8)
    for frame, facts in zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        position = np.array(facts.PlanePositionSequence[0].ImagePositionPatient, float)
        rows, columns = np.nonzero(frame)
        lps = (
            position
            + rows[:, None] * between_rows * along_column
            + columns[:, None] * between_columns * along_row
        )
        index = np.linalg.solve(affine[:3, :3], (lps @ TO_LPS - affine[:3, 3]).T).T
        assert np.abs(index - np.round(index)).max(initial=0) < 1e-3
        number = facts.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        indices = tuple(np.round(index).astype(int).T)
        assert not labels[indices].any(), "segments do not overlap"
        labels[indices] = number
    return labels


def test_pydicom_reads_the_same_voxels_by_position(scene_orientation, build):
    scene = build(scene_orientation)
    dataset = pydicom.dcmread(io.BytesIO(seg_bytes(scene.ct, scene.seg)))
    np.testing.assert_array_equal(labels_by_position(dataset, scene), scene.seg.labels)
    assert dataset.SegmentsOverlap == "NO" and dataset.SegmentationType == "BINARY"
    assert dataset.NumberOfFrames == sum((scene.labels == v).any(axis=(1, 2)).sum() for v in (1, 2))


def test_highdicom_reads_the_same_voxels_by_source_image(scene_orientation, build):
    scene = build(scene_orientation)
    written = highdicom.seg.segread(io.BytesIO(seg_bytes(scene.ct, scene.seg)))
    uids = [one.sop_instance_uid for one in scene.ct.source]
    read = written.get_pixels_by_source_instance(
        uids, combine_segments=True, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(read, scene.labels)


def test_highdicom_reads_the_same_voxels_by_frame(build):
    scene = build(multiframe=True)
    content = seg_bytes(scene.ct, scene.seg)
    written = highdicom.seg.segread(io.BytesIO(content))
    numbers = [one.frame_number for one in scene.ct.source]
    read = written.get_pixels_by_source_frame(
        "1.2.3.4", numbers, combine_segments=True, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(read, scene.labels)
    np.testing.assert_array_equal(
        labels_by_position(pydicom.dcmread(io.BytesIO(content)), scene), scene.seg.labels
    )


def test_frames_spread_over_several_files_are_referenced(build):
    """A file may interleave the frames of several phases, and a scan may span several files."""
    scene = build(multiframe=True)
    source = tuple(
        replace(one, sop_instance_uid=f"1.2.3.4.{k // 4}", frame_number=2 * (k % 4) + 1)
        for k, one in enumerate(scene.ct.source)
    )
    scene = replace(scene, ct=replace(scene.ct, source=source))
    dataset = pydicom.dcmread(io.BytesIO(seg_bytes(scene.ct, scene.seg)))
    np.testing.assert_array_equal(labels_by_position(dataset, scene), scene.seg.labels)
    assert [image.ReferencedSOPInstanceUID for image in dataset.SourceImageSequence] == [
        "1.2.3.4.0",
        "1.2.3.4.1",
    ]
    for facts in dataset.PerFrameFunctionalGroupsSequence:
        (image,) = facts.DerivationImageSequence[0].SourceImageSequence
        (k,) = (
            k for k, one in enumerate(source)
            if (one.sop_instance_uid, one.frame_number)
            == (image.ReferencedSOPInstanceUID, image.ReferencedFrameNumber)
        )  # fmt: skip
        assert facts.PlanePositionSequence[0].ImagePositionPatient == pytest.approx(source[k].position_mm)
        assert image.ReferencedSOPClassUID == source[k].sop_class_uid


def test_study_series_and_every_image_are_referenced(build):
    scene = build()
    dataset = pydicom.dcmread(io.BytesIO(seg_bytes(scene.ct, scene.seg)))
    assert dataset.StudyInstanceUID == "1.2.3.1" and dataset.FrameOfReferenceUID == "1.2.3.3"
    (series,) = dataset.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == "1.2.3.2" != dataset.SeriesInstanceUID
    images = {image.ReferencedSOPInstanceUID for image in series.ReferencedInstanceSequence}
    assert images == {one.sop_instance_uid for one in scene.ct.source}
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert (measures.SliceThickness, measures.SpacingBetweenSlices) == (3.0, 2.5)


def test_segments_have_codes_a_colour_and_the_checkpoint(build):
    scene = build()
    liver, tumour = pydicom.dcmread(io.BytesIO(seg_bytes(scene.ct, scene.seg))).SegmentSequence
    assert (liver.SegmentNumber, liver.SegmentLabel) == (1, "Liver")
    assert liver.SegmentDescription == "Liver without its tumours"
    assert (tumour.SegmentNumber, tumour.SegmentLabel) == (2, "Tumour")
    kinds = [item.SegmentedPropertyTypeCodeSequence[0] for item in (liver, tumour)]
    assert [(kind.CodingSchemeDesignator, kind.CodeValue) for kind in kinds] == [
        ("SCT", "10200004"), ("SCT", "108369006"),
    ]  # fmt: skip
    assert tumour.AnatomicRegionSequence[0].CodeValue == "10200004"
    for item, rgb in ((liver, (40, 110, 255)), (tumour, (255, 155, 10))):
        assert item.SegmentAlgorithmType == "AUTOMATIC"
        algorithm = item.SegmentationAlgorithmIdentificationSequence[0]
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("segformer-b0", "1.0.1")
        colour = highdicom.color.CIELabColor.from_dicom_value(item.RecommendedDisplayCIELabValue)
        assert np.abs(np.subtract(colour.to_rgb(), rgb)).max() <= 2


def with_unsure(scene):
    """The segmentation of a scene in which the smaller tumours are unsure, and its expected values."""
    sizes = find_components(lambda z: scene.seg.labels[z] == 2, len(scene.seg.labels)).sizes
    assert len(sizes) > 1
    liver = (scene.seg.labels > 0).sum()
    limit = np.sort(sizes)[-2:].mean() / liver  # between the largest tumour and the next one
    model = LesionModel(0.0, (Term("share_of_liver", "none", float(limit), 1e-4, 1.0),), 0.5)
    probability = (scene.seg.labels == 2).astype(np.float16)
    seg = replace(
        scene.seg,
        labels=scene.seg.labels.copy(),
        tumour_probability=probability,
        organ_probability=(scene.seg.labels > 0).astype(np.float16),
        threshold=0.5,
    ).with_lesions(LesionRules(0.0, model, 0.5))
    expected = np.where((scene.seg.labels == 2) & (seg.labels == 1), 3, seg.labels)
    assert seg.has_unsure and (seg.labels == 2).any()
    return seg, expected


@pytest.mark.parametrize("multiframe", [False, True])
def test_unsure_lesions_are_a_segment_of_their_own(multiframe, build, tmp_path):
    scene = build(multiframe=multiframe)
    seg, expected = with_unsure(scene)
    path = tmp_path / "segmentation.dcm"
    path.write_bytes(seg_bytes(scene.ct, seg))
    assert dciodvfy_errors(path) == []
    dataset = pydicom.dcmread(path)
    np.testing.assert_array_equal(labels_by_position(dataset, scene), expected)
    liver, _, unsure = dataset.SegmentSequence
    assert liver.SegmentDescription == "Liver without its tumours and unsure lesions"
    assert (unsure.SegmentNumber, unsure.SegmentLabel) == (3, "Unsure lesion")
    assert unsure.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Lesion"
    assert dataset.SegmentsOverlap == "NO"


@pytest.mark.parametrize("kind", ["series", "multiframe", "slice", "no tumour", "nothing"])
def test_dciodvfy_finds_no_error(kind, build, tmp_path):
    labels = build().labels
    labels = {
        "slice": labels[3:4], "no tumour": (labels == 1).astype(np.uint8), "nothing": 0 * labels,
    }.get(kind, labels)  # fmt: skip
    unknown = {"thickness_mm": None} if kind == "multiframe" else {}
    scene = build(labels=labels, multiframe=kind == "multiframe", **unknown)
    path = tmp_path / "segmentation.dcm"
    path.write_bytes(seg_bytes(scene.ct, scene.seg))
    assert dciodvfy_errors(path) == []
    dataset = pydicom.dcmread(path)
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert measures.SliceThickness == (2.5 if kind == "multiframe" else 3)
    assert len(dataset.SegmentSequence) == 2  # described even without voxels
    np.testing.assert_array_equal(labels_by_position(dataset, scene), scene.seg.labels)


def test_rejected_lesions_are_liver_and_the_file_says_that_it_is_edited(build, tmp_path):
    scene = build()
    _, numbered = with_unsure(scene)
    edited = scene.seg.with_rejected([1])
    path = tmp_path / "segmentation.dcm"
    path.write_bytes(seg_bytes(scene.ct, edited))
    assert dciodvfy_errors(path) == []
    dataset = pydicom.dcmread(path)
    expected = np.where(numbered == 2, 1, scene.seg.labels)  # the largest one is lesion 1
    np.testing.assert_array_equal(labels_by_position(dataset, scene), expected)
    assert dataset.SeriesDescription == "liverseg, edited by user, research only: not for clinical use"
    assert dataset.ContentDescription.startswith("Liver and its tumours; edited by the user: 1 lesion")
    for segment in dataset.SegmentSequence:
        assert segment.SegmentAlgorithmType == "SEMIAUTOMATIC"
        assert segment.SegmentDescription.endswith("; edited by the user: 1 lesion rejected")
    plain = pydicom.dcmread(io.BytesIO(seg_bytes(scene.ct, scene.seg)))
    assert plain.SOPInstanceUID != dataset.SOPInstanceUID
    assert {segment.SegmentAlgorithmType for segment in plain.SegmentSequence} == {"AUTOMATIC"}
