"""The page with a registry on the Hub: its dropdown, its notices, and the revision in a report."""

from __future__ import annotations

import io
import re
import shutil
import urllib.request
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import liverseg
from liverseg.app.api.endpoints import checkpoint_list
from liverseg.app.page.checkpoint_list import checkpoint_choices, refresh_handler, reload_handler
from liverseg.app.state import checkpoints as loading
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.errors import CheckpointRefused
from registry import open_checkpoint, open_registries, push
from registry.card.card import model_card
from registry.hub import registry as hub_registry
from registry.registries import BUNDLED_FOLDER
from registry.write_checkpoint import write_checkpoint
from tests.app_process import AppProcess
from tests.hub_standin.faults import Fault
from tests.hub_standin.server import HubStandin

BUNDLED = BUNDLED_FOLDER / "segformer-b0-fast"
NAME = "segformer-b0-fast"


def another_version(version: str, folder: Path) -> Path:
    """The same network as the bundled one under another version."""
    bundled = open_checkpoint(BUNDLED, "")
    files = {name: bundled.read_verified(name) for name in bundled.manifest.files}
    manifest = replace(bundled.manifest, version=version)
    archive = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        network = torch.jit.load(io.BytesIO(files["model.pt"]))
        inside = {"manifest.json": manifest.to_json(with_files=False)}
        torch.jit.save(network, archive, _extra_files=inside)
    files |= {"model.pt": archive.getvalue(), "README.md": model_card(manifest).encode()}
    return write_checkpoint(folder, manifest, files).folder


def test_the_dropdown_fills_from_the_hub_and_refreshes_without_a_restart(
    hub: HubStandin, png: str, tmp_path: Path
):
    pushed = push(BUNDLED, "hf://lab")
    checkpoints = Checkpoints(open_registries("hf://lab"), engine="torch")
    choices, ref, card = checkpoint_choices(checkpoints)
    assert [value for _, value in choices] == [pushed.ref] == [ref] and "ls-problem" not in card
    assert hub.requests("/files/") == []  # the list fetches no weights
    segmenter = checkpoints.segmenter(None)
    assert segmenter.identity.revision == pushed.revision and segmenter.identity.registry == "hf://lab"
    ct = liverseg.read(png)
    report = liverseg.measure(ct, segmenter.segment(ct))
    assert f'"revision": "{pushed.revision}"' in report.to_json()

    push(another_version("9.1.0", tmp_path / "newer"), "hf://lab")
    update, _ = reload_handler(checkpoints)()
    assert [value for _, value in update["choices"]] == [f"{NAME}@9.1.0", pushed.ref]
    assert checkpoints.segmenter(f"{NAME}@9.1.0").identity.ref == f"{NAME}@9.1.0"


def test_a_newly_published_checkpoint_is_found_by_its_name(hub: HubStandin, tmp_path: Path, monkeypatch):
    first = push(BUNDLED, "hf://lab")
    checkpoints = Checkpoints(open_registries("hf://lab"), engine="torch")
    assert [entry["ref"] for entry in checkpoint_list(checkpoints)] == [first.ref]
    push(another_version("9.1.0", tmp_path / "newer"), "hf://lab")
    hub.seen.clear()
    with pytest.raises(CheckpointRefused):  # the registries were read a moment ago
        checkpoints.find(f"{NAME}@9.1.0")
    assert hub.seen == []
    monkeypatch.setattr(loading, "LOOK_AGAIN_S", 0.0)
    assert checkpoints.find(f"{NAME}@9.1.0").ref == f"{NAME}@9.1.0"
    assert hub.requests("author=lab") and not hub.requests("/files/")
    with pytest.raises(CheckpointRefused, match="There is no"):
        checkpoints.find("nothing-of-that-name")


def test_refreshing_the_list_keeps_the_selection(hub: HubStandin, tmp_path: Path):
    first = push(BUNDLED, "hf://lab")
    checkpoints = Checkpoints(open_registries("hf://lab"), engine="torch")
    assert checkpoint_choices(checkpoints)[1] == first.ref
    push(another_version("9.1.0", tmp_path / "newer"), "hf://lab")
    update, card = refresh_handler(checkpoints)(first.ref)
    assert [value for _, value in update["choices"]] == [f"{NAME}@9.1.0", first.ref]
    assert update["value"] == first.ref and "ls-card" in card
    assert refresh_handler(checkpoints)("gone@1.0.0")[0]["value"] == f"{NAME}@9.1.0"


def test_the_endpoint_lists_a_newly_published_checkpoint(hub: HubStandin, tmp_path: Path):
    first = push(BUNDLED, "hf://lab")
    checkpoints = Checkpoints(open_registries("hf://lab"), engine="torch")
    assert len(checkpoint_list(checkpoints)) == 1
    push(another_version("9.1.0", tmp_path / "newer"), "hf://lab")
    assert [entry["ref"] for entry in checkpoint_list(checkpoints)] == [f"{NAME}@9.1.0", first.ref]


def test_an_unreachable_hub_is_a_notice(hub: HubStandin, registry_folder: Path):
    hub.faults.plant(Fault("", drop=True, times=10**6))
    checkpoints = Checkpoints(open_registries(f"hf://lab,{registry_folder}"), engine="torch")
    choices, ref, card = checkpoint_choices(checkpoints)
    assert len(choices) == 2 and ref == "segformer-b0@1.0.0"
    assert re.search(r'role="alert">hf://lab: The Hub at [^<]* cannot be reached', card)
    alone = Checkpoints(open_registries("hf://lab"), engine="torch")
    choices, ref, card = checkpoint_choices(alone)
    assert (choices, ref) == ([], None) and "cannot be reached" in card and "ls-problem" in card
    hub.faults.clear()
    pushed = push(BUNDLED, "hf://lab")
    hub_registry._unreachable.clear()  # as half a minute later
    update, card = reload_handler(alone)()
    assert [value for _, value in update["choices"]] == [pushed.ref] and "ls-problem" not in card


@pytest.mark.parametrize("typed", ["hf://evil/tiny", "evil/tiny", "../../tiny", "evil"])
def test_unlisted_references_are_never_fetched(hub: HubStandin, png: str, typed: str):
    push(BUNDLED, "hf://lab")
    checkpoints = Checkpoints(open_registries("hf://lab"), engine="torch")
    checkpoints.list()
    hub.seen.clear()
    with pytest.raises(CheckpointRefused):
        checkpoints.segmenter(typed)
    assert hub.seen == []


def test_the_example_of_the_card_runs(hub: HubStandin, tmp_path: Path, monkeypatch, capsys, nifti: str):
    pushed = push(BUNDLED, "hf://lab")
    card = hub.repositories.all[f"lab/{NAME}"].commits[pushed.revision]["README.md"].data.decode()
    shutil.copy(nifti, tmp_path / "scan.nii.gz")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVERSEG_REGISTRY", "")  # restored after the test, as the example sets it
    exec(compile(re.search(r"```python\n(.*?)```", card, re.DOTALL).group(1), "card", "exec"), {})
    assert pushed.revision in capsys.readouterr().out


def test_the_app_starts_without_the_hub(tmp_path: Path):
    nowhere = {"LIVERSEG_REGISTRY": "hf://lab", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    with AppProcess(tmp_path / "log", **nowhere) as app:
        with urllib.request.urlopen(app.url, timeout=30) as page:
            assert page.status == 200  # the card follows when the page is loaded
    assert "cannot be reached" in app.log()
