"""Loading of Hugging Face's SegFormer weights, in either layout, into this project's SegFormer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from train.errors import TrainError
from train.models.graph import NORMALISED_SPAN
from train.models.hugging_face_files import HuggingFaceModel, read_model
from train.models.hugging_face_layout import hugging_face_names, layout_of, prefix_of
from train.models.segformer import SEGFORMER_CONFIGS, SegFormer, SegFormerConfig

_logger = logging.getLogger(__name__)

_FIRST = "stages.0.embed.projection"  # the first convolution
_CONFIG_FIELDS: dict[str, str] = {
    "depths": "depths",
    "hidden_sizes": "widths",
    "num_attention_heads": "heads",
    "sr_ratios": "reductions",
    "patch_sizes": "patch_sizes",
    "strides": "strides",
}
"""Keys of Hugging Face's config.json, with the fields of `SegFormerConfig` that must be equal."""


def load_hugging_face(network: nn.Module, source: str | Path, fold_normalisation: bool = True) -> None:
    """Load the weights of `source`, a folder or a name on the Hub, into a SegFormer.

    All weights of the encoder must be there. The decode head is used if it has the same width, and its
    classifier if it has the same number of classes; otherwise they keep their fresh initialisation, and
    the log says so. Superfluous weights are refused, except those of an image classifier. The log says how
    many weights were loaded.

    Hugging Face's weights expect (unit - mean) / std per channel, with ImageNet's values or those of
    preprocessor_config.json; this network's input is `graph.normalise`. With `fold_normalisation`, the
    difference is folded into the first convolution, so a grey picture in the three channels gives the
    same response as in Hugging Face's network. This is exact except at the border, 3 pixels wide, where
    the zero padding stands for mid-grey instead of the mean. For other than three channels, every channel
    gets the mean of the three kernels times 3 / channels: the same grey in all of them gives the same
    response.

    Raises `TrainError` for another architecture, other sizes, and missing, superfluous or misshapen
    weights.
    """
    if not isinstance(network, SegFormer):
        raise TrainError("Hugging Face weights are for SegFormer; other architectures start from scratch.")
    model = read_model(source)
    _check_config(network.config, model)
    matched, missing, superfluous = _match_weights(network, model)
    fresh = _fresh_head_weights(network, model, matched)
    missing = [theirs for own, theirs in missing if own not in fresh]
    for problem, names in (("lacks weights", missing), ("has superfluous weights", superfluous)):
        if names:
            few = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
            raise TrainError(f"{source} {problem} ({len(names)}): {few}.")
    weights = {name: tensor for name, tensor in matched.items() if name not in fresh}
    _check_shapes(network, weights, str(source))
    if fold_normalisation:
        weight, bias_shift = fold_input_normalisation(
            weights[f"{_FIRST}.weight"], model.image_mean, model.image_std
        )
        weights[f"{_FIRST}.weight"] = weight
        weights[f"{_FIRST}.bias"] = weights[f"{_FIRST}.bias"] + bias_shift
    first = network.stages[0].embed.projection
    weights[f"{_FIRST}.weight"] = for_channels(weights[f"{_FIRST}.weight"], first.in_channels)
    network.load_state_dict(network.state_dict() | weights)
    _log_loaded(model, weights)


def fold_input_normalisation(
    weight: Tensor, mean: Sequence[float], std: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """A first convolution for `graph.normalise` instead of (unit - mean) / std: its weight and bias shift.

    With v = (unit - 1/2) s of `normalise`, (unit - mean) / std = v / (s std) + (1/2 - mean) / std.
    """
    mean_, std_ = torch.tensor(mean).reshape(1, -1, 1, 1), torch.tensor(std).reshape(1, -1, 1, 1)
    shift = (weight * (0.5 - mean_) / std_).sum(dim=(1, 2, 3))
    return weight / (NORMALISED_SPAN * std_), shift


def for_channels(weight: Tensor, channels: int) -> Tensor:
    """A convolution's weight (out, in, k, k) for another number of input channels, with the same sum."""
    if weight.shape[1] == channels:
        return weight
    return (weight.sum(dim=1, keepdim=True) / channels).repeat(1, channels, 1, 1)


def _log_loaded(model: HuggingFaceModel, weights: dict[str, Tensor]) -> None:
    """Log how many of the model's tensors were loaded; those of an image classifier do not count."""
    layout, prefix = layout_of(model.tensors), prefix_of(model.tensors)
    loaded = sum(len(hugging_face_names(own, layout, prefix)) for own in weights)
    stored = sum(not name.startswith("classifier.") for name in model.tensors)
    _logger.info("%s: %d of %d weights loaded", model.source, loaded, stored)


def _check_config(config: SegFormerConfig, model: HuggingFaceModel) -> None:
    """Raise `TrainError` unless the model is a SegFormer with the same encoder and three channels."""
    theirs = model.config
    if theirs.get("model_type") != "segformer":
        raise TrainError(
            f"{model.source} is a {theirs.get('model_type', 'model without a type')}, not a SegFormer."
        )
    for name, own in _CONFIG_FIELDS.items():
        # The default of a missing key is the value of B0.
        value = theirs.get(name, list(getattr(SEGFORMER_CONFIGS["segformer-b0"], own)))
        expected = list(getattr(config, own))
        if value != expected:
            raise TrainError(f"{model.source} is another SegFormer: its {name} are {value}, not {expected}.")
    ratios, channels = theirs.get("mlp_ratios", [4, 4, 4, 4]), theirs.get("num_channels", 3)
    if ratios != [config.mlp_ratio] * len(config.depths):
        raise TrainError(f"{model.source} is another SegFormer: its mlp_ratios are {ratios}.")
    if channels != 3 or len(model.image_mean) != 3:
        raise TrainError(f"{model.source} takes pictures of {channels} channels; weights for 3 are needed.")


def _match_weights(
    network: SegFormer, model: HuggingFaceModel
) -> tuple[dict[str, Tensor], list[tuple[str, str]], list[str]]:
    """Tensors by this network's names, missing tensors, and superfluous names of the model.

    A missing tensor is given as (this network's name, Hugging Face's name).
    """
    layout, prefix = layout_of(model.tensors), prefix_of(model.tensors)
    matched: dict[str, Tensor] = {}
    missing: list[tuple[str, str]] = []
    used: set[str] = set()
    for own in network.state_dict():
        names = hugging_face_names(own, layout, prefix)
        used |= set(names)
        absent = [name for name in names if name not in model.tensors]
        missing += [(own, name) for name in absent]
        if not absent:
            matched[own] = _stack([model.tensors[name] for name in names], names)
    superfluous = [n for n in model.tensors if n not in used and not n.startswith("classifier.")]
    return matched, missing, superfluous


def _stack(tensors: list[Tensor], names: list[str]) -> Tensor:
    """The concatenation of the tensors; floating-point numbers become float32."""
    if len({(tensor.shape, tensor.dtype) for tensor in tensors}) > 1:
        raise TrainError(f"The weights {' and '.join(names)} differ in shape or kind.")
    stacked = torch.cat(tensors) if len(tensors) > 1 else tensors[0]
    return stacked.float() if stacked.is_floating_point() else stacked


def _check_shapes(network: SegFormer, weights: dict[str, Tensor], source: str) -> None:
    """Raise `TrainError` unless all shapes fit, with three input channels in the first convolution."""
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    shapes[f"{_FIRST}.weight"][1] = 3
    misshapen = [name for name, tensor in weights.items() if list(tensor.shape) != shapes[name]]
    if misshapen:
        raise TrainError(f"{source} has weights of another shape ({len(misshapen)}): {misshapen[0]}.")


def _fresh_head_weights(network: SegFormer, model: HuggingFaceModel, matched: dict[str, Tensor]) -> set[str]:
    """Names in the decode head that keep their fresh initialisation; the reason is logged."""
    every = {name for name in network.state_dict() if name.startswith("head.")}
    if not any(name.startswith("decode_head.") for name in model.tensors):
        _logger.info("%s has no decode head: it starts from scratch", model.source)
        return every
    width, classes = network.config.decoder_width, network.head.classify.out_channels
    their_width = matched["head.mix.weight"].shape[0] if "head.mix.weight" in matched else width
    if their_width != width:
        _logger.info("the decode head starts from scratch: %d wide, not %d", width, their_width)
        return every
    their_classes = matched["head.classify.bias"].shape[0] if "head.classify.bias" in matched else classes
    if their_classes != classes:
        _logger.info("the classifier starts from scratch: %d classes, not %d", classes, their_classes)
        return {name for name in every if name.startswith("head.classify.")}
    return set()
