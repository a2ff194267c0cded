"""The bundled checkpoints: their engines agree, phantoms are found, tampering is refused."""

import importlib.util
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from liverseg import phantom
from liverseg.analysis.metrics import counts, dice
from liverseg.core.cpu import usable_processors
from liverseg.core.image import CTImage
from liverseg.core.segmentation import labels_from_probabilities
from liverseg.errors import CheckpointRefused, EngineUnavailable, InputTooSmall, InvalidSetting
from liverseg.inference import engines
from liverseg.inference.segmenter import DEFAULT_CHECKPOINT, Segmenter, find_checkpoint
from liverseg.io.read import from_array
from registry import open_registries
from registry.verify import verify
from tests.phantoms import make

BUNDLED = [checkpoint.ref for checkpoint in open_registries("bundled").list()]

LABELS_MAY_DIFFER = 0.001  # share of pixels, between engines
PROBABILITY_MAY_DIFFER = 0.02
UNSEEN_SEEDS = (11, 12, 13, 14, 15)
LARGE_LESION_MM = 25.0  # of a lesion's largest radius, doubled: found by any useful network


def as_ct(made: phantom.Phantom) -> CTImage:
    return from_array(made.hu, made.spacing_mm)


@pytest.fixture(scope="module", params=BUNDLED)
def segmenter(request):
    return Segmenter.load(request.param, registries=open_registries("bundled"))


@pytest.fixture(scope="module")
def slices():
    return {seed: make("slice", seed=seed) for seed in UNSEEN_SEEDS}


def test_two_checkpoints_are_bundled_and_small():
    checkpoints = open_registries("bundled").list()
    assert len({checkpoint.manifest.name for checkpoint in checkpoints}) >= 2
    assert DEFAULT_CHECKPOINT in {checkpoint.manifest.name for checkpoint in checkpoints}
    for checkpoint in checkpoints:
        assert all(record.bytes < 10_000_000 for record in checkpoint.manifest.files.values())
        assert [result.detail for result in verify(checkpoint) if not result.ok] == []


def test_bundled_checkpoints_beat_the_floor_where_they_should():
    """The reference run's pooled Dice on the val split: 0.924 liver, 0.285 tumour."""
    headline = find_checkpoint(DEFAULT_CHECKPOINT, open_registries("bundled")).manifest.headline()
    assert (headline["dataset"], headline["split"]) == ("lits-26", "val")
    assert headline["liver"] > 0.924
    assert headline["tumour"] > 0.285


def test_liver_of_unseen_phantoms_is_found(segmenter, slices):
    found = []
    for made in slices.values():
        seg = segmenter.segment(as_ct(made))
        found.append(dice(counts(seg.labels, made.labels)["liver"]))
    assert min(found) >= 0.85, found


def test_larger_tumours_of_unseen_phantoms_are_found(segmenter):
    seen = missed = 0
    for seed in range(11, 31):
        made = make("slice", seed=seed, size=256)
        large = [p for p in _components(made.labels[0] == 2) if _diameter_mm(p, made) >= LARGE_LESION_MM]
        if not large:
            continue
        labels = segmenter.segment(as_ct(made)).labels[0]
        for lesion in large:
            seen += 1
            missed += (labels[lesion] == 2).mean() < 0.5
    assert seen >= 4
    assert missed <= seen // 4, f"{missed} of {seen} missed"


def _components(mask):
    from scipy import ndimage

    numbered, count = ndimage.label(mask, np.ones((3, 3)))
    return [numbered == n for n in range(1, count + 1)]


def _diameter_mm(mask, made):
    return 2 * np.sqrt(mask.sum() * made.spacing_mm[1] * made.spacing_mm[2] / np.pi)


@pytest.mark.parametrize("ref", BUNDLED)
def test_engines_agree(ref, slices):
    registries = open_registries("bundled")
    ours = {name: Segmenter.load(ref, engine=name, registries=registries) for name in ("torch", "openvino")}
    assert ours["torch"].engine.name.startswith("torch")
    assert ours["openvino"].engine.name.startswith("openvino")
    small = make("slice", seed=16, size=192)
    for hu in [made.hu for made in slices.values()] + [small.hu[:, :, 20:170]]:
        a, b = (ours[name].segment(from_array(hu)) for name in ("torch", "openvino"))
        assert (a.labels != b.labels).mean() <= LABELS_MAY_DIFFER
        assert np.abs(a.tumour_probability - b.tumour_probability).max() <= PROBABILITY_MAY_DIFFER
        assert np.abs(a.organ_probability - b.organ_probability).max() <= PROBABILITY_MAY_DIFFER


def several(channels, count, side=512):
    rng = np.random.default_rng(side)
    return [rng.normal(60, 80, (1, channels, side, side)).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("ref", BUNDLED)
def test_slices_that_are_run_at_once_get_the_answers_that_each_gets_alone_and_in_their_order(ref):
    segmenter = Segmenter.load(ref, engine="openvino", registries=open_registries("bundled"))
    engine, channels = segmenter.engine, segmenter.checkpoint.manifest.input.context_slices
    for given in (several(channels, 5), several(channels, 3, side=96), several(channels, 1), []):
        alone = [engine.run(hu) for hu in given]
        together = list(engine.run_each(iter(given)))
        assert len(together) == len(given)
        assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    assert (engine._parallel is None) == (usable_processors() == 1)
    first, second, *_ = several(channels, 5)
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield second

    leaving = engine.run_each(endless())
    assert np.array_equal(next(leaving), next(engine.run_each([second])))
    leaving.close()
    assert len(taken) <= 5, "no more are taken than run at once"
    assert np.array_equal(next(engine.run_each([first])), engine.run(first))


def test_slices_are_run_one_by_one_where_there_is_one_thread_or_openvino_does_not_take_its_own(monkeypatch):
    segmenter = Segmenter.load("segformer-b0-fast", engine="openvino", registries=open_registries("bundled"))
    engine, channels = segmenter.engine, segmenter.checkpoint.manifest.input.context_slices
    given = several(channels, 2)
    alone = [engine.run(hu) for hu in given]
    monkeypatch.setattr(engine, "_parallel", None)  # an engine that other tests have, too
    monkeypatch.setenv("LIVERSEG_THREADS", "1")
    assert np.array_equal(list(engine.run_each(given)), alone) and engine._parallel is None
    monkeypatch.delenv("LIVERSEG_THREADS")

    class Stubborn:
        def import_model(self, *given):
            raise RuntimeError("no")

    monkeypatch.setattr(engine, "_core", Stubborn())
    assert np.array_equal(list(engine.run_each(given)), alone) and engine._parallel is None


def test_openvino_is_the_default_where_it_is_installed(segmenter):
    assert segmenter.engine.name.startswith("openvino")


def test_torch_serves_where_openvino_is_not_installed(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else real(name))
    registries = open_registries("bundled")
    assert Segmenter.load(registries=registries).engine.name.startswith("torch")
    with pytest.raises(EngineUnavailable, match="not installed"):
        Segmenter.load(engine="openvino", registries=registries)


def test_openvino_reports_nothing_over_the_network(segmenter):
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__.endswith("telemetry_stub")


def test_sizes_from_64_to_2048_and_odd_shapes(segmenter):
    for shape in ((64, 64), (64, 700), (333, 257)):
        hu = np.random.default_rng(0).normal(0, 100, (1, *shape)).astype(np.float32)
        seg = segmenter.segment(from_array(hu))
        assert seg.labels.shape == (1, *shape) and seg.labels.dtype == np.uint8
        assert np.isfinite(seg.tumour_probability).all()
    with pytest.raises(InputTooSmall):
        segmenter.segment(CTImage(np.zeros((1, 63, 64), np.float32), None, "unknown", "array", native=None))


def test_a_volume_is_its_slices_with_their_neighbours(segmenter):
    volume = make("volume", seed=4, size=128, slices=6)
    ct = as_ct(volume)
    told = []
    whole = segmenter.segment(ct, progress=lambda done, of: told.append((done, of)))
    assert told == [(n, 6) for n in range(1, 7)]
    one = segmenter.segment(ct, only_slice=2)
    assert np.array_equal(one.labels[2], whole.labels[2])
    assert not one.labels[[0, 1, 3, 4, 5]].any() and not one.tumour_probability[5].any()
    # The last slice has itself for its upper neighbour: cutting the volume there changes nothing below.
    cut = segmenter.segment(from_array(volume.hu[:4]))
    assert np.array_equal(cut.tumour_probability[:3], whole.tumour_probability[:3])
    with pytest.raises(InvalidSetting, match="0 to 5"):
        segmenter.segment(ct, only_slice=6)


def test_threshold_moves_labels_without_the_network(segmenter, slices):
    seg = segmenter.segment(as_ct(slices[11]))
    strict = seg.at_threshold(0.9)
    assert np.array_equal(strict.tumour_probability, seg.tumour_probability)
    assert (strict.labels == 2).sum() <= (seg.labels == 2).sum()
    assert np.array_equal(seg.at_threshold(seg.threshold).labels, seg.labels)
    again = segmenter.segment(as_ct(slices[11]), threshold=0.9)
    assert np.array_equal(again.labels, strict.labels)


def test_result_says_where_it_comes_from(segmenter, slices):
    seg = segmenter.segment(as_ct(slices[12]))
    assert seg.checkpoint.ref == segmenter.checkpoint.ref
    assert len(seg.checkpoint.sha256) == 64 and seg.checkpoint.registry == "bundled"
    assert seg.timing_s["network"] > 0 and seg.engine == segmenter.engine.name


def test_labels_follow_the_rule_and_a_bad_threshold_is_refused():
    organ, tumour = np.array([0.4, 0.6, 0.7, 0.3]), np.array([0.1, 0.1, 0.55, 0.3])
    assert labels_from_probabilities(organ, tumour, 0.3).tolist() == [0, 1, 2, 2]
    for threshold in (0, -1, 1.1):
        with pytest.raises(InvalidSetting):
            labels_from_probabilities(organ, tumour, threshold)


def test_unknown_checkpoint_and_engine_are_refused():
    with pytest.raises(CheckpointRefused, match="segformer-b9"):
        Segmenter.load("segformer-b9")
    with pytest.raises(EngineUnavailable, match="tpu"):
        engines.load(b"", 1, "tpu")


def test_a_checkpoint_with_one_bit_flipped_is_refused(tmp_path):
    original = find_checkpoint(DEFAULT_CHECKPOINT, open_registries("bundled")).folder
    copy = tmp_path / "registry" / original.name
    shutil.copytree(original, copy)
    archive = bytearray((copy / "model.pt").read_bytes())
    archive[len(archive) // 2] ^= 1
    (copy / "model.pt").write_bytes(archive)
    with pytest.raises(CheckpointRefused, match="sha256"):
        Segmenter.load(DEFAULT_CHECKPOINT, registries=open_registries(str(tmp_path / "registry")))


def test_processors_follow_the_containers_quota(tmp_path):
    quota = tmp_path / "cpu.max"
    quota.write_text("100000 100000\n")
    assert usable_processors(quota) == 1
    quota.write_text("max 100000\n")
    assert usable_processors(quota) == usable_processors(tmp_path / "absent") >= 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="there is no affinity on this system")
def test_a_network_with_fewer_threads_than_processors_is_tied_to_none_of_them():
    """Or two processes with a thread each would both run on the first processor."""
    script = """
import os
from pathlib import Path
import numpy as np
import liverseg
from liverseg.io.read import from_array
segmenter = liverseg.Segmenter.load(None)
segmenter.segment(from_array(np.full((1, 64, 64), 40.0, np.float32)))
for task in Path("/proc/self/task").iterdir():
    print(len(os.sched_getaffinity(int(task.name))))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "LIVERSEG_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert set(map(int, done.stdout.split())) == {len(os.sched_getaffinity(0))}
