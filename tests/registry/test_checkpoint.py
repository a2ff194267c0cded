from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import ArchiveRefused, Checkpoint, CheckpointDamaged
from registry.folder import open_checkpoint
from tests.registry.sample_checkpoint import manifest_for, repack, replace_file


def test_a_flipped_bit_is_refused(write: Callable[..., Checkpoint]) -> None:
    checkpoint = write()
    path = checkpoint.folder / "model.pt"
    original = path.read_bytes()
    for position in (0, 40, len(original) // 2, len(original) - 1):
        damaged = bytearray(original)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(CheckpointDamaged, match="model.pt of tiny@1.0.0 .* sha256 differs"):
            checkpoint.read_model()
    path.write_bytes(original)
    assert checkpoint.read_model() == original


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: b""])
def test_a_file_with_another_size_is_refused(write: Callable[..., Checkpoint], change: Callable) -> None:
    checkpoint = write()
    path = checkpoint.folder / "model.pt"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CheckpointDamaged, match="truncated or was replaced"):
        checkpoint.read_verified("model.pt")


def test_a_missing_unlisted_or_irregular_file_is_refused(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    checkpoint = write()
    for name in ("notes.txt", "../model.pt", "/etc/passwd", "manifest.json"):
        with pytest.raises(CheckpointDamaged, match="does not list"):
            checkpoint.read_verified(name)
    path = checkpoint.folder / "metrics.csv"
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(CheckpointDamaged, match="metrics.csv of the checkpoint is missing"):
        checkpoint.read_verified("metrics.csv")
    (tmp_path / "elsewhere").write_bytes(content)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointDamaged, match="is a link"):
        checkpoint.read_verified("metrics.csv")
    path.unlink()
    path.mkdir()
    with pytest.raises(CheckpointDamaged, match="not a regular file"):
        checkpoint.read_verified("metrics.csv")
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(CheckpointDamaged, match="not a regular file"):
        checkpoint.read_verified("metrics.csv")


def test_the_model_of_another_checkpoint_is_refused_even_with_a_matching_digest(
    write: Callable[..., Checkpoint], archive_for: Callable
) -> None:
    swapped = replace_file(write(), "model.pt", archive_for(manifest_for("other", "2.0.0")))
    assert swapped.read_verified("model.pt")
    with pytest.raises(ArchiveRefused, match="inside model.pt of tiny@1.0.0 is not the one beside"):
        swapped.read_model()


def test_a_manifest_that_differs_from_the_one_inside_the_model_is_refused(
    write: Callable[..., Checkpoint],
) -> None:
    checkpoint = write()
    path = checkpoint.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["metrics"][0]["values"]["dice_global"]["tumour"]["value"] = 0.99
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArchiveRefused, match="is not the one beside it"):
        open_checkpoint(checkpoint.folder, "models").read_model()


def test_an_archive_without_a_manifest_is_refused(write: Callable[..., Checkpoint]) -> None:
    checkpoint = write()
    bare = repack(checkpoint.read_model(), lambda m: m.pop("archive/extra/manifest.json"))
    with pytest.raises(ArchiveRefused, match="has no manifest inside"):
        replace_file(checkpoint, "model.pt", bare).read_model()


def test_a_malicious_pickle_with_a_matching_manifest_is_refused(
    write: Callable[..., Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = write()
    evil = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00trueR."
    bad = repack(checkpoint.read_model(), lambda m: m.update({"archive/data.pkl": evil}))
    with pytest.raises(ArchiveRefused, match="posix.system"):
        replace_file(checkpoint, "model.pt", bad).read_model()
