"""Results on disk: the same after loading, and computed again where anything differs."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import logging
import os
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import liverseg
from liverseg.analysis.measure import measure
from liverseg.app.state import prepared_results
from liverseg.app.state.prepared_results import MARK, PreparedResults, digest_of_image


@pytest.fixture
def stored(volume_analysis, checkpoints, tmp_path):
    """The folder, the digest, the checkpoint, and the path of a stored result of a volume."""
    results, checkpoint = PreparedResults(tmp_path / "results"), checkpoints.find(None)
    digest = digest_of_image(volume_analysis.ct)
    assert results.save(digest, checkpoint, volume_analysis.seg)
    return results, digest, checkpoint, results.path(digest, checkpoint)


def same(one, other) -> bool:
    arrays = ("labels", "tumour_probability", "organ_probability")
    plain = ("threshold", "checkpoint", "engine", "timing_s", "warnings", "removed", "skipped", "searched")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays) and all(
        getattr(one, name) == getattr(other, name) for name in plain
    )


@pytest.mark.parametrize("kind", ["volume", "picture"])
def test_a_result_is_the_same_after_loading_and_so_is_its_report(kind, request, checkpoints, tmp_path):
    analysis = request.getfixturevalue(f"{kind}_analysis")
    results, checkpoint = PreparedResults(tmp_path), checkpoints.find(None)
    digest = digest_of_image(analysis.ct)
    assert results.load(digest, checkpoint, analysis.ct) is None
    results.save(digest, checkpoint, analysis.seg)
    loaded = results.load(digest, checkpoint, analysis.ct)
    assert same(loaded, analysis.seg)
    assert loaded.labels.dtype == np.uint8
    assert loaded.tumour_probability.dtype == analysis.seg.tumour_probability.dtype
    report, expected_report = measure(analysis.ct, loaded).to_dict(), analysis.report.to_dict()
    assert report.pop("timing_s")["network"] == expected_report.pop("timing_s")["network"]
    assert report == expected_report
    moved, expected = loaded.at_threshold(0.9), analysis.seg.at_threshold(0.9)
    assert np.array_equal(moved.labels, expected.labels)


def rewritten(stored: bytes, **changes: np.ndarray) -> bytes:
    """A file with other arrays and the digest that belongs to them."""
    with np.load(io.BytesIO(stored[len(MARK) + 65 :])) as arrays:
        changed = {**arrays, **changes}
    packed = io.BytesIO()
    np.savez(packed, **changed)
    data = packed.getvalue()
    return MARK + hashlib.sha256(data).hexdigest().encode() + b"\n" + data


@pytest.mark.parametrize(
    "damage",
    [
        "one bit",
        "cut off",
        "empty",
        "a pickle",
        "other shape",
        "other type",
        "objects",
        "a bomb",
        "no header",
    ],
)
def test_damaged_and_foreign_files_are_deleted_and_not_used(stored, volume_analysis, damage, caplog):
    results, digest, checkpoint, path = stored
    data, ct = path.read_bytes(), volume_analysis.ct
    changes = {
        "one bit": lambda: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
        "cut off": lambda: data[: len(data) // 2],
        "empty": lambda: b"",
        "a pickle": lambda: pickle.dumps({"labels": [1]}),
        "other shape": lambda: rewritten(data, labels=np.zeros((1, 64, 64), np.uint8)),
        "other type": lambda: rewritten(data, labels=volume_analysis.seg.labels.astype(np.int8)),
        "objects": lambda: rewritten(data, labels=np.array([{"a": 1}], object)),
        "a bomb": lambda: rewritten(data, more=np.zeros(30_000_000, np.uint8)),
        "no header": lambda: rewritten(data, header=np.frombuffer(b"{}", np.uint8)),
    }
    path.write_bytes(changes[damage]())
    with caplog.at_level(logging.WARNING):
        assert results.load(digest, checkpoint, ct) is None
    assert not path.exists() and "computed again" in caplog.text


def test_a_result_depends_on_image_weights_rules_and_version(stored, volume_analysis, monkeypatch):
    results, digest, checkpoint, path = stored
    ct, manifest = volume_analysis.ct, checkpoint.manifest
    others = [
        replace(manifest, tumour_threshold=0.31),
        replace(
            manifest, extra={**manifest.extra, "volume_rules": {"hysteresis": {"seed_probability": 0.9}}}
        ),
        replace(manifest, version="9.9.9"),
        replace(
            manifest,
            files={
                **manifest.files,
                "model.pt": dataclasses.replace(manifest.files["model.pt"], sha256="0" * 64),
            },
        ),
    ]
    paths = {results.path(digest, dataclasses.replace(checkpoint, manifest=other)) for other in others}
    brighter = dataclasses.replace(ct, hu=ct.hu + 1)
    wider = dataclasses.replace(ct, spacing_mm=(5.0, 1.0, 1.0))
    paths |= {results.path(digest_of_image(image), checkpoint) for image in (brighter, wider)}
    monkeypatch.setattr(liverseg, "__version__", "99.0")
    paths.add(results.path(digest, checkpoint))
    assert len(paths) == 7 and path not in paths


def test_a_lone_slice_keeps_its_rule_for_bodies(picture_analysis, checkpoints, tmp_path):
    results, plain = PreparedResults(tmp_path), checkpoints.find(None)
    extra = {**plain.manifest.extra, "slice_rules": {"least_body_probability": 0.8}}
    checkpoint = replace(plain, manifest=replace(plain.manifest, extra=extra))
    digest, ct = digest_of_image(picture_analysis.ct), picture_analysis.ct
    assert results.path(digest, checkpoint) != results.path(digest, plain)
    seg = replace(picture_analysis.seg, least_body_probability=1.0)
    results.save(digest, checkpoint, seg)
    loaded, at = results.load(digest, checkpoint, ct), 0.9
    assert loaded.least_body_probability == 1.0 and picture_analysis.seg.labels.any()
    assert not loaded.at_threshold(at).labels.any()
    assert loaded.at_threshold(at).removed == seg.at_threshold(at).removed


def test_an_intact_file_at_the_place_of_another_one_is_refused(stored, volume_analysis, checkpoints):
    """A file that was renamed to the name of another checkpoint's result names what it was made by."""
    results, digest, checkpoint, path = stored
    other = next(one for one in checkpoints.list() if one.ref != checkpoint.ref)
    os.replace(path, results.path(digest, other))
    assert results.load(digest, other, volume_analysis.ct) is None


def test_a_folder_that_cannot_be_written_only_costs_time(volume_analysis, checkpoints, tmp_path, caplog):
    (tmp_path / "results").write_text("a file where a folder belongs")
    results, digest = PreparedResults(tmp_path / "results"), digest_of_image(volume_analysis.ct)
    assert not results.save(digest, checkpoints.find(None), volume_analysis.seg)
    assert "cannot be stored" in caplog.text


def test_only_the_results_used_last_are_kept(stored, volume_analysis, monkeypatch):
    results, digest, checkpoint, path = stored
    monkeypatch.setattr(prepared_results, "MOST_FILES", 2)
    old = results.path("older", checkpoint)
    old.write_bytes(b"x")
    os.utime(old, (1, 1))
    results.save("another", checkpoint, volume_analysis.seg)
    assert not old.exists() and path.exists() and results.path("another", checkpoint).exists()


def test_the_file_holds_arrays_and_no_pickle(stored):
    path = stored[3]
    with zipfile.ZipFile(io.BytesIO(path.read_bytes()[len(MARK) + 65 :])) as archive:
        assert sorted(archive.namelist()) == ["header.npy", "labels.npy", "organ.npy", "tumour.npy"]
    assert list(path.parent.iterdir()) == [path]
