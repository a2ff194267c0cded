from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry import (
    Checkpoint,
    CheckpointDamaged,
    CheckpointExists,
    PushRefused,
    RegistryError,
    UnsupportedRegistry,
    open_registries,
    push,
)
from tests.hub_standin.server import HubStandin


def test_a_checkpoint_pushed_to_a_folder_can_be_listed_and_loaded(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    checkpoint = write()
    done: list[tuple[str, int, int]] = []
    pushed = push(checkpoint.folder, str(tmp_path / "shelf"), progress=lambda *step: done.append(step))
    assert (pushed.ref, pushed.revision, pushed.unchanged) == ("tiny@1.0.0", None, False)
    found = open_registries(str(tmp_path / "shelf")).find("tiny@1.0.0")
    assert str(found.folder) == pushed.location and found.manifest == checkpoint.manifest
    assert found.read_model() == checkpoint.read_model()
    assert {name for name, sent, total in done if sent == total} == set(checkpoint.manifest.files)


def test_pushing_the_same_again_does_nothing_and_other_content_is_refused(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    shelf = str(tmp_path / "shelf")
    first, again = push(write().folder, shelf), push(write().folder, shelf)
    assert again.unchanged and again.location == first.location
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "shelf").rglob("*")}
    other = write(title="Another of the same version", where="other")
    with pytest.raises(CheckpointExists, match="tiny@1.0.0 .* new version"):
        push(other.folder, shelf)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "shelf").rglob("*")} == before


def test_an_existing_version_is_found_in_any_folder_of_the_registry(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    flat = write("tiny", "1.0.0", where="tiny")
    models = str(tmp_path / "models")
    assert push(flat.folder, models).unchanged
    newer = write("tiny", "1.1.0", where="../elsewhere/x")
    pushed = push(newer.folder, models)
    assert [c.ref for c in open_registries(models).list()] == ["tiny@1.1.0", "tiny@1.0.0"]
    assert push(newer.folder, models).location == pushed.location


@pytest.mark.parametrize("name", ["model.pt", "metrics.csv", "README.md", "manifest.json"])
def test_a_damaged_checkpoint_is_not_published(
    write: Callable[..., Checkpoint], tmp_path: Path, hub: HubStandin, name: str
) -> None:
    checkpoint = write()
    path = checkpoint.folder / name
    path.write_bytes(path.read_bytes()[:-5])
    for target in (str(tmp_path / "shelf"), "hf://lab"):
        with pytest.raises(RegistryError) as refusal:
            push(checkpoint.folder, target)
        assert str(refusal.value).count("\n") == 0 and str(refusal.value).endswith(".")
    assert not (tmp_path / "shelf").exists() and hub.requests() == []


def test_invalid_targets_are_refused(write: Callable[..., Checkpoint], tmp_path: Path) -> None:
    folder = write().folder
    with pytest.raises(PushRefused, match="itself a checkpoint"):
        push(folder, str(folder))
    with pytest.raises(PushRefused, match="not s3://"):
        push(folder, "s3://bucket")
    for target in ("hf://", "hf://lab/tiny", "hf://../lab", "hf://a--b"):
        with pytest.raises(UnsupportedRegistry, match="hf://owner"):
            push(folder, target)
    (tmp_path / "file").write_text("x")
    with pytest.raises(RegistryError, match="not a folder"):
        push(folder, str(tmp_path / "file"))
    with pytest.raises(CheckpointDamaged, match=r"manifest\.json .* missing"):
        push(tmp_path / "nowhere", str(tmp_path / "shelf"))
