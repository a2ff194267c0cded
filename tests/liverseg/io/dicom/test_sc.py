"""Secondary captures: one picture for each slice, and what the files say of it."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from liverseg.analysis.measure import measure
from liverseg.core.window import Window
from liverseg.errors import InvalidSetting
from liverseg.io.dicom.sc import sc_bytes
from liverseg.rendering import capture as rendering
from tests.liverseg.io.dicom.edited_scene import edited_scene
from tests.liverseg.io.dicom.validator import dciodvfy_errors


@pytest.fixture
def captured(build):
    """The files of a scene with a rejected lesion, by slice from 1."""
    ct, seg, report = edited_scene(build())
    return ct, seg, report, dict(sc_bytes(ct, seg, report))


def datasets(files) -> dict:
    return {number: pydicom.dcmread(io.BytesIO(content)) for number, content in files.items()}


def test_every_slice_with_liver_or_tumour_is_one_image_of_one_series(captured, tmp_path):
    ct, seg, _, files = captured
    expected = [z + 1 for z, plane in enumerate(seg.labels) if plane.any()]
    assert list(files) == expected and len(expected) < len(ct.hu)
    images = datasets(files)
    assert {one.SOPClassUID.name for one in images.values()} == {"Secondary Capture Image Storage"}
    assert len({one.SeriesInstanceUID for one in images.values()}) == 1
    assert len({one.SOPInstanceUID for one in images.values()}) == len(images)
    assert len({(one.Rows, one.Columns) for one in images.values()}) == 1
    for number, one in images.items():
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(files[number])
        assert dciodvfy_errors(path) == []
        assert one.StudyInstanceUID == ct.source[0].study_uid and one.InstanceNumber == number
        (source,) = one.SourceImageSequence
        assert source.ReferencedSOPInstanceUID == ct.source[number - 1].sop_instance_uid
        assert one.BurnedInAnnotation == "YES" and one.LossyImageCompression == "01"
        assert one.DerivationDescription.startswith("Research, not for clinical use")
        assert one.DerivationDescription.endswith("edited by the user: 1 lesion rejected")


def test_the_pixels_are_the_picture(captured):
    ct, seg, report, files = captured
    number, image = next(iter(datasets(files).items()))
    picture = rendering.capture(ct, seg, report, number - 1, Window(40, 400))
    assert image.pixel_array.shape == picture.shape
    assert np.abs(image.pixel_array.astype(int) - picture).mean() < 2  # JPEG


def test_slices_from_the_head_on_and_reformats_refer_to_what_they_show(build):
    for name in ("reversed", "coronal"):
        ct, seg, report = edited_scene(build(name))
        z = 2
        ((_, content),) = sc_bytes(ct, seg, report, slice_index=z)
        sources = pydicom.dcmread(io.BytesIO(content)).SourceImageSequence
        uids = [one.ReferencedSOPInstanceUID for one in sources]
        native = [one.sop_instance_uid for one in ct.source]
        assert uids == ([native[-1 - z]] if name == "reversed" else native)


def test_frames_are_named_and_a_result_without_liver_has_one_picture(build):
    scene = build(labels=np.zeros((4, 40, 52), np.uint8), multiframe=True)
    ((number, content),) = sc_bytes(scene.ct, scene.seg, measure(scene.ct, scene.seg))
    (source,) = pydicom.dcmread(io.BytesIO(content)).SourceImageSequence
    assert number == 3 and source.ReferencedFrameNumber == scene.ct.source[2].frame_number


def test_equal_results_give_equal_bytes_and_another_window_another_series(captured):
    ct, seg, report, files = captured
    assert dict(sc_bytes(ct, seg, report)) == files
    other = datasets(dict(sc_bytes(ct, seg, report, Window(60, 200))))
    assert {one.SeriesInstanceUID for one in other.values()}.isdisjoint(
        one.SeriesInstanceUID for one in datasets(files).values()
    )


def test_other_inputs_are_refused(captured):
    ct, seg, report, _ = captured
    with pytest.raises(InvalidSetting, match="not DICOM"):
        list(sc_bytes(replace(ct, source=()), seg, report))
