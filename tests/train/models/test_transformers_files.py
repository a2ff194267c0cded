"""The files by which transformers opens a SegFormer, compared with transformers itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

from train.models import build
from train.models.graph import normalise
from train.models.hugging_face_layout import hugging_face_names
from train.models.segformer import SEGFORMER_CONFIGS
from train.models.transformers_files import (
    from_transformers,
    preprocessor_config,
    to_transformers,
    transformers_config,
)

CLASSES = ("background", "liver", "tumour")


@pytest.fixture(scope="module")
def network():
    """A SegFormer with a narrow decoder, other depths and random weights that are exact in float16."""
    torch.manual_seed(0)
    network = build("segformer-b0", decoder_width=32, depths=[1, 2, 1, 1]).eval()
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_((tensor + 0.05 * torch.rand_like(tensor)).half().float())
    return network


def stored(network):
    return {name: tensor.half() for name, tensor in network.state_dict().items() if tensor.ndim}


def test_renamed_weights_come_back_bit_by_bit(network):
    weights = stored(network)
    theirs = to_transformers(weights)
    assert all(name.startswith(("segformer.", "decode_head.")) for name in theirs)
    back = from_transformers(theirs, weights)
    assert back.keys() == weights.keys()
    assert all(back[name].dtype is torch.float16 and torch.equal(back[name], weights[name]) for name in back)
    assert from_transformers(weights, weights) == weights  # older files have this project's names
    del theirs["decode_head.classifier.bias"]
    with pytest.raises(KeyError, match="classifier.bias"):
        from_transformers(theirs, weights)


def test_transformers_loads_every_weight_and_gives_the_same_logits(network, tmp_path):
    config = transformers_config(network.config, CLASSES)
    (tmp_path / "config.json").write_text(json.dumps({"decoder_width": 32, "windows": [], **config}))
    weights = to_transformers(stored(network))
    safetensors.torch.save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    model, info = AutoModelForSemanticSegmentation.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())  # missing, unexpected and mismatched keys, messages
    assert model.dtype is torch.float32 and model.config.id2label == dict(enumerate(CLASSES))
    assert {name: getattr(model.config, name) for name in ("depths", "decoder_hidden_size")} == {
        "depths": [1, 2, 1, 1],
        "decoder_hidden_size": 32,
    }
    picture = torch.randn(2, 3, 96, 64)
    with torch.no_grad():
        expected = network(picture)
        assert expected.std() > 0.01
        assert torch.allclose(model.eval()(pixel_values=picture).logits, expected, atol=1e-4)


@pytest.mark.parametrize("name", SEGFORMER_CONFIGS)
def test_the_configuration_of_every_size_is_that_of_transformers(name):
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    with torch.device("meta"):
        own = build(name)
        theirs = SegformerForSemanticSegmentation(SegformerConfig(**transformers_config(own.config, CLASSES)))
    expected = {key: tensor.shape for key, tensor in theirs.state_dict().items()}
    for key, tensor in own.state_dict().items():
        shapes = [expected.pop(name) for name in hugging_face_names(key, 5)]
        assert sum(shape.numel() for shape in shapes) == tensor.numel(), key
    assert not expected


def test_the_image_processor_gives_the_networks_input(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(preprocessor_config(64)))
    processor = AutoImageProcessor.from_pretrained(tmp_path)
    grey = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    values = processor(Image.fromarray(grey), return_tensors="pt")["pixel_values"]
    expected = normalise(torch.from_numpy(grey / np.float32(255))).expand(1, 3, -1, -1)
    assert torch.allclose(values, expected, atol=1e-6)
    assert processor(Image.fromarray(grey[:40]), return_tensors="pt")["pixel_values"].shape == (1, 3, 64, 64)
