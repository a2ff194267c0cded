"""Hugging Face's SegFormer weights in ours: transformers itself is the reference."""

import json
import logging
import re

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F

from registry.errors import RegistryError
from tests.hub_standin.repositories import Blob
from tests.hub_standin.server import HubStandin
from train.errors import TrainError
from train.models import build
from train.models.graph import normalise
from train.models.hugging_face_files import IMAGENET_MEAN, IMAGENET_STD, read_model
from train.models.pretrained import load_hugging_face

V4 = [  # from transformers 5's names to those of 4, as its own files still have them
    (r"stages\.(\d+)\.patch_embeddings\.", r"encoder.patch_embeddings.\1."),
    (r"stages\.(\d+)\.blocks\.", r"encoder.block.\1."),
    (r"stages\.(\d+)\.layer_norm\.", r"encoder.layer_norm.\1."),
    (r"attention\.q_proj", "attention.self.query"),
    (r"attention\.k_proj", "attention.self.key"),
    (r"attention\.v_proj", "attention.self.value"),
    (r"attention\.o_proj", "attention.output.dense"),
    (r"attention\.sequence_reduction\.sequence_reduction", "attention.self.sr"),
    (r"attention\.sequence_reduction\.layer_norm", "attention.self.layer_norm"),
    (r"mlp\.fc1", "mlp.dense1"),
    (r"mlp\.fc2", "mlp.dense2"),
    (r"layernorm_before", "layer_norm_1"),
    (r"layernorm_after", "layer_norm_2"),
    (r"linear_projections", "linear_c"),
]


@pytest.fixture(scope="module")
def reference():
    """A SegFormer of transformers, of B0's shape, with every weight random."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    torch.manual_seed(0)
    model = SegformerForSemanticSegmentation(SegformerConfig(num_labels=3)).eval()
    with torch.no_grad():
        for tensor in [*model.parameters(), model.decode_head.batch_norm.running_mean]:
            tensor.add_(0.05 * torch.randn_like(tensor))
        model.decode_head.batch_norm.running_var.uniform_(0.5, 2)
    return model


@pytest.fixture(scope="module")
def saved(reference, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    reference.save_pretrained(folder)
    return folder


def written(folder, tensors, config=None, file="model.safetensors"):
    """A model's folder with the given tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"model_type": "segformer", "num_labels": 3} | (config or {})
    (folder / "config.json").write_text(json.dumps(about))
    if file.endswith(".bin"):
        torch.save(tensors, folder / file)
    else:
        safetensors.torch.save_file({name: t.contiguous() for name, t in tensors.items()}, folder / file)
    return folder


def old_layout(tensors):
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, old in V4:
            name = re.sub(pattern, old, name)
        renamed[name] = tensor.clone()
    return renamed


def same_logits(reference, network):
    picture = torch.randn(2, 3, 96, 64)
    with torch.no_grad():
        expected = reference(pixel_values=picture).logits
        assert expected.std() > 0.05
        assert torch.allclose(network.eval()(picture), expected, atol=1e-4)


def test_a_saved_model_gives_the_same_logits(reference, saved):
    network = build("segformer-b0")
    load_hugging_face(network, saved, fold_normalisation=False)
    same_logits(reference, network)


@pytest.mark.parametrize("layout, file", [("4", "pytorch_model.bin"), ("5", "model.safetensors")])
def test_both_layouts_and_both_kinds_of_file_are_read(reference, tmp_path, layout, file):
    tensors = reference.state_dict()
    tensors = old_layout(tensors) if layout == "4" else tensors
    marker = (
        "encoder.block.0.0.attention.self.query" if layout == "4" else "stages.0.blocks.0.attention.q_proj"
    )
    assert f"segformer.{marker}.weight" in tensors
    network = build("segformer-b0")
    load_hugging_face(network, written(tmp_path, tensors, file=file), fold_normalisation=False)
    same_logits(reference, network)


def test_shards_are_read_and_only_from_the_folder(reference, tmp_path):
    tensors = reference.state_dict()
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[:100], "model-00002-of-00002.safetensors": names[100:]}
    for file, chosen in parts.items():
        written(tmp_path, {name: tensors[name] for name in chosen}, file=file)
    index = {"weight_map": {name: file for file, chosen in parts.items() for name in chosen}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    network = build("segformer-b0")
    load_hugging_face(network, tmp_path, fold_normalisation=False)
    same_logits(reference, network)
    index["weight_map"][names[0]] = f"../{tmp_path.name}/model-00001-of-00002.safetensors"
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(TrainError, match="files that are not there"):
        load_hugging_face(network, tmp_path)


@pytest.mark.parametrize("prefix", ["segformer.", ""])
def test_an_encoder_alone_leaves_the_head_as_it_was(reference, tmp_path, caplog, prefix):
    tensors = {
        prefix + name.removeprefix("segformer."): tensor
        for name, tensor in old_layout(reference.state_dict()).items()
        if name.startswith("segformer.")
    }
    if prefix:  # an image classifier
        tensors |= {"classifier.weight": torch.zeros(5, 256), "classifier.bias": torch.zeros(5)}
    network = build("segformer-b0").eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with caplog.at_level(logging.INFO, "train"):
        load_hugging_face(network, written(tmp_path, tensors), fold_normalisation=False)
    assert "no decode head" in caplog.text
    after = network.state_dict()
    assert all(torch.equal(after[n], before[n]) for n in before if n.startswith("head."))
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = reference.segformer(pixel_values=picture).last_hidden_state
        grid = picture
        for stage in network.stages:
            grid = stage(grid)
        assert torch.allclose(grid, expected, atol=1e-4)


def test_what_does_not_fit_of_the_head_starts_from_scratch(saved, caplog):
    with caplog.at_level(logging.INFO, "train"):
        other_classes = build("segformer-b0", classes=5)
        load_hugging_face(other_classes, saved)
        narrow = build("segformer-b0", decoder_width=64)
        load_hugging_face(narrow, saved)
    assert "5 classes, not 3" in caplog.text and "64 wide, not 256" in caplog.text
    whole = build("segformer-b0")
    load_hugging_face(whole, saved)
    assert torch.equal(other_classes.head.mix.weight, whole.head.mix.weight)
    assert torch.equal(narrow.stages[3].norm.weight, whole.stages[3].norm.weight)
    assert not torch.equal(narrow.stages[3].norm.weight, torch.ones(256))


def test_normalisation_is_folded_into_the_first_convolution(reference, saved):
    """Exact where no zero padding is seen; beyond the border ours sees mid-grey."""
    network = build("segformer-b0")
    load_hugging_face(network, saved)
    grey = torch.rand(1, 1, 48, 40).expand(-1, 3, -1, -1)
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    theirs = reference.segformer.stages[0].patch_embeddings.proj
    with torch.no_grad():
        ours = network.stages[0].embed.projection(normalise(grey))
        expected = theirs((grey - mean) / std)
        framed = (F.pad(grey, (3, 3, 3, 3), value=0.5) - mean) / std
        assert torch.allclose(ours[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1], atol=1e-5)
        assert torch.allclose(ours, F.conv2d(framed, theirs.weight, theirs.bias, 4), atol=1e-5)


@pytest.mark.parametrize("channels", [1, 6])
def test_any_number_of_channels_answers_grey_alike(saved, channels):
    three, other = build("segformer-b0"), build("segformer-b0", channels=channels)
    load_hugging_face(three, saved)
    load_hugging_face(other, saved)
    grey = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        expected = three.eval()(grey.expand(-1, 3, -1, -1))
        assert torch.allclose(other.eval()(grey.expand(-1, channels, -1, -1)), expected, atol=1e-4)


def test_a_models_own_mean_and_deviation_count(reference, tmp_path):
    folder = written(tmp_path, reference.state_dict())
    about = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    network = build("segformer-b0")
    load_hugging_face(network, folder)  # (unit - 1/2) / (1/4) is what ours is
    same_logits(reference, network)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_std": [0, 0, 0]}))
    with pytest.raises(TrainError, match="mean and deviation"):
        load_hugging_face(network, folder)


@pytest.mark.parametrize(
    "name, config, change, sentence",
    [
        ("segformer-b1", {}, {}, "another SegFormer: its hidden_sizes are"),
        ("segformer-b0", {"depths": [2, 2, 3, 2]}, {}, "its depths are"),
        ("segformer-b0", {"mlp_ratios": [8, 8, 4, 4]}, {}, "its mlp_ratios are"),
        ("segformer-b0", {"num_channels": 4}, {}, "of 4 channels"),
        ("segformer-b0", {"model_type": "swin"}, {}, "is a swin"),
        ("nnformer-2d", {}, {}, "are for SegFormer"),
        ("segformer-b0", {}, {"segformer.stages.0.layer_norm.bias": None}, r"lacks weights \(1\): .*layer_n"),
        ("segformer-b0", {}, {"decode_head.linear_fuse.weight": None}, r"lacks weights \(1\): .*linear_fuse"),
        ("segformer-b0", {}, {"segformer.extra.weight": torch.zeros(2)}, r"no place is \(1\): .*extra"),
        ("segformer-b0", {}, {"segformer.stages.0.layer_norm.bias": torch.zeros(7)}, "another shape"),
        ("segformer-b0", {}, {"segformer.stages.0.blocks.0.attention.k_proj.bias": torch.zeros(7)}, "differ"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(reference, tmp_path, name, config, change, sentence):
    tensors = reference.state_dict() | change
    folder = written(tmp_path, {name: t for name, t in tensors.items() if t is not None}, config)
    network = build(name, embedding=16) if name.startswith("nn") else build(name)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(TrainError, match=sentence):
        load_hugging_face(network, folder)
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


class Harmful:
    def __reduce__(self):
        return print, ("run",)


def test_damaged_and_harmful_files_are_refused(reference, tmp_path, capsys):
    folder = written(tmp_path / "harmful", {"a": Harmful()}, file="pytorch_model.bin")
    with pytest.raises(TrainError, match="pytorch_model.bin cannot be read"):
        read_model(folder)
    assert "run" not in capsys.readouterr().out
    folder = written(tmp_path / "cut", {"a": torch.zeros(9)})
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:50])
    with pytest.raises(TrainError, match="model.safetensors cannot be read"):
        read_model(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(TrainError, match="has no weights"):
        read_model(folder)
    (folder / "config.json").write_text("[]")
    with pytest.raises(TrainError, match="no JSON object"):
        read_model(folder)
    with pytest.raises(TrainError, match="no folder and no name on the Hub"):
        read_model(tmp_path / "not there")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in for the Hub that has a small pickled model, among files that nobody needs."""
    folder = written(tmp_path / "model", {"a": torch.arange(3)}, file="pytorch_model.bin")
    (folder / "tf_model.h5").write_bytes(b"not needed")
    with HubStandin() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        files = {path.name: Blob(path.read_bytes(), large=False) for path in folder.iterdir()}
        hub.repositories.create("somebody/mit-b0", private=False).add(files, "weights")
        yield hub


def test_a_name_is_fetched_from_the_hub(hub):
    model = read_model("somebody/mit-b0")
    assert model.tensors["a"].tolist() == [0, 1, 2] and model.config["model_type"] == "segformer"
    assert hub.requests("pytorch_model.bin") and not hub.requests("tf_model.h5")


def test_what_the_hub_does_not_give_is_one_sentence(hub, monkeypatch):
    with pytest.raises(
        RegistryError, match="somebody/nothing; set HF_TOKEN, or check that the name is right"
    ):
        read_model("somebody/nothing")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(RegistryError, match="cannot be reached .requested: somebody/nothing."):
        read_model("somebody/nothing")
