from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import (
    Checkpoint,
    CheckpointDamaged,
    open_registries,
)


def test_both_layouts_are_listed_with_the_newest_version_first(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    write("b1", "1.0.0", where="b1")
    write("b0", "1.9.0")
    write("b0", "1.10.0")
    registries = open_registries(str(tmp_path / "models"))
    assert [c.ref for c in registries.list()] == ["b0@1.10.0", "b0@1.9.0", "b1@1.0.0"]
    assert registries.problems == ()
    assert registries.find("b0").ref == "b0@1.10.0"
    assert registries.find("b0@1.9.0").manifest.version == "1.9.0"
    assert {c.registry for c in registries.list()} == {"models"}


def test_a_folder_that_is_a_checkpoint_is_a_registry_of_one(write: Callable[..., Checkpoint]) -> None:
    checkpoint = write()
    assert open_registries(str(checkpoint.folder)).find("tiny").ref == "tiny@1.0.0"


def test_the_registry_itself_may_be_a_link(write: Callable[..., Checkpoint], tmp_path: Path) -> None:
    checkpoint = write()
    for target in (tmp_path / "models", checkpoint.folder):
        link = tmp_path / f"link-to-{target.name}"
        link.symlink_to(target)
        registries = open_registries(str(link))
        assert [c.ref for c in registries.list()] == ["tiny@1.0.0"] and registries.problems == ()
        assert registries.find("tiny").registry == link.name
        assert registries.find("tiny").read_verified("metrics.csv")


def test_a_damaged_checkpoint_does_not_hide_the_others(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    write("good")
    broken = write("broken")
    (broken.folder / "manifest.json").write_text("{")
    registries = open_registries(str(tmp_path / "models"))
    assert [c.ref for c in registries.list()] == ["good@1.0.0"]
    (problem,) = registries.problems
    assert (problem.registry, problem.where) == ("models", "broken/1.0.0")
    assert "not JSON" in problem.reason
    for ref in ("broken", "broken@1.0.0"):
        with pytest.raises(CheckpointDamaged, match="broken.* cannot be used: The manifest is not JSON"):
            registries.find(ref)


def test_links_hidden_folders_and_duplicates_are_not_used(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    checkpoint = write("real")
    models = tmp_path / "models"
    (models / "linked").symlink_to(checkpoint.folder)
    shutil.copytree(checkpoint.folder, models / ".real-123")
    shutil.copytree(checkpoint.folder, models / "zcopy")
    manifest_link = models / "zmanifest"
    manifest_link.mkdir()
    (manifest_link / "manifest.json").symlink_to(checkpoint.folder / "manifest.json")
    (models / "file.txt").write_text("no folder")
    (models / "empty").mkdir()
    registries = open_registries(str(models))
    assert [c.folder for c in registries.list()] == [checkpoint.folder]
    reasons = {p.where: p.reason for p in registries.problems}
    assert set(reasons) == {"linked", "zcopy", "zmanifest"}
    assert "link" in reasons["linked"] and "link" in reasons["zmanifest"] and "already" in reasons["zcopy"]


def test_listing_reads_only_manifests(write: Callable[..., Checkpoint], tmp_path: Path) -> None:
    checkpoint = write("b0")
    for name in checkpoint.manifest.files:
        (checkpoint.folder / name).unlink()
    assert [c.ref for c in open_registries(str(tmp_path / "models")).list()] == ["b0@1.0.0"]
