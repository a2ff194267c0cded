"""The segmenter on volumes: skipped slices, removed bodies, memory, cancellation, networks for volumes."""

from __future__ import annotations

import threading
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from liverseg import phantom
from liverseg.analysis.measure import measure
from liverseg.core.largest_component import keep_largest_body
from liverseg.core.segmentation import SKIPPED_SLICES_WARNING
from liverseg.errors import Cancelled, CheckpointRefused, LiversegError
from liverseg.inference.segmenter import Segmenter
from liverseg.io.read import from_array
from registry import InputSpec, WindowSpec, open_registries
from tests.liverseg.volume_checkpoints import (
    BACKGROUND_HU,
    LIVER_HU,
    TUMOUR_HU,
    SliceRule,
    probabilities,
    slice_segmenter,
    write_volume_checkpoint,
)

SPACING = (2.0, 0.8, 0.8)


def scan(slices=60, side=64, liver=(20, 45), tumour=(28, 34), specks=()):
    """HU (S, H, W): a block of liver that contains a block of tumour, and separate small blocks."""
    hu = np.full((slices, side, side), BACKGROUND_HU, np.float32)
    hu[slice(*liver), 10:50, 10:40] = LIVER_HU
    hu[slice(*tumour), 20:30, 20:28] = TUMOUR_HU
    for z, value in specks:
        hu[z : z + 2, 56:60, 56:60] = value
    return hu


def spec(patch=(16, 32, 32), spacing=None):
    return InputSpec("volume", 1, (WindowSpec(40, 400),), 64, spacing, patch)


# --- removed bodies --------------------------------------------------------------------


def test_bodies_apart_from_the_liver_are_removed_and_reported():
    ct = from_array(scan(specks=[(22, LIVER_HU), (30, TUMOUR_HU), (55, TUMOUR_HU)]), SPACING)
    seg = slice_segmenter().segment(ct)
    assert not seg.labels[:, 56:60, 56:60].any() and (seg.labels[30, 20:30, 20:28] == 2).all()
    assert seg.removed.bodies >= 2 and seg.removed.liver == 32 and seg.removed.tumour >= 32
    assert seg.tumour_probability[30, 57, 57] == 1, "probabilities are the network's own"
    report = measure(ct, seg)
    removed = report.to_dict()["removed"]
    voxel_ml = 2 * 0.8 * 0.8 / 1000
    assert removed["bodies"] == seg.removed.bodies
    assert removed["liver"] == {"voxels": 32, "volume_ml": pytest.approx(32 * voxel_ml, abs=1e-6)}
    assert any("largest connected body" in warning and "removed" in warning for warning in report.warnings)
    assert len(report.lesions) == 1

    kept = slice_segmenter().segment(ct, keep_all=True)
    assert kept.removed is None and kept.skipped == ()
    assert (kept.labels[22:24, 56:60, 56:60] == 1).all() and (kept.labels[55:57, 56:60, 56:60] == 2).all()
    assert measure(ct, kept).to_dict()["removed"] is None


def test_without_separate_bodies_nothing_is_reported():
    ct = from_array(scan(), SPACING)
    report = measure(ct, slice_segmenter().segment(ct))
    assert report.removed.bodies == 0 and not any("removed" in warning for warning in report.warnings)


def test_all_parts_of_the_liver_are_kept_in_a_single_slice():
    hu = scan(specks=[(30, LIVER_HU)])
    for ct, index in ((from_array(hu[30]), None), (from_array(hu), 30)):
        seg = slice_segmenter().segment(ct, only_slice=index)
        assert seg.removed is None and (seg.labels[index or 0, 56:60, 56:60] == 1).all()


def test_another_threshold_keeps_only_the_largest_body():
    hu = scan()
    hu[20:45, 40:56, 10:14] = 85.0  # tumour probability 0.5
    hu[50:52, 5:9, 5:9] = 85.0
    seg = slice_segmenter().segment(from_array(hu, SPACING), threshold=0.9)
    lower = seg.at_threshold(0.4)
    assert (lower.labels[20:45, 40:56, 10:14] == 2).all() and not lower.labels[50:52, 5:9].any()
    fresh = slice_segmenter().segment(from_array(hu, SPACING), threshold=0.4)
    assert np.array_equal(lower.labels, fresh.labels) and lower.warnings == ()


def test_a_threshold_that_may_affect_skipped_slices_gives_a_warning():
    hu = scan(slices=90)
    hu[45:80, 10:50, 10:40] = 12.0  # organ 0.24, all of it called tumour at a low threshold only
    seg = slice_segmenter().segment(from_array(hu, SPACING), threshold=0.5)
    assert seg.skipped and seg.warnings == ()
    low = seg.at_threshold(0.1)
    assert low.warnings == (SKIPPED_SLICES_WARNING,)
    assert low.at_threshold(0.5).warnings == ()


# --- skipped slices -------------------------------------------------------------------------------


def test_skipped_slices_are_not_run_and_reported():
    engine = SliceRule()
    ct = from_array(scan(slices=200, liver=(80, 120), tumour=(90, 95)), SPACING)
    reports = []
    seg = slice_segmenter(engine).segment(ct, progress=lambda done, of: reports.append((done, of)))
    assert engine.runs < 120
    assert sum(last - first + 1 for first, last in seg.skipped) == 200 - engine.runs
    assert [n for n, _ in reports[:-1]] == list(range(1, engine.runs + 1)) and reports[-1] == (200, 200)
    assert not any(seg.organ_probability[first : last + 1].any() for first, last in seg.skipped)
    assert measure(ct, seg).to_dict()["skipped_slices"] == [list(pair) for pair in seg.skipped]
    everything = slice_segmenter().segment(ct, keep_all=True)
    keep_largest_body(everything.labels)
    assert np.array_equal(seg.labels, everything.labels)


class Remembering:
    """An engine that runs each slice only once and remembers the result."""

    def __init__(self, engine):
        self._run, self.name, self._known = engine.run, engine.name, {}

    def run(self, hu):
        key = hu.tobytes()
        if key not in self._known:
            self._known[key] = self._run(hu)
        return self._known[key]

    def run_each(self, slices):
        return map(self.run, slices)


@pytest.fixture(scope="module")
def network():
    """A bundled network, and a phantom that extends below and above the liver."""
    made = phantom.make("volume", seed=5, size=96, slices=44, spacing_mm=(7.0, 4.2, 4.2))
    segmenter = Segmenter.load("segformer-b0-fast", registries=open_registries("bundled"))
    # Without the checkpoint's rules, which locate the liver in another way.
    plain = replace(segmenter.checkpoint, manifest=replace(segmenter.checkpoint.manifest, extra={}))
    return made, Segmenter(plain, Remembering(segmenter.engine))


@pytest.mark.parametrize("step", [2, 4, 7])
def test_skipping_slices_does_not_change_the_labels(network, step):
    made, segmenter = network
    ct = from_array(made.hu, (10 / step, 4.2, 4.2))  # sampled every `step` slices
    fast, whole = segmenter.segment(ct), segmenter.segment(ct, keep_all=True)
    assert fast.skipped, "there is nothing to prove"
    run = np.ones(len(ct.hu), bool)
    for first, last in fast.skipped:
        run[first : last + 1] = False
    assert np.array_equal(fast.tumour_probability[run], whole.tumour_probability[run])
    keep_largest_body(whole.labels)
    assert np.array_equal(fast.labels, whole.labels)
    for a, b in zip(measure(ct, fast).lesions, measure(ct, whole).lesions, strict=True):
        assert a == b


# --- cancellation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["event", "function"])
def test_a_cancelled_run_stops_before_the_next_slice(kind):
    engine, event = SliceRule(), threading.Event()

    def watch(done, of):
        if done == 5:
            event.set()

    cancelled = event if kind == "event" else event.is_set
    with pytest.raises(Cancelled, match="cancelled"):
        slice_segmenter(engine).segment(from_array(scan(), SPACING), progress=watch, cancelled=cancelled)
    assert engine.runs == 5 and issubclass(Cancelled, LiversegError)


def test_a_cancelled_run_stops_before_the_next_patch(tmp_path):
    segmenter = write_volume_checkpoint(tmp_path, spec())
    asked = []

    def stop():
        asked.append(None)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        segmenter.segment(from_array(scan(), SPACING), cancelled=stop)
    assert len(asked) == 4


# --- memory ------------------------------------------------------------------------------------


def test_memory_is_bounded_by_a_few_bytes_a_voxel():
    """Two probabilities of 2 bytes and a label per voxel; no other array has the size of the volume.

    With HU (4 bytes) 500 slices of 512 × 512 take 1.2 GB, to which the network and the libraries add half.
    """
    hu = scan(slices=96, side=160, liver=(5, 90), specks=[(8, LIVER_HU), (60, TUMOUR_HU)])
    hu += np.random.default_rng(0).normal(0, 8, hu.shape).astype(np.float32)
    ct, segmenter = from_array(hu, SPACING), slice_segmenter()
    slice_bytes = 160 * 160 * 8 * 12  # a dozen arrays of a slice

    def peak(work):
        tracemalloc.start()
        kept = work()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return kept, most

    for keep_all in (False, True):
        seg, most = peak(lambda keep_all=keep_all: segmenter.segment(ct, keep_all=keep_all))
        assert seg.tumour_probability.dtype == np.float16
        assert most <= 5 * hu.size + slice_bytes, f"{most / hu.size:.1f} bytes a voxel"
    seg, _ = peak(lambda: segmenter.segment(ct))
    lesions, most = peak(lambda: measure(ct, seg))
    assert most <= 0.5 * hu.size + slice_bytes, f"measuring: {most / hu.size:.1f} bytes a voxel"
    _, most = peak(lambda: seg.at_threshold(0.3))
    assert most <= 1 * hu.size + slice_bytes, f"another threshold: {most / hu.size:.1f} bytes a voxel"


def test_probabilities_of_a_volume_are_rounded_to_float16():
    hu = np.random.default_rng(0).uniform(0, 120, (8, 64, 64)).astype(np.float32)
    seg = slice_segmenter().segment(from_array(hu), keep_all=True)
    exact = probabilities(hu)
    assert np.abs(seg.tumour_probability - exact[2]).max() <= 0.00025
    one = slice_segmenter().segment(from_array(hu[3]))
    assert one.tumour_probability.dtype == np.float32 and np.array_equal(
        one.tumour_probability[0], exact[2, 3]
    )


# --- networks that take volumes ----------------------------------------------------------------


class Bright(nn.Module):
    """Liver above 25 HU, tumour above 180."""

    def forward(self, hu: Tensor) -> Tensor:
        organ, tumour = torch.sigmoid((hu - 25.0) / 5.0), torch.sigmoid((hu - 180.0) / 5.0)
        return torch.cat([1 - organ, organ * (1 - tumour), organ * tumour], dim=1)


@pytest.mark.parametrize("shape", [(40, 70, 66), (5, 64, 64), (17, 90, 64)])
def test_patches_give_the_result_of_the_whole_volume(tmp_path, shape):
    hu = np.random.default_rng(0).uniform(-60, 130, shape).astype(np.float32)
    segmenter = write_volume_checkpoint(tmp_path, spec())
    reports = []
    seg = segmenter.segment(from_array(hu), keep_all=True, progress=lambda *pair: reports.append(pair))
    exact = probabilities(hu)
    assert np.abs(seg.tumour_probability - exact[2]).max() < 0.0005
    assert np.abs(seg.organ_probability - exact[1] - exact[2]).max() < 0.0005
    assert reports[-1] == (len(hu), len(hu)) and reports == sorted(set(reports))
    assert seg.engine.startswith("torch")


def test_another_spacing_keeps_sizes_and_places(tmp_path):
    hu = scan(slices=40, liver=(8, 34), tumour=(14, 26))
    hu[hu == TUMOUR_HU] = 250.0  # brighter than the liver, so that no border passes through its HU
    segmenter = write_volume_checkpoint(tmp_path, spec((16, 48, 48), (2.0, 1.2, 0.6)), Bright())
    ct = from_array(hu, (4.0, 0.8, 0.8))
    seg, expected = segmenter.segment(ct), np.where(hu > 180, 2, np.where(hu > 25, 1, 0))
    assert seg.removed is not None and seg.skipped == ()
    for label in (1, 2):
        assert (seg.labels == label).sum() == pytest.approx((expected == label).sum(), rel=0.1)
        where = [np.argwhere(labels == label).mean(axis=0) for labels in (seg.labels, expected)]
        assert where[0] == pytest.approx(where[1], abs=0.75)  # the network's rows are 1.5 of these


def test_one_slice_of_a_volume_equals_that_of_the_whole(tmp_path):
    segmenter = write_volume_checkpoint(tmp_path, spec())
    ct = from_array(scan(slices=30, liver=(5, 25), tumour=(10, 20)), SPACING)
    one, whole = segmenter.segment(ct, only_slice=12), segmenter.segment(ct, keep_all=True)
    assert np.array_equal(one.labels[12], whole.labels[12]) and not one.labels[13].any()


def test_unsuitable_inputs_are_refused(tmp_path):
    segmenter = write_volume_checkpoint(tmp_path, spec(spacing=(2.0, 1.0, 1.0)))
    with pytest.raises(CheckpointRefused, match="2 × 1 × 1 mm and the spacing of this input is unknown"):
        segmenter.segment(from_array(scan()))
    with pytest.raises(CheckpointRefused, match="takes volumes and this is a single slice"):
        segmenter.segment(from_array(scan()[0], SPACING))
    with pytest.raises(CheckpointRefused, match="too fine"):
        fine = write_volume_checkpoint(tmp_path / "fine", spec(spacing=(2.0, 0.01, 0.01)))
        fine.segment(from_array(scan(), SPACING))


def test_the_default_patch_is_a_cube_of_the_working_size(tmp_path):
    segmenter = write_volume_checkpoint(tmp_path, spec(patch=None))
    seen = []
    run = segmenter.engine.run
    segmenter.engine.run = lambda hu: seen.append(hu.shape) or run(hu)
    segmenter.segment(from_array(scan(slices=70), SPACING))
    assert set(seen) == {(1, 1, 64, 64, 64)} and len(seen) == 2
