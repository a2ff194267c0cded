from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import (
    Checkpoint,
    CheckpointDamaged,
    CheckpointNotFound,
    UnsupportedRegistry,
    open_registries,
)


def test_both_layouts_are_found_newest_first(write: Callable[..., Checkpoint], tmp_path: Path) -> None:
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


def test_links_hidden_folders_and_doubles_are_not_used(
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


def test_the_first_registry_that_has_it_wins(write: Callable[..., Checkpoint], tmp_path: Path) -> None:
    write("b0", "1.0.0")
    (tmp_path / "models").rename(tmp_path / "mine")
    write("b0", "2.0.0")
    write("b0", "1.0.0", title="another of the same name")
    write("b1", "1.0.0")
    registries = open_registries(f"{tmp_path / 'mine'}, {tmp_path / 'models'},")
    assert registries.names == ("mine", "models")
    assert registries.find("b0").ref == "b0@1.0.0"
    assert registries.find("b0").registry == "mine"
    assert registries.find("b0@2.0.0").registry == "models"
    assert registries.find("b1").registry == "models"
    assert [(c.ref, c.registry) for c in registries.list()] == [
        ("b0@1.0.0", "mine"),
        ("b0@2.0.0", "models"),
        ("b1@1.0.0", "models"),
    ]
    for checkpoint in registries.list():
        assert registries.find(checkpoint.ref) == checkpoint


def test_a_registry_that_is_not_there_is_a_problem_not_the_end(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    write("b0")
    (tmp_path / "file").write_text("x")
    registries = open_registries(f"{tmp_path / 'gone'},{tmp_path / 'file'},{tmp_path / 'models'}")
    assert [c.ref for c in registries.list()] == ["b0@1.0.0"]
    assert [p.reason for p in registries.problems] == [
        "The registry folder gone does not exist.",
        "The registry file is not a folder.",
    ]


def test_refresh_finds_what_came_later(write: Callable[..., Checkpoint], tmp_path: Path) -> None:
    write("b0", "1.0.0")
    registries = open_registries(str(tmp_path / "models"))
    assert len(registries.list()) == 1
    write("b0", "1.1.0")
    assert len(registries.list()) == 1
    assert registries.refresh().find("b0").ref == "b0@1.1.0"


def test_the_environment_names_the_registries(
    write: Callable[..., Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("b0")
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(tmp_path / "models"))
    assert open_registries().find("b0").registry == "models"
    monkeypatch.setenv("LIVERSEG_REGISTRY", " ")
    assert open_registries().names == ("bundled",)
    monkeypatch.delenv("LIVERSEG_REGISTRY")
    assert open_registries().names == ("bundled",)


@pytest.mark.parametrize("place", ["hf://", "hf://a/b", "HF://..", "https://example.org/x", "s3://bucket"])
def test_registries_of_other_kinds_are_refused_in_one_sentence(place: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedRegistry) as refusal:
        open_registries(f"{tmp_path},{place}")
    assert str(refusal.value).endswith(".") and "folder" in str(refusal.value)


def test_what_is_not_there_is_said_with_what_is(write: Callable[..., Checkpoint], tmp_path: Path) -> None:
    write("b0", "1.0.0")
    registries = open_registries(str(tmp_path / "models"))
    with pytest.raises(CheckpointNotFound, match="no checkpoint b9 in models; there are b0"):
        registries.find("b9")
    with pytest.raises(CheckpointNotFound, match="no b0@3.0; the versions of b0 are 1.0.0"):
        registries.find("b0@3.0")
    with pytest.raises(CheckpointNotFound, match="none at all"):
        open_registries(str(tmp_path / "nowhere")).find("b0")


def test_listing_reads_no_weights(write: Callable[..., Checkpoint], tmp_path: Path) -> None:
    checkpoint = write("b0")
    for name in checkpoint.manifest.files:
        (checkpoint.folder / name).unlink()
    assert [c.ref for c in open_registries(str(tmp_path / "models")).list()] == ["b0@1.0.0"]


def test_every_bundled_checkpoint_is_whole() -> None:
    registries = open_registries("bundled")
    for checkpoint in registries.list():
        assert checkpoint.read_model()
        assert all(record.bytes < 10_000_000 for record in checkpoint.manifest.files.values())
    assert all(problem.where == "" for problem in registries.problems)


def test_the_package_needs_no_torch_gradio_or_liverseg() -> None:
    code = (
        "import json, sys, registry, registry.__main__, registry.card.card\n"
        "import registry.write_checkpoint, registry.verify\n"
        "heavy = {'torch', 'gradio', 'liverseg', 'train', 'numpy', 'huggingface_hub', 'jsonschema'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == []
