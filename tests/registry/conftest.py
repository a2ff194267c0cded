"""Fixtures: a tiny, complete checkpoint, a folder of checkpoints, checkpoints on the stand-in of the Hub."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as save_tensors

from registry import Checkpoint, Manifest, push
from registry.card.card import model_card
from registry.write_checkpoint import write_checkpoint
from tests.hub_standin.fixture import hub  # noqa: F401
from tests.hub_standin.server import HubStandin
from tests.registry.sample_checkpoint import METRICS_CSV, TinyNet, manifest_for


@pytest.fixture(scope="session")
def tiny_script() -> torch.jit.ScriptModule:
    with pytest.warns(DeprecationWarning):
        return torch.jit.script(TinyNet().eval())


@pytest.fixture(scope="session")
def archive_for(tiny_script: torch.jit.ScriptModule) -> Callable[[Manifest], bytes]:
    """Builds `model.pt` with a given manifest inside."""

    built: dict[str, bytes] = {}

    def build(manifest: Manifest) -> bytes:
        text = manifest.to_json(with_files=False)
        if text not in built:
            out = io.BytesIO()
            with pytest.warns(DeprecationWarning):
                torch.jit.save(tiny_script, out, _extra_files={"manifest.json": text})
            built[text] = out.getvalue()
        return built[text]

    return build


@pytest.fixture
def files_for(
    archive_for: Callable[[Manifest], bytes], tiny_script: torch.jit.ScriptModule
) -> Callable[[Manifest], dict[str, bytes]]:
    """Builds all files of a checkpoint except manifest.json."""
    weights = {name: tensor.contiguous() for name, tensor in tiny_script.state_dict().items()}

    def build(manifest: Manifest) -> dict[str, bytes]:
        return {
            "README.md": model_card(manifest).encode(),
            "model.pt": archive_for(manifest),
            "model.safetensors": save_tensors(weights, {"format": "pt"}),
            "config.json": json.dumps({"architecture": manifest.architecture}).encode(),
            "metrics.csv": METRICS_CSV,
        }

    return build


@pytest.fixture
def write(tmp_path: Path, files_for: Callable[[Manifest], dict[str, bytes]]) -> Callable[..., Checkpoint]:
    """Writes a checkpoint into `tmp_path / "models" / where` (by default `name/version`)."""

    def build(name: str = "tiny", version: str = "1.0.0", where: str = "", **changes: object) -> Checkpoint:
        manifest = manifest_for(name, version, **changes)
        folder = tmp_path / "models" / (where or f"{name}/{version}")
        return write_checkpoint(folder, manifest, files_for(manifest))

    return build


@pytest.fixture
def models(write: Callable[..., Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two versions of `b0`, which `LIVERSEG_REGISTRY` names."""
    write("b0", "1.0.0")
    write("b0", "1.1.0")
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def published(hub: HubStandin, write: Callable[..., Checkpoint]) -> dict[str, str]:  # noqa: F811
    """Two versions of `tiny` and one of `other` at hf://lab: reference -> commit."""
    commits = {}
    for name, version in (("tiny", "1.0.0"), ("tiny", "1.1.0"), ("other", "0.1.0")):
        pushed = push(write(name, version).folder, "hf://lab")
        commits[pushed.ref] = pushed.revision
    hub.seen.clear()
    return commits
