from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from registry import ArchiveRefused, Checkpoint, CheckpointExists, ManifestInvalid
from registry.folder import open_checkpoint
from registry.write_checkpoint import write_checkpoint
from tests.registry.sample_checkpoint import manifest_for


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_written_checkpoint_can_be_opened_and_run(write: Callable[..., Checkpoint]) -> None:
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


def test_writing_the_same_again_does_nothing_and_other_content_is_refused(
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


def test_a_damaged_copy_does_not_count_as_the_same_content(write: Callable[..., Checkpoint]) -> None:
    first = write()
    files = {name: first.read_verified(name) for name in first.manifest.files}
    (first.folder / "model.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointExists):
        write_checkpoint(first.folder, manifest_for(), files)
    write_checkpoint(first.folder, manifest_for(), files, replace=True)
    assert first.read_model() == files["model.pt"]


def test_a_folder_with_other_files_is_never_overwritten(tmp_path: Path, files_for: Callable) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointExists, match="holds other files"):
        write_checkpoint(tmp_path, manifest_for(), files_for(manifest_for()), replace=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_manifest_that_does_not_fit_the_files_is_refused(tmp_path: Path, files_for: Callable) -> None:
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
