"""From an input to its report: the order of the steps, one slice, another threshold, two checkpoints."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace

import cv2
import nibabel
import numpy as np
import pytest

import liverseg.pipeline
from liverseg.core.window import Window
from liverseg.errors import Cancelled, InvalidSetting, LiversegError
from liverseg.pipeline import AnalysisSettings, Run, analyse, analyse_image, compare_image, read_timed
from tests.liverseg.analysis.scenes import image
from tests.liverseg.lesion_scenes import LIKELY_VOXELS, UNSURE_VOXELS, ct_of_scan, model_segmenter
from tests.liverseg.volume_checkpoints import (
    BACKGROUND_HU,
    LIVER_HU,
    TUMOUR_HU,
    SliceRule,
    probabilities,
    slice_segmenter,
)

SPACING_MM = (5.0, 0.8, 0.8)
UNCERTAIN_HU = 94.0  # the rule gives it a tumour probability of 0.2
LIVER_PX, TUMOUR_PX, UNCERTAIN_PX = 900, 36, 16  # in each inner slice


def hu_of_volume() -> np.ndarray:
    """(4, 64, 64) HU: liver with a tumour and an uncertain spot in the two inner slices."""
    hu = np.full((4, 64, 64), BACKGROUND_HU, np.float32)
    hu[1:3, 10:40, 5:35] = LIVER_HU
    hu[1:3, 20:26, 10:16] = TUMOUR_HU
    hu[1:3, 30:34, 20:24] = UNCERTAIN_HU
    return hu


def ct_of_volume():
    hu = hu_of_volume()
    return image(np.zeros(hu.shape, np.uint8), SPACING_MM, hu=hu)


@pytest.fixture
def volume_path(tmp_path):
    """The volume as NIfTI."""
    affine = np.diag([-SPACING_MM[2], -SPACING_MM[1], SPACING_MM[0], 1.0])
    path = tmp_path / "ct.nii"
    nibabel.save(nibabel.Nifti1Image(hu_of_volume().transpose(2, 1, 0).astype(np.int16), affine), path)
    return path


class RecordingLock:
    """A lock as context manager that counts how often it was held."""

    def __init__(self) -> None:
        self.held, self.times = False, 0

    def __enter__(self) -> None:
        self.held, self.times = True, self.times + 1

    def __exit__(self, *error: object) -> None:
        self.held = False


class WatchedRule(SliceRule):
    """The rule, which records whether a lock was held during each run."""

    def __init__(self, lock: RecordingLock) -> None:
        super().__init__()
        self.lock, self.held = lock, []

    def run(self, hu: np.ndarray) -> np.ndarray:
        self.held.append(self.lock.held)
        return super().run(hu)


def test_a_file_becomes_a_report_with_its_sizes_and_reading_time(volume_path):
    analysis = analyse(volume_path, slice_segmenter)
    report = analysis.report
    tumour, liver = 2 * TUMOUR_PX, 2 * (LIVER_PX - TUMOUR_PX)
    assert (report.liver.count, report.tumour.count) == (liver, tumour)
    assert report.tumour.volume_ml == pytest.approx(tumour * np.prod(SPACING_MM) / 1000)
    assert report.tumour_share_of_liver == pytest.approx(tumour / (liver + tumour))
    assert report.timing_s["reading"] > 0 and analysis.measuring_s > 0
    assert analysis.measured == (analysis.ct, analysis.seg) and analysis.slice_index is None


def test_the_reading_time_is_what_the_caller_measured():
    ct = ct_of_volume()
    assert analyse_image(ct, slice_segmenter(), reading_s=1.5).report.timing_s["reading"] == 1.5
    assert "reading" not in analyse_image(ct, slice_segmenter()).report.timing_s


def test_read_timed_reads_with_the_settings(tmp_path):
    cv2.imwrite(str(tmp_path / "ct.png"), np.full((64, 64), 255, np.uint8))
    ct, seconds = read_timed(tmp_path / "ct.png", AnalysisSettings(Window(60, 200)))
    assert ct.assumed_window == Window(60, 200) and ct.hu.max() == 160 and seconds > 0


def test_the_input_is_read_then_checked_then_the_checkpoint_loaded(volume_path):
    steps = []

    def load():
        steps.append("load")
        return slice_segmenter()

    analyse(volume_path, load, check=lambda ct: steps.append(ct.shape))
    assert steps == [(4, 64, 64), "load"]


def test_a_refused_input_loads_no_checkpoint(volume_path, tmp_path):
    def check(ct):
        raise InvalidSetting("No.")

    def load():
        raise AssertionError("loaded")

    with pytest.raises(InvalidSetting, match=r"^No\.$"):
        analyse(volume_path, load, check=check)
    with pytest.raises(LiversegError):
        analyse(tmp_path / "absent.nii", load)


def test_one_slice_is_measured_as_a_slice():
    segmenter = slice_segmenter(engine := SliceRule())
    analysis = analyse_image(ct_of_volume(), segmenter, AnalysisSettings(slice_index=2))
    assert engine.runs == 1
    assert analysis.seg.labels.shape == (4, 64, 64) and not analysis.seg.labels[1].any()
    ct, seg = analysis.measured
    assert ct.kind == "slice" and ct.shape == seg.labels.shape == (1, 64, 64)
    assert np.array_equal(seg.labels[0], analysis.seg.labels[2])
    tumour = analysis.report.tumour
    assert (tumour.kind, tumour.count, tumour.volume_ml) == ("slice", TUMOUR_PX, None)
    assert tumour.area_mm2 == pytest.approx(TUMOUR_PX * 0.64)


def test_keep_all_keeps_a_second_body():
    ct = ct_of_volume()
    ct.hu[1, 50:60, 50:60] = LIVER_HU
    one, both = (
        analyse_image(ct, slice_segmenter(), AnalysisSettings(keep_all=keep)).report for keep in (False, True)
    )
    assert both.liver.count - one.liver.count == 100
    assert one.removed.liver.count == 100 and both.removed is None


@pytest.mark.parametrize("slice_index", [None, 1])
def test_another_threshold_gives_the_result_of_a_run_with_it(slice_index):
    ct = ct_of_volume()
    first = analyse_image(
        ct, slice_segmenter(engine := SliceRule()), AnalysisSettings(slice_index=slice_index)
    )
    runs = engine.runs
    lower = first.at_threshold(0.1)
    assert engine.runs == runs and first.at_threshold(first.seg.threshold) is first
    slices = 2 if slice_index is None else 1
    assert lower.report.tumour.count == slices * (TUMOUR_PX + UNCERTAIN_PX)
    assert lower.report.tumour_threshold == 0.1 and first.report.tumour.count == slices * TUMOUR_PX
    settings = AnalysisSettings(slice_index=slice_index, threshold=0.1)
    again = analyse_image(ct, slice_segmenter(), settings)
    assert np.array_equal(again.seg.labels, lower.seg.labels)
    assert again.report.labels_sha256 == lower.report.labels_sha256
    assert again.report.lesions == lower.report.lesions


def test_the_network_is_held_while_it_runs_but_not_while_measuring(monkeypatch):
    lock, held_while_measuring = RecordingLock(), []
    measure = liverseg.pipeline.measure

    def watched_measure(*arguments):
        held_while_measuring.append(lock.held)
        return measure(*arguments)

    monkeypatch.setattr(liverseg.pipeline, "measure", watched_measure)
    engine, done = WatchedRule(lock), []
    run = Run(progress=lambda *counts: done.append(counts), network=lock)
    analyse_image(ct_of_volume(), slice_segmenter(engine), run=run)
    assert len(engine.held) == 4 and all(engine.held) and lock.times == 1
    assert held_while_measuring == [False] and done[-1] == (4, 4)


def test_a_cancelled_run_releases_the_network():
    lock, stop = RecordingLock(), threading.Event()
    stop.set()
    engine = SliceRule()
    with pytest.raises(Cancelled):
        analyse_image(ct_of_volume(), slice_segmenter(engine), run=Run(cancelled=stop, network=lock))
    assert lock.times == 1 and not lock.held and engine.runs == 0


class BlindRule(SliceRule):
    """The rule without any tumour: its probability goes to the liver."""

    def run(self, hu: np.ndarray) -> np.ndarray:
        self.runs += len(hu)
        each = [probabilities(one[one.shape[0] // 2]) for one in hu]
        return np.stack([np.stack([p[0], p[1] + p[2], np.zeros_like(p[2])]) for p in each])


@pytest.mark.parametrize("slice_index", [None, 1])
def test_two_checkpoints_are_compared_voxel_by_voxel(slice_index):
    settings = AnalysisSettings(slice_index=slice_index, threshold=0.1)
    segmenters = (slice_segmenter(), slice_segmenter(BlindRule()))
    comparison = compare_image(ct_of_volume(), segmenters, settings, Run(network=nullcontext()))
    slices = 2 if slice_index is None else 1
    tumour, liver = slices * (TUMOUR_PX + UNCERTAIN_PX), slices * LIVER_PX
    agreement = comparison.agreement
    assert (comparison.a.report.tumour.count, comparison.b.report.tumour.count) == (tumour, 0)
    assert agreement.tumour.dice == 0 and agreement.organ.dice == 1
    assert agreement.liver.dice == pytest.approx(2 * (liver - tumour) / (2 * liver - tumour))
    assert agreement.tumour.only_a.kind == ("volume" if slice_index is None else "slice")


def test_a_comparison_of_a_slice_that_does_not_exist_runs_no_network():
    engine = SliceRule()
    segmenters = (slice_segmenter(engine), slice_segmenter(engine))
    with pytest.raises(InvalidSetting, match="no slice 4"):
        compare_image(ct_of_volume(), segmenters, AnalysisSettings(slice_index=4))
    assert engine.runs == 0


def test_the_lesion_cut_decides_which_lesions_are_likely_and_moves_without_the_network():
    ct, segmenter = ct_of_scan(), model_segmenter()
    strict = analyse_image(ct, segmenter, AnalysisSettings(lesion_cut=0.9))
    assert [lesion.likely for lesion in strict.report.lesions] == [False, False]
    assert strict.report.settings.lesion_cut == 0.9 and strict.report.tumour.count == 0
    runs = segmenter.engine.runs
    moved = strict.at_threshold(strict.seg.threshold, 0.5)
    assert [lesion.likely for lesion in moved.report.lesions] == [True, False]
    assert moved.report.tumour.count == LIKELY_VOXELS and segmenter.engine.runs == runs
    assert moved.at_threshold(moved.seg.threshold) is moved.at_threshold(moved.seg.threshold, 0.5) is moved


def test_a_comparison_applies_the_cut_to_the_checkpoint_with_a_model():
    ct, settings = ct_of_scan(), AnalysisSettings(lesion_cut=0.9)
    compared = compare_image(ct, (model_segmenter(), slice_segmenter()), settings)
    assert compared.a.report.tumour.count == 0
    assert compared.b.report.tumour.count == LIKELY_VOXELS + UNSURE_VOXELS
    with pytest.raises(InvalidSetting, match="no lesion model"):
        compare_image(ct, (slice_segmenter(), slice_segmenter()), settings)


@pytest.mark.parametrize("segmenter", [slice_segmenter, model_segmenter])
def test_lesions_are_rejected_and_restored_without_the_network(segmenter):
    ct, segmenter = ct_of_scan(), segmenter()
    plain = analyse_image(ct, segmenter)
    unsure = 0 if segmenter.lesion_rules(4).model is None else 1
    runs = segmenter.engine.runs
    edited = plain.with_rejected([1])
    assert edited.report.tumour.count == plain.report.tumour.count - LIKELY_VOXELS
    assert edited.report.decision.unsure == unsure
    assert edited.with_rejected(edited.seg.rejected).report.edited == edited.report.edited
    restored = edited.with_rejected([])
    assert replace(restored.report, timing_s={}) == replace(plain.report, timing_s={})
    np.testing.assert_array_equal(restored.seg.labels, plain.seg.labels)
    assert plain.with_rejected([]) is plain and segmenter.engine.runs == runs
    asked = analyse_image(ct, segmenter, AnalysisSettings(rejected=(1,)))
    assert replace(asked.report, timing_s={}) == replace(edited.report, timing_s={})
    with pytest.raises(InvalidSetting, match="There is no lesion 3: the lesions have the numbers 1 to 2."):
        plain.with_rejected([3])


def test_the_numbers_of_one_slice_are_those_of_its_report():
    ct = ct_of_scan()
    plain = analyse_image(ct, slice_segmenter(), AnalysisSettings(slice_index=1))
    edited = plain.with_rejected([2])
    assert [lesion.count for lesion in plain.report.lesions] == [TUMOUR_PX, UNSURE_VOXELS]
    assert edited.report.tumour.count == TUMOUR_PX and edited.report.edited.rejected == (2,)
