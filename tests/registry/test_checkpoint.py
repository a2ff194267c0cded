from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from registry import ArchiveRefused, Checkpoint, CheckpointDamaged, CheckpointExists, ManifestInvalid
from registry.folder import open_checkpoint
from registry.write_checkpoint import write_checkpoint
from tests.registry.sample_checkpoint import manifest_for, put, repack


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_was_written_is_read_back_and_runs(write: Callable[..., Checkpoint]) -> None:
    written = write()
    checkpoint = open_checkpoint(written.folder, written.registry)
    assert checkpoint == written
    assert checkpoint.ref == "tiny@1.0.0"
    data = checkpoint.read_model()
    assert checkpoint.sha256 == hashlib.sha256(data).hexdigest()
    probabilities = torch.jit.load(io.BytesIO(data))(torch.zeros(1, 1, 64, 80))
    assert probabilities.shape == (1, 3, 64, 80)
    assert sorted(p.name for p in written.folder.iterdir()) == sorted(
        [*checkpoint.manifest.files, "manifest.json"]
    )
    assert not [p for p in written.folder.parent.iterdir() if p.name.startswith(".")]


def test_a_flipped_bit_is_refused_wherever_it_is(write: Callable[..., Checkpoint]) -> None:
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
def test_a_file_of_another_size_is_refused(write: Callable[..., Checkpoint], change: Callable) -> None:
    checkpoint = write()
    path = checkpoint.folder / "model.pt"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CheckpointDamaged, match="truncated or was swapped"):
        checkpoint.read_verified("model.pt")


def test_a_missing_unlisted_or_odd_file_is_refused(write: Callable[..., Checkpoint], tmp_path: Path) -> None:
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
    with pytest.raises(CheckpointDamaged, match="not a plain file"):
        checkpoint.read_verified("metrics.csv")
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(CheckpointDamaged, match="not a plain file"):
        checkpoint.read_verified("metrics.csv")


def test_another_models_weights_are_refused_even_if_the_manifest_agrees(
    write: Callable[..., Checkpoint], archive_for: Callable
) -> None:
    swapped = put(write(), "model.pt", archive_for(manifest_for("other", "2.0.0")))
    assert swapped.read_verified("model.pt")
    with pytest.raises(ArchiveRefused, match="inside model.pt of tiny@1.0.0 is not the one beside"):
        swapped.read_model()


def test_a_manifest_that_claims_more_than_the_one_inside_is_refused(write: Callable[..., Checkpoint]) -> None:
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
        put(checkpoint, "model.pt", bare).read_model()


def test_a_pickle_bomb_with_an_agreeing_manifest_never_reaches_torch(
    write: Callable[..., Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = write()
    evil = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00trueR."
    bad = repack(checkpoint.read_model(), lambda m: m.update({"archive/data.pkl": evil}))
    with pytest.raises(ArchiveRefused, match="posix.system"):
        put(checkpoint, "model.pt", bad).read_model()


def test_writing_the_same_again_does_nothing_and_another_is_refused(
    write: Callable[..., Checkpoint], files_for: Callable
) -> None:
    first = write()
    before = (first.folder / "manifest.json").stat().st_mtime_ns
    manifest = manifest_for()
    files = files_for(manifest)
    same = {name: first.read_verified(name) for name in files}
    assert write_checkpoint(first.folder, manifest, same) == first
    assert (first.folder / "manifest.json").stat().st_mtime_ns == before

    other = same | {"metrics.csv": b"scan,dice_liver\nval-1,0.5\n"}
    with pytest.raises(CheckpointExists, match="new version"):
        write_checkpoint(first.folder, manifest, other)
    assert first.read_verified("metrics.csv") == same["metrics.csv"]
    replaced = write_checkpoint(first.folder, manifest, other, replace=True)
    assert replaced.read_verified("metrics.csv") == other["metrics.csv"]
    assert [p.name for p in first.folder.parent.iterdir()] == ["1.0.0"]


def test_a_damaged_copy_of_the_same_is_not_taken_for_it(write: Callable[..., Checkpoint]) -> None:
    first = write()
    files = {name: first.read_verified(name) for name in first.manifest.files}
    (first.folder / "model.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointExists):
        write_checkpoint(first.folder, manifest_for(), files)
    write_checkpoint(first.folder, manifest_for(), files, replace=True)
    assert first.read_model() == files["model.pt"]


def test_a_folder_with_other_things_is_never_overwritten(tmp_path: Path, files_for: Callable) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointExists, match="holds other files"):
        write_checkpoint(tmp_path, manifest_for(), files_for(manifest_for()), replace=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_parts_that_do_not_fit_together_are_never_written(tmp_path: Path, files_for: Callable) -> None:
    target = tmp_path / "new"
    files = files_for(manifest_for())
    with pytest.raises(ArchiveRefused):
        write_checkpoint(target, manifest_for(version="1.0.1"), files)
    with pytest.raises(ManifestInvalid, match="model.pt"):
        write_checkpoint(target, manifest_for(), {"README.md": b"card"})
    with pytest.raises(ManifestInvalid, match="files"):
        write_checkpoint(target, manifest_for(), files | {"../evil": b"x"})
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_midway_leaves_nothing(
    tmp_path: Path, files_for: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError("no space left on device")

    files = files_for(manifest_for())
    monkeypatch.setattr("registry.write_checkpoint.os.replace", no_space)
    with pytest.raises(OSError, match="no space"):
        write_checkpoint(tmp_path / "new", manifest_for(), files)
    assert list(tmp_path.iterdir()) == []
