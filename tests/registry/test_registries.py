from __future__ import annotations

import json
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


def test_the_first_registry_with_the_checkpoint_is_used(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
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


def test_a_missing_registry_is_a_problem_and_does_not_hide_the_others(
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


def test_refresh_finds_a_checkpoint_added_later(write: Callable[..., Checkpoint], tmp_path: Path) -> None:
    write("b0", "1.0.0")
    registries = open_registries(str(tmp_path / "models"))
    assert len(registries.list()) == 1
    write("b0", "1.1.0")
    assert len(registries.list()) == 1
    assert registries.refresh().find("b0").ref == "b0@1.1.0"


def test_a_checkpoint_that_was_set_aside_gives_way_to_the_next_until_its_model_changes(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    write("b0", "1.0.0")
    newest = write("b0", "1.1.0")
    registries = open_registries(str(tmp_path / "models"))
    assert registries.find("b0").ref == "b0@1.1.0"
    registries.set_aside(registries.find("b0"), "The file model.pt is damaged.")
    assert registries.find("b0").ref == "b0@1.0.0"
    assert [c.ref for c in registries.list()] == ["b0@1.0.0"]
    assert [(p.where, p.reason) for p in registries.problems] == [
        ("b0@1.1.0", "The file model.pt is damaged.")
    ]
    with pytest.raises(CheckpointDamaged, match="b0@1.1.0 cannot be used: The file model.pt is damaged"):
        registries.find("b0@1.1.0")
    assert registries.refresh().find("b0").ref == "b0@1.0.0"
    model = newest.folder / "model.pt"
    model.write_bytes(model.read_bytes() + b"repaired")
    assert registries.find("b0").ref == "b0@1.1.0" and registries.problems == ()


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


@pytest.mark.parametrize("address", ["hf://", "hf://a/b", "HF://..", "https://example.org/x", "s3://bucket"])
def test_an_unknown_kind_of_registry_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedRegistry) as refusal:
        open_registries(f"{tmp_path},{address}")
    assert str(refusal.value).endswith(".") and "folder" in str(refusal.value)


def test_the_message_for_a_missing_checkpoint_names_the_existing_ones(
    write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    write("b0", "1.0.0")
    registries = open_registries(str(tmp_path / "models"))
    with pytest.raises(CheckpointNotFound, match="no checkpoint b9 in models; there are b0"):
        registries.find("b9")
    with pytest.raises(CheckpointNotFound, match="no b0@3.0; the versions of b0 are 1.0.0"):
        registries.find("b0@3.0")
    with pytest.raises(CheckpointNotFound, match="the registry .nowhere. has no checkpoints"):
        open_registries(str(tmp_path / "nowhere")).find("b0")


def test_every_bundled_checkpoint_can_be_read() -> None:
    registries = open_registries("bundled")
    for checkpoint in registries.list():
        assert checkpoint.read_model()
        assert all(record.bytes < 10_000_000 for record in checkpoint.manifest.files.values())
    assert all(problem.where == "" for problem in registries.problems)


def test_importing_the_package_imports_no_heavy_package() -> None:
    code = (
        "import json, sys, registry, registry.__main__, registry.card.card\n"
        "import registry.write_checkpoint, registry.verify\n"
        "heavy = {'torch', 'gradio', 'liverseg', 'train', 'numpy', 'huggingface_hub', 'jsonschema'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(out.stdout) == []
