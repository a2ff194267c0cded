"""A checkpoint with the layout of transformers, run by transformers and compared with liverseg."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from liverseg.io.read import from_array
from registry import InputSpec, WindowSpec, open_checkpoint
from registry.card.card import model_card
from registry.hub.push import hub_content
from registry.verify import verify
from registry.write_checkpoint import write_checkpoint
from tests.phantoms import make
from train.errors import TrainError
from train.evaluation.models import run_model
from train.export.transformers_layout import add_transformers_layout, network_files, obstacle
from train.models import build
from train.weights import load_run

BUNDLED = Path(__file__).parents[3] / "registry" / "bundled"
NEW_FILE = "preprocessor_config.json"


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """A folder with the bundled segformer-b0 as it was exported before there was the layout."""
    bundled = open_checkpoint(BUNDLED / "segformer-b0", "")
    manifest, state = bundled.manifest, load_run(bundled.folder)
    weights = {name: tensor.half() for name, tensor in state["weights"].items() if tensor.ndim}
    config = {
        "architecture": manifest.architecture,
        **state["settings"]["options"],
        "classes": list(manifest.classes),
        "windows": [{"center_hu": w.center_hu, "width_hu": w.width_hu} for w in manifest.input.windows],
        "working_size": manifest.input.working_size,
        "context_slices": manifest.input.context_slices,
    }
    files = {name: bundled.read_verified(name) for name in manifest.files if name != NEW_FILE}
    files |= {
        "model.safetensors": safetensors.torch.save(weights),
        "config.json": json.dumps(config).encode(),
        "README.md": model_card(manifest, picture="overview.png").encode(),
    }
    return write_checkpoint(tmp_path_factory.mktemp("older") / "segformer-b0", manifest, files).folder


@pytest.fixture(scope="module")
def converted(older, tmp_path_factory):
    """The same with the layout added."""
    folder = shutil.copytree(older, tmp_path_factory.mktemp("converted") / "segformer-b0")
    add_transformers_layout(folder)
    return folder


def test_the_layout_changes_no_weight_and_not_the_archive(older, converted):
    before, after = open_checkpoint(older, ""), open_checkpoint(converted, "")
    assert set(after.manifest.files) == {*before.manifest.files, NEW_FILE}
    assert after.read_model() == before.read_model()
    assert all(result.ok for result in verify(after))
    old, new = load_run(older), load_run(converted)
    assert new["settings"] == old["settings"]
    assert all(torch.equal(new["weights"][name], weight) for name, weight in old["weights"].items())
    config = json.loads((converted / "config.json").read_text())
    assert config.items() >= json.loads((older / "config.json").read_text()).items()
    assert config["decoder_hidden_size"] == config["decoder_width"]
    files = {path.name: path.read_bytes() for path in converted.iterdir()}
    add_transformers_layout(converted)
    assert {path.name: path.read_bytes() for path in converted.iterdir()} == files


def test_the_card_on_the_hub_names_the_repository_and_the_version(converted):
    checkpoint = open_checkpoint(converted, "")
    files = {name: checkpoint.read_verified(name) for name in checkpoint.manifest.files}
    _, content = hub_content(checkpoint.manifest, files, "lab")
    card = content["README.md"].decode()
    version = checkpoint.manifest.version
    assert f'pipeline("image-segmentation", "lab/segformer-b0", revision="{version}")' in card
    assert "library_name: transformers" in card and "overview.png" in card


def test_a_card_written_by_hand_is_kept(older, tmp_path):
    checkpoint = open_checkpoint(older, "")
    files = {name: checkpoint.read_verified(name) for name in checkpoint.manifest.files}
    files["README.md"] += b"\nA word of our own.\n"
    folder = write_checkpoint(tmp_path / "own", checkpoint.manifest, files).folder
    assert NEW_FILE in add_transformers_layout(folder).manifest.files
    assert (folder / "README.md").read_bytes() == files["README.md"]


def test_networks_that_transformers_cannot_run_are_named(tmp_path):
    folder = shutil.copytree(BUNDLED / "nnformer-2d", tmp_path / "nnformer-2d")
    with pytest.raises(TrainError, match=r"cannot run nnformer-2d@.*: it has no such network"):
        add_transformers_layout(folder)
    window = WindowSpec(60, 200)
    b0 = build("segformer-b0", decoder_width=16)
    for slices, windows in ((5, (window,)), (1, (window, window))):
        spec = InputSpec("slices", slices, windows, 64)
        assert "three channels" in obstacle(b0, spec)
        config = {"architecture": "segformer-b0"}
        files = network_files(b0, {"a": torch.zeros(1)}, config, spec)
        assert set(files) == {"model.safetensors", "config.json"}
        assert json.loads(files["config.json"]) == config
    assert not obstacle(b0, InputSpec("slices", 3, (window,), 64))


def snippet_of(folder: Path) -> str:
    """The Python code of the card's section on transformers."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    return re.search(r"## transformers\n.*?```python\n(.*?)```", card, re.DOTALL).group(1)


def test_the_cards_snippet_gives_the_labels_of_liverseg(converted, tmp_path, monkeypatch):
    """Lone slices without calibration: Dice of at least 0.999, pooled over square and over oblong slices."""
    monkeypatch.chdir(tmp_path)
    Path("segformer-b0").symlink_to(converted)
    segmenter = run_model(converted).segmenter
    code = compile(snippet_of(converted), "README.md", "exec")
    for rows in (slice(None), slice(60, 420)):
        overlap, size = np.zeros(2), np.zeros(2)
        for seed in (1, 2, 4):
            hu = np.ascontiguousarray(make("slice", seed=seed).hu[0][rows])
            np.save("slice.npy", hu)
            names: dict[str, dict[str, np.ndarray]] = {}
            exec(code, names)
            masks = names["masks"]
            assert set(masks) == {"background", "liver", "tumour"}
            labels = segmenter.segment(from_array(hu)).labels[0]
            pairs = [(masks["liver"] | masks["tumour"], labels > 0), (masks["tumour"], labels == 2)]
            overlap += [2 * (a & b).sum() for a, b in pairs]
            size += [a.sum() + b.sum() for a, b in pairs]
        assert (overlap / size >= [0.999, 0.99]).all()
