"""Running slices whole or in the liver's box, and checkpoints with rules for volumes and lesions."""

from __future__ import annotations

import io
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from liverseg.core.labels import LIVER, TUMOUR
from liverseg.core.lesion_candidates import FAINT, LIKELY, UNSURE
from liverseg.core.slice_smoothing import SmoothingRule, smooth_across_slices
from liverseg.errors import Cancelled, CheckpointRefused, InvalidSetting
from liverseg.inference.coarse_to_fine import LiverBox
from liverseg.inference.segmenter import Segmenter
from liverseg.inference.slice_run import MAX_SIZED_NETWORKS, SizedNetworks
from liverseg.io.read import from_array
from liverseg.pipeline import analyse_image
from registry import Checkpoint, InputSpec, WindowSpec, open_registries
from registry.manifest import FileRecord
from registry.write_checkpoint import write_checkpoint
from tests.liverseg.inference.test_rules import MANIFEST as RULES
from tests.liverseg.volume_checkpoints import BACKGROUND_HU, LIVER_HU, TUMOUR_HU, SliceRule, manifest
from tests.phantoms import make

SPEC = InputSpec("slices", 1, (WindowSpec(40, 400),), 256)
SEARCH = {"search": {"working_size": 64, "margin": 0.05, "scale": 1.0}}
SPACING = (2.5, 0.8, 0.8)  # a sample of every third slice
SIDE = 256


class SizedRule(SliceRule):
    """The rule on HU as an engine that records the shape of each slice and the working size it is run at."""

    def __init__(self, working_size: int = 256, log: list | None = None) -> None:
        super().__init__()
        self.working_size = working_size
        self.log: list[tuple[int, tuple[int, int]]] = [] if log is None else log

    def run(self, hu: np.ndarray) -> np.ndarray:
        self.log.append((self.working_size, hu.shape[2:]))
        return super().run(np.ascontiguousarray(hu))

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return map(self.run, slices)

    def resized(self, working_size: int, shape: tuple[int, int]) -> SizedRule:
        return SizedRule(working_size, self.log)


class BlindWhereSmall(SizedRule):
    """Sees liver at the working size of the search only (`at` is 64), or only at others."""

    sees_at_search = True

    def run(self, hu: np.ndarray) -> np.ndarray:
        seen = (self.working_size == 64) == self.sees_at_search
        return super().run(hu if seen else np.full_like(hu, BACKGROUND_HU))

    def resized(self, working_size: int, shape: tuple[int, int]) -> SizedRule:
        return type(self)(working_size, self.log)


class BlindAtSearch(BlindWhereSmall):
    sees_at_search = False


def segmenter(rules: dict, engine: object | None = None, lesion_model: dict | None = None) -> Segmenter:
    """The rule as a checkpoint with the given `volume_rules` and `lesion_model`."""
    extra = {"volume_rules": rules} | ({} if lesion_model is None else {"lesion_model": lesion_model})
    made = replace(manifest("rule", SPEC), extra=extra).with_files({"model.pt": FileRecord("ab" * 32, 1)})
    return Segmenter(Checkpoint(Path("nowhere"), made, "tests"), engine or SizedRule())


def scan(slices: int = 36, liver: tuple[int, int] = (12, 24)) -> np.ndarray:
    """HU (S, 256, 256) with a liver and two tumours, and a small separate body outside its box."""
    hu = np.full((slices, SIDE, SIDE), BACKGROUND_HU, np.float32)
    z = slice(*liver)
    hu[z, 60:120, 40:110] = LIVER_HU
    hu[z.start + 3 : z.start + 6, 70:80, 60:72] = TUMOUR_HU
    hu[z.start + 4, 100:104, 80:84] = TUMOUR_HU
    hu[z, 240:250, 240:250] = LIVER_HU
    return hu


def test_the_box_gives_the_labels_of_whole_slices():
    ct = from_array(scan(), SPACING)
    engine = SizedRule()
    found, whole = segmenter(SEARCH, engine).segment(ct), segmenter({}).segment(ct)
    assert np.array_equal(found.labels, whole.labels) and found.searched and not whole.searched
    sizes = {size for size, _ in engine.log}
    assert sizes == {64, 192}, "the box of 192 of 256 pixels keeps the resolution"
    assert {shape for size, shape in engine.log if size == 64} == {(SIDE, SIDE)}
    assert {shape for size, shape in engine.log if size == 192} == {(192, 192)}
    run = sum(size == 192 for size, _ in engine.log)
    skipped = sum(last - first + 1 for first, last in found.skipped)
    assert run + skipped == len(ct.hu) and skipped >= 15
    # The body outside the box is neither found nor counted.
    assert found.removed.bodies == 0 and whole.removed.bodies == 1


def test_probabilities_are_0_outside_the_box_and_in_skipped_slices():
    ct = from_array(scan(), SPACING)
    seg = segmenter(SEARCH | {"smoothing": {"sigma_mm": 4.0, "sigma_slices": 1.0}}).segment(ct)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[:192, :192] = True
    for probability in (seg.organ_probability, seg.tumour_probability):
        assert not probability[:, ~inside].any()
        for first, last in seg.skipped:
            assert not probability[first : last + 1].any()
    assert not seg.labels[:, ~inside].any() and seg.skipped
    assert seg.organ_probability[14, 60:120, 40:110].min() > 0.5


def test_the_scale_is_the_resolution_in_the_box():
    for scale, size in ((0.5, 96), (1.5, 288), (0.01, 32)):
        engine = SizedRule()
        rules = {"search": SEARCH["search"] | {"scale": scale}}
        segmenter(rules, engine).segment(from_array(scan(), SPACING))
        assert {used for used, _ in engine.log} == {64, size}


def test_a_liver_as_wide_as_the_slice_is_run_in_whole_slices():
    hu = scan()
    hu[12:24, 10:246, 10:246] = LIVER_HU
    engine = SizedRule()
    seg = segmenter(SEARCH, engine).segment(from_array(hu, SPACING))
    assert {used for used, _ in engine.log} == {64, 256} and seg.searched
    assert np.array_equal(seg.labels > 0, hu > BACKGROUND_HU)


def test_a_scan_without_liver_is_run_in_all_slices():
    engine = SizedRule()
    ct = from_array(np.full((30, SIDE, SIDE), BACKGROUND_HU, np.float32), SPACING)
    seg = segmenter(SEARCH, engine).segment(ct)
    assert not seg.labels.any() and not seg.searched and seg.skipped == ()
    assert sum(size == 256 for size, _ in engine.log) == 30


@pytest.mark.parametrize("engine", [BlindWhereSmall, BlindAtSearch])
@pytest.mark.parametrize("smoothing", [{}, {"smoothing": {"sigma_mm": 2.0, "sigma_slices": 1.0}}])
def test_a_liver_that_only_one_resolution_shows_is_looked_for_in_whole_slices(engine, smoothing):
    ct = from_array(scan(), SPACING)
    seg = segmenter(SEARCH | smoothing, engine()).segment(ct)
    if engine is BlindWhereSmall:
        assert not seg.labels.any() and not seg.organ_probability.any() and seg.skipped == ()
    else:
        assert np.array_equal(seg.labels, segmenter(smoothing).segment(ct).labels)
        assert seg.labels.any()
    assert not seg.searched


def test_with_smoothing_and_no_search_every_slice_counts():
    rule = {"smoothing": {"sigma_mm": 5.0, "sigma_slices": 1.0}}
    ct = from_array(scan(), SPACING)
    seg, plain = segmenter(rule).segment(ct), segmenter({}).segment(ct, keep_all=True)
    assert seg.skipped == ()
    for name in ("organ_probability", "tumour_probability"):
        expected = getattr(plain, name).copy()
        smooth_across_slices(expected, SmoothingRule(5.0, 1.0).weights(2.5))
        assert np.array_equal(getattr(seg, name), expected)
    assert np.array_equal(seg.at_threshold(seg.threshold).labels, seg.labels)
    assert not (seg.labels[16, 100:104, 80:84] == TUMOUR).any(), "the tumour of one slice is noise"
    assert (seg.labels[16, 70:80, 60:72] == TUMOUR).all()


def test_an_unknown_spacing_takes_the_width_in_slices():
    rule = {"smoothing": {"sigma_mm": 0.001, "sigma_slices": 1.0}}
    known, unknown = (segmenter(rule).segment(from_array(scan(), spacing)) for spacing in (SPACING, None))
    assert (known.labels[16, 100:104, 80:84] == TUMOUR).all()
    assert not (unknown.labels[16, 100:104, 80:84] == TUMOUR).any()


def test_a_single_slice_is_not_searched_or_smoothed():
    rules = SEARCH | {"smoothing": {"sigma_mm": 9.0, "sigma_slices": 3.0}}
    ct = from_array(scan(), SPACING)
    plain = segmenter({}).segment(ct, only_slice=16)
    engine = SizedRule()
    seg = segmenter(rules, engine).segment(ct, only_slice=16)
    assert np.array_equal(seg.labels, plain.labels) and engine.log == [(256, (SIDE, SIDE))]
    kept = segmenter(SEARCH, engine := SizedRule()).segment(ct, keep_all=True)
    assert len(engine.log) == 36 and kept.labels[14, 245, 245] == LIVER


MODEL = {
    "method": "logistic regression",
    "volume": {
        "intercept": 0.0,
        "terms": [
            {"feature": "slices", "transform": "none", "centre": 2.0, "scale": 1.0, "coefficient": 3.0}
        ],
        "cut": 0.5,
    },
    "slice": {
        "intercept": 2.0,
        "terms": [
            {"feature": "slices", "transform": "none", "centre": 1.0, "scale": 1.0, "coefficient": 3.0}
        ],
        "cut": 0.5,
    },
}


def test_the_model_decides_the_lesions_of_volumes_and_of_slices():
    ct = from_array(scan(), SPACING)
    with_model = segmenter(SEARCH, lesion_model=MODEL)
    seg = with_model.segment(ct)
    assert sorted(seg.candidates.status.tolist()) == [UNSURE, LIKELY], "in three slices, and in one"
    assert (seg.labels == TUMOUR).sum() == 3 * 10 * 12 and seg.labels[16, 102, 82] == LIVER
    np.testing.assert_allclose(sorted(seg.candidates.probability), 1 / (1 + np.exp([3.0, -3.0])))
    alone = with_model.segment(ct, only_slice=16)
    assert alone.candidates.status.tolist() == [LIKELY, LIKELY] and alone.lesion_cut == 0.5
    everything = with_model.segment(ct, lesion_cut=0.01)
    assert (everything.labels == TUMOUR).sum() == 3 * 10 * 12 + 16 and everything.lesion_cut == 0.01
    assert np.array_equal(everything.labels, seg.at_threshold(seg.threshold, 0.01).labels)
    with pytest.raises(InvalidSetting, match="no lesion model"):
        segmenter(SEARCH).segment(ct, lesion_cut=0.5)
    with pytest.raises(InvalidSetting, match="from 0 to 1"):
        with_model.segment(ct, lesion_cut=2.0)


def test_a_candidate_below_the_seed_probability_is_faint():
    hu = scan()
    hu[20, 100:104, 50:54] = 82.0  # tumour probability 0.6
    seg = segmenter({"hysteresis": {"seed_probability": 0.8}}).segment(from_array(hu, SPACING))
    assert seg.candidates.count(FAINT) == 1 and seg.candidates.count(LIKELY) == 2
    assert seg.labels[20, 102, 52] == LIVER and seg.lesion_cut is None


def test_progress_rises_to_all_slices_even_if_slices_are_run_twice():
    hu = scan()
    hu[14, 60:230, 100:110] = LIVER_HU  # between the samples: the box has to grow
    steps: list[tuple[int, int]] = []
    engine = SizedRule()
    seg = segmenter(SEARCH, engine).segment(
        from_array(hu, SPACING), progress=lambda done, of: steps.append((done, of))
    )
    assert seg.searched and sum(size != 64 for size, _ in engine.log) > 20
    done = [n for n, _ in steps]
    assert done == sorted(set(done)) and steps[-1] == (36, 36) and max(done) == 36


@pytest.mark.parametrize("checks", [1, 8, 16])
def test_a_run_is_cancelled_during_the_search_and_in_the_box(checks):
    engine, asked = SizedRule(), []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > checks

    with pytest.raises(Cancelled):
        segmenter(SEARCH, engine).segment(from_array(scan(), SPACING), cancelled=stop)
    assert len(engine.log) == checks
    assert {size for size, _ in engine.log} == ({64} if checks <= 12 else {64, 192})


class SlowToOpen(SizedRule):
    """Counts how often it is opened at another working size."""

    def __init__(self, *given: object) -> None:
        super().__init__()
        self.opened: list[tuple[int, tuple[int, int]]] = []

    def resized(self, working_size: int, shape: tuple[int, int]) -> SizedRule:
        self.opened.append((working_size, shape))
        time.sleep(0.01)
        return SizedRule(working_size)


def test_threads_share_the_networks_of_each_size():
    networks = SizedNetworks(engine := SlowToOpen(), SPEC)
    start = threading.Barrier(4)

    def take(_: int) -> list:
        start.wait()
        return [networks.at(size, (SIDE, SIDE)) for size in (64, 96, 64)]

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take, range(4)))
    assert sorted(engine.opened) == [(64, (SIDE, SIDE)), (96, (SIDE, SIDE))]
    assert all(row[0] is taken[0][0] is row[2] and row[1] is taken[0][1] for row in taken)


def test_networks_that_were_not_used_for_long_are_dropped():
    networks = SizedNetworks(engine := SlowToOpen(), SPEC)
    kept = networks.at(64, (SIDE, SIDE))
    for rows in range(MAX_SIZED_NETWORKS + 2):
        networks.at(96, (100 + rows, SIDE))
        assert networks.at(64, (SIDE, SIDE)) is kept
    assert len(engine.opened) == MAX_SIZED_NETWORKS + 3
    networks.at(96, (100, SIDE))
    assert len(engine.opened) == MAX_SIZED_NETWORKS + 4, "the oldest was dropped"


def test_the_whole_slice_is_run_by_the_first_engine():
    networks = SizedNetworks(engine := SlowToOpen(), SPEC)
    assert networks.in_box(LiverBox(slice(0, 200), slice(0, 256)), (200, 256), 2.0) is engine
    assert not engine.opened


class ResizingRule(nn.Module):
    """The rule on HU as an archive that works at a working size, as exported networks do."""

    def __init__(self, working_size: int) -> None:
        super().__init__()
        self.working_size = working_size

    def forward(self, hu: Tensor) -> Tensor:
        rows, columns = hu.shape[2], hu.shape[3]
        longer = max(rows, columns)
        size = [rows * self.working_size // longer, columns * self.working_size // longer]
        x = nn.functional.interpolate(hu, size=size, mode="bilinear", align_corners=False)
        organ = (x / 50.0).clamp(0.0, 1.0)
        tumour = organ * ((100.0 - x) / 30.0).clamp(0.0, 1.0)
        classes = torch.cat([1 - organ, organ - tumour, tumour], dim=1)
        return nn.functional.interpolate(classes, size=[rows, columns], mode="bilinear", align_corners=False)


def torch_segmenter(folder: Path, module: nn.Module, extra: dict) -> Segmenter:
    """The module as a checkpoint in a registry, with further keys in its manifest, loaded with torch."""
    made, archive = replace(manifest("rule", SPEC), extra=extra), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(module.eval())
        torch.jit.save(script, archive, _extra_files={"manifest.json": made.to_json(with_files=False)})
    write_checkpoint(folder / "rule", made, {"model.pt": archive.getvalue()})
    return Segmenter.load("rule", engine="torch", registries=open_registries(str(folder)))


@pytest.fixture(scope="module")
def phantom_scan():
    """HU of the rule in the shape of a phantom's liver and tumours, and the labels."""
    small = make("volume", seed=4, size=128, slices=24).labels
    labels = small.repeat(2, axis=1).repeat(2, axis=2)
    hu = np.float32([BACKGROUND_HU, LIVER_HU, TUMOUR_HU])[labels]
    return from_array(hu, (3.0, 1.35, 1.35)), labels


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_a_torch_checkpoint_with_a_search_gives_nearly_the_labels_of_whole_slices(tmp_path, phantom_scan):
    ct, labels = phantom_scan
    whole = torch_segmenter(tmp_path / "whole", ResizingRule(256), {}).segment(ct)
    found = torch_segmenter(tmp_path / "box", ResizingRule(256), {"volume_rules": SEARCH}).segment(ct)
    assert found.searched and found.skipped
    for value in (LIVER, TUMOUR):
        assert dice(found.labels == value, whole.labels == value) > 0.999
        assert dice(whole.labels == value, labels == value) > 0.97


def test_a_torch_checkpoint_with_every_rule_and_a_model(tmp_path, phantom_scan):
    ct, labels = phantom_scan
    seg = torch_segmenter(tmp_path, ResizingRule(256), RULES).segment(ct)
    assert seg.searched and seg.lesion_cut == 0.3 and seg.candidates.probability is not None
    assert dice(seg.labels > 0, labels > 0) > 0.95
    assert (seg.labels == TUMOUR).sum() == seg.candidates.voxels(LIKELY)


class FixedSize(nn.Module):
    """An archive without a working size."""

    def forward(self, hu: Tensor) -> Tensor:
        organ = (hu / 50.0).clamp(0.0, 1.0)
        return torch.cat([1 - organ, organ, torch.zeros_like(organ)], dim=1)


def test_a_checkpoint_is_refused_if_its_working_size_cannot_change(tmp_path):
    fixed = torch_segmenter(tmp_path, FixedSize(), {"volume_rules": SEARCH})
    with pytest.raises(CheckpointRefused, match=r"^The working size of this checkpoint cannot be changed\.$"):
        fixed.segment(from_array(scan(), SPACING))


def test_an_unknown_rule_refuses_the_checkpoint_when_it_is_loaded(tmp_path):
    with pytest.raises(CheckpointRefused, match="'watershed'"):
        torch_segmenter(tmp_path, FixedSize(), {"volume_rules": {"watershed": {}}})


class HalfSure(SliceRule):
    """Liver with probability 0.9 in columns below 60, else 0.6."""

    def run(self, hu: np.ndarray) -> np.ndarray:
        liver = np.where(hu[:, 0] > 0, np.where(np.arange(hu.shape[-1]) < 60, 0.9, 0.6), 0.0)
        return np.stack([1 - liver, liver, np.zeros_like(liver)], axis=1).astype(np.float32)


def test_a_lone_slice_keeps_only_bodies_that_the_network_is_sure_of():
    hu = np.full((3, SIDE, SIDE), BACKGROUND_HU, np.float32)
    hu[:, 100:120, 20:50] = hu[:, 160:180, 20:40] = hu[:, 100:110, 80:90] = LIVER_HU
    made = replace(manifest("rule", SPEC), extra={"slice_rules": {"least_body_probability": 0.8}})
    checkpoint = Checkpoint(Path("nowhere"), made.with_files({"model.pt": FileRecord("ab" * 32, 1)}), "tests")
    sure = Segmenter(checkpoint, HalfSure())
    lone, volume = from_array(hu[:1]), from_array(hu, SPACING)

    seg = sure.segment(lone)
    assert np.count_nonzero(seg.labels) == 20 * 30 + 20 * 20 and seg.removed.bodies == 1
    assert seg.removed.liver == seg.removed.largest == 100
    again = seg.at_threshold(0.7)
    assert np.array_equal(again.labels, seg.labels) and again.removed == seg.removed

    assert np.count_nonzero(sure.segment(lone, keep_all=True).labels) == 600 + 400 + 100
    one_of_three = sure.segment(volume, only_slice=1)
    assert np.array_equal(one_of_three.labels[1], seg.labels[0]) and not one_of_three.labels[0].any()
    assert np.array_equal(one_of_three.at_threshold(0.7).labels, one_of_three.labels)
    assert np.count_nonzero(sure.segment(volume).labels) == 3 * 600, "a volume keeps its largest body"

    report = analyse_image(lone, sure).report
    assert report.removed.bodies == 1
    assert [w for w in report.warnings if "lone slice" in w] == [
        "In a lone slice only regions with a mean liver probability from 0.8 on are kept: 1 other region was "
        "removed, 100 pixels."
    ]
