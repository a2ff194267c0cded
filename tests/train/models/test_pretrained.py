"""Loading of Hugging Face's SegFormer weights, compared with the network of transformers."""

import json
import logging
import re

import pytest
import torch
import torch.nn.functional as F

from tests.train.models.saved_models import write_model
from train.errors import TrainError
from train.models import build
from train.models.graph import normalise
from train.models.hugging_face_files import IMAGENET_MEAN, IMAGENET_STD
from train.models.pretrained import load_hugging_face

V4_NAMES = [  # patterns of names in transformers 5, with the names in version 4
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
    """A SegFormer B0 of transformers with random weights."""
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
    """The folder of the saved `reference`."""
    folder = tmp_path_factory.mktemp("saved")
    reference.save_pretrained(folder)
    return folder


def old_layout(tensors):
    """The tensors under their names in transformers 4."""
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, old in V4_NAMES:
            name = re.sub(pattern, old, name)
        renamed[name] = tensor.clone()
    return renamed


def assert_same_logits(reference, network):
    """Both networks must give the same logits."""
    picture = torch.randn(2, 3, 96, 64)
    with torch.no_grad():
        expected = reference(pixel_values=picture).logits
        assert expected.std() > 0.05
        assert torch.allclose(network.eval()(picture), expected, atol=1e-4)


def test_a_saved_model_gives_the_same_logits(reference, saved):
    network = build("segformer-b0")
    load_hugging_face(network, saved, fold_normalisation=False)
    assert_same_logits(reference, network)


@pytest.mark.parametrize("layout, file", [("4", "pytorch_model.bin"), ("5", "model.safetensors")])
def test_both_layouts_and_both_kinds_of_file_are_read(reference, tmp_path, layout, file):
    tensors = reference.state_dict()
    tensors = old_layout(tensors) if layout == "4" else tensors
    marker = (
        "encoder.block.0.0.attention.self.query" if layout == "4" else "stages.0.blocks.0.attention.q_proj"
    )
    assert f"segformer.{marker}.weight" in tensors
    network = build("segformer-b0")
    load_hugging_face(network, write_model(tmp_path, tensors, file=file), fold_normalisation=False)
    assert_same_logits(reference, network)


def test_shards_are_read_but_only_from_the_folder_itself(reference, tmp_path):
    tensors = reference.state_dict()
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[:100], "model-00002-of-00002.safetensors": names[100:]}
    for file, chosen in parts.items():
        write_model(tmp_path, {name: tensors[name] for name in chosen}, file=file)
    index = {"weight_map": {name: file for file, chosen in parts.items() for name in chosen}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    network = build("segformer-b0")
    load_hugging_face(network, tmp_path, fold_normalisation=False)
    assert_same_logits(reference, network)
    index["weight_map"][names[0]] = f"../{tmp_path.name}/model-00001-of-00002.safetensors"
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(TrainError, match="files that do not exist"):
        load_hugging_face(network, tmp_path)


@pytest.mark.parametrize("prefix", ["segformer.", ""])
def test_weights_without_a_head_leave_the_head_unchanged(reference, tmp_path, caplog, prefix):
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
        load_hugging_face(network, write_model(tmp_path, tensors), fold_normalisation=False)
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


def test_a_head_of_other_size_starts_from_scratch(saved, caplog):
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
    """Exact away from the zero padding; at the border, the padding stands for mid-grey."""
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
def test_any_number_of_channels_gives_the_same_logits_for_grey(saved, channels):
    three, other = build("segformer-b0"), build("segformer-b0", channels=channels)
    load_hugging_face(three, saved)
    load_hugging_face(other, saved)
    grey = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        expected = three.eval()(grey.expand(-1, 3, -1, -1))
        assert torch.allclose(other.eval()(grey.expand(-1, channels, -1, -1)), expected, atol=1e-4)


def test_the_models_own_mean_and_deviation_are_used(reference, tmp_path):
    folder = write_model(tmp_path, reference.state_dict())
    about = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    network = build("segformer-b0")
    load_hugging_face(network, folder)  # (unit - 1/2) / (1/4) is the input of this network
    assert_same_logits(reference, network)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_std": [0, 0, 0]}))
    with pytest.raises(TrainError, match="mean and deviation"):
        load_hugging_face(network, folder)


@pytest.mark.parametrize(
    "name, config, change, message",
    [
        ("segformer-b1", {}, {}, "another SegFormer: its hidden_sizes are"),
        ("segformer-b0", {"depths": [2, 2, 3, 2]}, {}, "its depths are"),
        ("segformer-b0", {"mlp_ratios": [8, 8, 4, 4]}, {}, "its mlp_ratios are"),
        ("segformer-b0", {"num_channels": 4}, {}, "of 4 channels"),
        ("segformer-b0", {"model_type": "swin"}, {}, "is a swin"),
        ("nnformer-2d", {}, {}, "are for SegFormer"),
        ("segformer-b0", {}, {"segformer.stages.0.layer_norm.bias": None}, r"lacks weights \(1\): .*layer_n"),
        ("segformer-b0", {}, {"decode_head.linear_fuse.weight": None}, r"lacks weights \(1\): .*linear_fuse"),
        ("segformer-b0", {}, {"segformer.extra.weight": torch.zeros(2)}, r"superfluous .*\(1\): .*extra"),
        ("segformer-b0", {}, {"segformer.stages.0.layer_norm.bias": torch.zeros(7)}, "another shape"),
        ("segformer-b0", {}, {"segformer.stages.0.blocks.0.attention.k_proj.bias": torch.zeros(7)}, "differ"),
    ],
)  # fmt: skip
def test_mismatched_models_are_refused(reference, tmp_path, name, config, change, message):
    tensors = reference.state_dict() | change
    folder = write_model(tmp_path, {name: t for name, t in tensors.items() if t is not None}, config)
    network = build(name, embedding=16) if name.startswith("nn") else build(name)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(TrainError, match=message):
        load_hugging_face(network, folder)
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


def test_published_models_say_how_many_weights_were_loaded(tmp_path, caplog):
    """The layouts of nvidia/mit-b0, an image classifier, and nvidia/segformer-b0-finetuned-ade-512-512."""
    from transformers import (
        SegformerConfig,
        SegformerForImageClassification,
        SegformerForSemanticSegmentation,
    )

    torch.manual_seed(1)
    SegformerForImageClassification(SegformerConfig(num_labels=10)).save_pretrained(tmp_path / "mit-b0")
    SegformerForSemanticSegmentation(SegformerConfig(num_labels=150)).save_pretrained(tmp_path / "ade")
    SegformerForSemanticSegmentation(SegformerConfig(num_labels=3)).save_pretrained(tmp_path / "liver")
    with caplog.at_level(logging.INFO, "train"):
        for folder in ("mit-b0", "ade", "liver"):
            load_hugging_face(build("segformer-b0"), tmp_path / folder)
    assert "mit-b0: 192 of 192 weights loaded" in caplog.text
    assert "ade: 206 of 208 weights loaded" in caplog.text and "3 classes, not 150" in caplog.text
    assert "liver: 208 of 208 weights loaded" in caplog.text
