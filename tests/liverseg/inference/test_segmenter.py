"""The segmenter with the bundled checkpoints: phantoms, thresholds, sizes, refusals."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from liverseg import phantom
from liverseg.analysis.metrics import counts, dice
from liverseg.core.image import CTImage
from liverseg.errors import CheckpointRefused, EngineUnavailable, InputTooSmall, InvalidSetting
from liverseg.inference import engines
from liverseg.inference.segmenter import DEFAULT_CHECKPOINT, Segmenter, find_checkpoint
from liverseg.io.read import from_array
from registry import open_registries
from registry.verify import verify
from tests.phantoms import make

BUNDLED = [checkpoint.ref for checkpoint in open_registries("bundled").list()]

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


def test_the_default_checkpoint_exceeds_the_minimum_dice():
    """The minimum is the pooled Dice of the reference run on the val split: 0.924 liver, 0.285 tumour."""
    headline = find_checkpoint(DEFAULT_CHECKPOINT, open_registries("bundled")).manifest.headline()
    assert (headline["dataset"], headline["split"]) == ("lits-26", "val")
    assert headline["liver"] > 0.924
    assert headline["tumour"] > 0.285


def test_liver_of_unseen_phantoms_is_found(segmenter, slices):
    found = []
    for made in slices.values():
        seg = segmenter.segment(as_ct(made))
        found.append(dice(counts(seg.labels, made.labels)["liver"]))
    assert min(found) >= 0.84, found


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


def test_sizes_from_64_to_2048_and_odd_shapes(segmenter):
    for shape in ((64, 64), (64, 700), (333, 257)):
        hu = np.random.default_rng(0).normal(0, 100, (1, *shape)).astype(np.float32)
        seg = segmenter.segment(from_array(hu))
        assert seg.labels.shape == (1, *shape) and seg.labels.dtype == np.uint8
        assert np.isfinite(seg.tumour_probability).all()
    with pytest.raises(InputTooSmall):
        segmenter.segment(CTImage(np.zeros((1, 63, 64), np.float32), None, "unknown", "array", native=None))


def without_rules(segmenter: Segmenter) -> Segmenter:
    """The same network without rules for volumes, lone slices and lesions."""
    manifest = replace(segmenter.checkpoint.manifest, extra={})
    return Segmenter(replace(segmenter.checkpoint, manifest=manifest), segmenter.engine)


def test_a_volume_is_segmented_slice_by_slice_with_neighbours(segmenter):
    segmenter = without_rules(segmenter)
    volume = make("volume", seed=4, size=128, slices=6)
    ct = as_ct(volume)
    reports = []
    whole = segmenter.segment(ct, progress=lambda done, of: reports.append((done, of)))
    assert reports == [(n, 6) for n in range(1, 7)]
    one = segmenter.segment(ct, only_slice=2)
    assert np.array_equal(one.labels[2], whole.labels[2])
    assert not one.labels[[0, 1, 3, 4, 5]].any() and not one.tumour_probability[5].any()
    # The last slice has itself for its upper neighbour: cutting the volume there changes nothing below.
    cut = segmenter.segment(from_array(volume.hu[:4]))
    assert np.array_equal(cut.tumour_probability[:3], whole.tumour_probability[:3])
    with pytest.raises(InvalidSetting, match="0 to 5"):
        segmenter.segment(ct, only_slice=6)


def test_another_threshold_changes_labels_without_the_network(segmenter, slices):
    segmenter = without_rules(segmenter)  # with a lesion model a part of a candidate may become likely
    seg = segmenter.segment(as_ct(slices[11]))
    strict = seg.at_threshold(0.9)
    assert np.array_equal(strict.tumour_probability, seg.tumour_probability)
    assert (strict.labels == 2).sum() <= (seg.labels == 2).sum()
    assert np.array_equal(seg.at_threshold(seg.threshold).labels, seg.labels)
    again = segmenter.segment(as_ct(slices[11]), threshold=0.9)
    assert np.array_equal(again.labels, strict.labels)


def test_the_result_names_its_checkpoint_and_engine(segmenter, slices):
    seg = segmenter.segment(as_ct(slices[12]))
    assert seg.checkpoint.ref == segmenter.checkpoint.ref
    assert len(seg.checkpoint.sha256) == 64 and seg.checkpoint.registry == "bundled"
    assert seg.timing_s["network"] > 0 and seg.engine == segmenter.engine.name


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
