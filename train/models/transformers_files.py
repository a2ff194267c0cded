"""The files by which transformers opens a SegFormer: configuration, image processor and weights by its names.

The names of the weights are those of version 4, in which published SegFormers are stored; version 5 reads
them too. `config.json` holds transformers' fields beside this project's own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from train.models.graph import NORMALISED_SPAN
from train.models.hugging_face_layout import hugging_face_names
from train.models.segformer import SegFormerConfig

PREPROCESSOR_FILE = "preprocessor_config.json"
"""The configuration of the image processor."""

_LAYOUT = 4
_BILINEAR = 2  # of Pillow's resampling filters
_COUNTER = "decode_head.batch_norm.num_batches_tracked"


def to_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of this project's SegFormer by transformers' names, their values and types unchanged.

    The counter of the batch norm, which transformers expects and nothing uses, is 0.
    """
    renamed: dict[str, Tensor] = {}
    for own, tensor in weights.items():
        names = hugging_face_names(own, _LAYOUT)
        renamed |= {name: part.clone() for name, part in zip(names, tensor.chunk(len(names)), strict=True)}
    return renamed | {_COUNTER: torch.tensor(0)}


def from_transformers(stored: Mapping[str, Tensor], own_names: Collection[str]) -> dict[str, Tensor]:
    """The weights by this project's names, `own_names`; those stored by these names stay as they are.

    Raises `KeyError` where a weight is missing.
    """
    if not any(name.startswith("segformer.") for name in stored):
        return dict(stored)
    return {
        own: torch.cat([stored[name] for name in names]) if len(names) > 1 else stored[names[0]]
        for own in own_names
        for names in [hugging_face_names(own, _LAYOUT)]
    }


def transformers_config(config: SegFormerConfig, classes: Collection[str]) -> dict[str, Any]:
    """The fields of `config.json` that transformers reads, for pictures of three channels.

    `dtype` makes transformers compute in float32 although the weights are stored in float16.
    """
    return {
        "model_type": "segformer",
        "architectures": ["SegformerForSemanticSegmentation"],
        "id2label": {str(number): name for number, name in enumerate(classes)},
        "label2id": {name: number for number, name in enumerate(classes)},
        "num_channels": 3,
        "num_encoder_blocks": len(config.depths),
        "depths": list(config.depths),
        "hidden_sizes": list(config.widths),
        "num_attention_heads": list(config.heads),
        "sr_ratios": list(config.reductions),
        "patch_sizes": list(config.patch_sizes),
        "strides": list(config.strides),
        "mlp_ratios": [config.mlp_ratio] * len(config.depths),
        "decoder_hidden_size": config.decoder_width,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "classifier_dropout_prob": config.dropout,
        "drop_path_rate": config.drop_path,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-5,
        "semantic_loss_ignore_index": 255,
        "reshape_last_stage": True,
        "dtype": "float32",
    }


def preprocessor_config(working_size: int) -> dict[str, Any]:
    """`preprocessor_config.json`: a square picture of the working size, normalised by `graph.normalise`.

    The values of the picture are those of the network's CT window: 0 is its lower end, 255 its upper end.
    """
    return {
        "image_processor_type": "SegformerImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": working_size, "width": working_size},
        "resample": _BILINEAR,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5] * 3,
        "image_std": [1 / NORMALISED_SPAN] * 3,
        "do_reduce_labels": False,
    }
