"""The examples of the page: which are offered, and how their results are prepared, kept and found."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest

from liverseg.app.examples import Examples, folder_for_examples
from liverseg.app.state import example_store
from liverseg.app.state.phantom_examples import PHANTOMS
from liverseg.inference.segmenter import Segmenter
from tests.liverseg.app.example_folder import TITLES, write_examples


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return write_examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture
def segmented(monkeypatch) -> list[int]:
    """The number of slices of every run of a network."""
    seen: list[int] = []
    real = Segmenter.segment

    def counted(self, ct, **options):
        seen.append(len(ct.hu))
        return real(self, ct, **options)

    monkeypatch.setattr(Segmenter, "segment", counted)
    return seen


def prepared(source: Path | str, folder: Path, checkpoints) -> Examples:
    examples = Examples(folder, str(source))
    examples.prepare_in_background(checkpoints).join(60)
    assert not examples.preparing
    return examples


def test_every_example_is_prepared_once_and_found_after_a_restart(source, checkpoints, tmp_path, segmented):
    first = prepared(source, tmp_path, checkpoints)
    assert [one.title for one in first.list] == list(TITLES) and not first.problems
    assert len(segmented) == 2 and set(first.thumbnails) == {one.key for one in first.list}
    again = prepared(source, tmp_path, checkpoints)
    assert len(segmented) == 2, "the second start reads the results from the disk"
    default = checkpoints.find(None)
    for example in again.list:
        one, other = first.result(example.key, default), again.result(example.key, default)
        assert np.array_equal(one.seg.labels, other.seg.labels)
        assert one.report.labels_sha256 == other.report.labels_sha256


def test_the_result_has_the_truth_and_its_dice_follows_the_threshold(source, checkpoints, tmp_path):
    examples = prepared(source, tmp_path, checkpoints)
    result = examples.result(examples.list[0].key, checkpoints.find(None))
    truth, labels = result.example.truth, result.seg.labels
    liver = 2 * ((labels > 0) & (truth > 0)).sum() / ((labels > 0).sum() + (truth > 0).sum())
    assert result.voxels.truth_dice.liver == pytest.approx(liver)
    moved = result.at_threshold(0.99)
    tumour = (
        2
        * ((moved.seg.labels == 2) & (truth == 2)).sum()
        / ((moved.seg.labels == 2).sum() + (truth == 2).sum())
    )
    assert moved.voxels.truth_dice.tumour == pytest.approx(tumour)
    assert moved.voxels.truth_dice != result.voxels.truth_dice


def test_a_damaged_result_is_computed_again(source, checkpoints, tmp_path, segmented):
    prepared(source, tmp_path, checkpoints)
    damaged = max((tmp_path / "results").iterdir(), key=lambda path: path.stat().st_size)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    prepared(source, tmp_path, checkpoints)
    assert len(segmented) == 3


def test_a_bad_entry_is_named_and_left_out_and_the_others_are_prepared(source, checkpoints, tmp_path, caplog):
    folder = tmp_path / "source"
    write_examples(folder)
    (folder / "notes.nii.gz").write_text("These are notes.")
    entries = json.loads((folder / "examples.json").read_text())["examples"]
    small = nibabel.load(folder / entries[0]["truth"])
    nibabel.save(small.slicer[:, :, :2], folder / "short.nii.gz")
    licence = {"licence": "CC0"}
    entries[:0] = [
        {"title": "Notes", "file": "notes.nii.gz", **licence},
        {"title": "No licence", "file": "ct.nii.gz"},
        {"title": "Other grid", "file": entries[0]["file"], "truth": "short.nii.gz", **licence},
        {"title": "Gone", "file": "gone.nii.gz", **licence},
    ]
    (folder / "examples.json").write_text(json.dumps({"examples": entries}))
    with caplog.at_level(logging.WARNING, "liverseg"):
        examples = prepared(folder, tmp_path / "cache", checkpoints)
    assert [one.title for one in examples.list] == list(TITLES)
    for title in ("Notes", "No licence", "Other grid", "Gone"):
        assert any(title in problem for problem in examples.problems) and title in caplog.text
    assert str(folder) not in caplog.text
    assert examples.first(checkpoints.find(None)).title == TITLES[0]


def test_a_list_that_cannot_be_used_leaves_the_built_in_examples(tmp_path):
    examples = Examples(tmp_path, str(tmp_path / "nowhere"))
    examples.open()
    assert [one.key for one in examples.list] == list(PHANTOMS)
    (problem,) = examples.problems
    assert "no examples.json" in problem and "built-in" in problem


def test_none_offers_no_example(tmp_path, checkpoints):
    examples = prepared("none", tmp_path, checkpoints)
    assert examples.list == () and examples.first(checkpoints.find(None)) is None and not examples.problems


def test_preparing_waits_while_visitors_run_the_network_and_stops_if_one_made_the_result(
    source, checkpoints, tmp_path, segmented
):
    examples, busy = Examples(tmp_path, str(source)), threading.Event()
    busy.set()
    thread = examples.prepare_in_background(checkpoints, busy.is_set)
    thread.join(1.0)
    assert thread.is_alive() and segmented == []
    default = checkpoints.find(None)
    for example in examples.list:  # as a visitor does who does not wait
        examples.prepare(example.key, default, lambda: checkpoints.segmenter(None))
    busy.clear()
    thread.join(60)
    assert not thread.is_alive() and len(segmented) == 2


def test_a_result_of_another_checkpoint_is_kept_beside_the_default_one(
    source, checkpoints, tmp_path, segmented
):
    examples = prepared(source, tmp_path, checkpoints)
    default, other = checkpoints.list()[:2]
    key = examples.list[0].key
    assert examples.result(key, other) is None
    examples.prepare(key, other, lambda: checkpoints.segmenter(other.ref))
    assert examples.result(key, other).seg.checkpoint.ref == other.ref
    assert examples.result(key, default).seg.checkpoint.ref == default.ref and len(segmented) == 3


def test_little_memory_keeps_the_last_result_and_reads_the_others_from_the_disk(
    source, checkpoints, tmp_path, segmented, monkeypatch
):
    monkeypatch.setattr(example_store, "MOST_BYTES", 1)
    examples, default = prepared(source, tmp_path, checkpoints), checkpoints.find(None)
    first, second = (one.key for one in examples.list)
    assert examples.in_memory(first, default) is None and examples.in_memory(second, default) is not None
    assert examples.result(first, default) is not None and len(segmented) == 2


def test_a_thumbnail_shows_the_outlines(source, checkpoints, tmp_path):
    examples = prepared(source, tmp_path, checkpoints)
    picture = cv2.imdecode(np.frombuffer(examples.thumbnails[examples.list[0].key], np.uint8), 1)
    assert max(picture.shape[:2]) == 112
    spread = picture.max(axis=2).astype(int) - picture.min(axis=2)
    assert (spread > 40).mean() > 0.02, "the overlay is coloured"


def test_a_cache_that_cannot_be_written_is_replaced(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("LIVERSEG_CACHE", str(tmp_path / "file"))
    assert folder_for_examples(tmp_path / "private") == tmp_path / "private"
    monkeypatch.setenv("LIVERSEG_CACHE", str(tmp_path / "cache"))
    assert folder_for_examples(tmp_path / "private") == tmp_path / "cache" / "examples"
