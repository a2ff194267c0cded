"""An archive that does not repeat its network is not written; a checkpoint that lacks something not sent."""

import dataclasses
import json

import pytest
import safetensors.torch
import torch

from liverseg.core.window import Window
from registry import InputSpec, WindowSpec, open_registries
from registry.folder import open_checkpoint
from train.__main__ import main
from train.errors import TrainError
from train.export.archive import archive
from train.export.parity import check_parity
from train.export.publish import shortcomings
from train.export.torchscript import script
from train.models import build
from train.models.graph import HuToProbabilities

WINDOW = Window(60, 200)
SPEC = InputSpec("slices", 1, (WindowSpec(60, 200),), 192)


@pytest.fixture(scope="module")
def network():
    """The bundled weights moved off the values that float16 can hold, as training leaves them."""
    checkpoint = open_registries("bundled").find("segformer-b0")
    network = build("segformer-b0", decoder_width=128).eval()
    state = network.state_dict()
    stored = safetensors.torch.load(checkpoint.read_verified("model.safetensors"))
    network.load_state_dict(state | {name: tensor.float() * 1.0003 for name, tensor in stored.items()})
    return network


def exported(network) -> bytes:
    return archive(script(network.for_inference(), SPEC), "{}")


def test_a_folded_half_precision_archive_repeats_the_trained_network(network):
    trained = HuToProbabilities(network, (WINDOW,), 192, 1).eval()
    parity = check_parity(trained, exported(network), 1, 0.5)
    assert parity.holds and parity.labels_equal >= 0.9999
    assert 0 < parity.largest_difference < 5e-3
    assert parity.entry()["sizes"] == [[512, 512], [300, 411], [640, 288]]


def test_an_archive_of_other_weights_is_refused(network):
    trained = HuToProbabilities(network, (WINDOW,), 192, 1).eval()
    other = build("segformer-b0", decoder_width=128)
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        other.head.classify.bias += torch.tensor([0.0, 0.5, -0.5])
    with pytest.raises(TrainError, match="which rounding does not explain"):
        check_parity(trained, exported(other.eval()), 1, 0.5)


@pytest.fixture
def manifest():
    return open_registries("bundled").find("segformer-b0").manifest


def test_a_complete_checkpoint_may_be_published(manifest):
    assert shortcomings(manifest) == []


def with_dataset(manifest, **change):
    return {"training": {**manifest.training, "datasets": [{**manifest.training["datasets"][0], **change}]}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: {"extra": {}}, "parity with the trained network was not checked"),
        (
            lambda m: {"extra": {"parity": {**m.extra["parity"], "labels_equal": 0.99}}},
            "only 99.0000%",
        ),
        (lambda m: {"metrics": []}, "no Dice"),
        (lambda m: {"licence": "unknown"}, "licence is not stated"),
        (lambda m: {"files": {}}, "no metrics.csv"),
        (lambda m: {"training": {**m.training, "datasets": []}}, "training data are not stated"),
        (lambda m: with_dataset(m, licence=" "), "no licence or citation"),
        (lambda m: with_dataset(m, citation="not stated"), "no licence or citation"),
    ],
)
def test_what_is_missing_is_named(manifest, change, told):
    found = shortcomings(dataclasses.replace(manifest, **change(manifest)))
    assert len(found) == 1 and told in found[0]


def test_publish_sends_a_checkpoint_to_a_folder_registry(tmp_path, capsys):
    source = open_registries("bundled").find("segformer-b0")
    target = tmp_path / "shelf"
    assert main(["publish", str(source.folder), str(target)]) == 0
    assert json.loads(capsys.readouterr().out)["ref"] == source.ref
    (sent,) = open_registries(str(target)).list()
    assert sent.manifest.to_json() == source.manifest.to_json()
    assert main(["publish", str(source.folder), str(target)]) == 0
    assert json.loads(capsys.readouterr().out)["unchanged"] is True


def test_publish_refuses_in_one_line(tmp_path, capsys):
    source = open_registries("bundled").find("segformer-b0")
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("manifest.json", *source.manifest.files):
        (copy / name).write_bytes((source.folder / name).read_bytes())
    changed = dataclasses.replace(source.manifest, extra={})
    (copy / "manifest.json").write_text(changed.to_json(), encoding="utf-8")
    assert main(["publish", str(copy), str(tmp_path / "shelf")]) == 1
    error = capsys.readouterr().err.strip()
    assert error == "Not published: its parity with the trained network was not checked."
    assert not (tmp_path / "shelf").exists()
    assert open_checkpoint(copy, "").manifest.extra == {}


def test_publish_sends_a_checkpoint_to_the_hub_and_it_lists_there(hub, capsys):
    source = open_registries("bundled").find("segformer-b0")
    assert main(["publish", str(source.folder), "hf://lab"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ref"] == source.ref and len(told["revision"]) == 40 and not told["unchanged"]
    (there,) = open_registries("hf://lab").list()
    assert (there.ref, there.revision) == (source.ref, told["revision"])
    assert there.read_model() == source.read_model()
    assert main(["publish", str(source.folder), "hf://lab"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["unchanged"] and again["revision"] == told["revision"]
