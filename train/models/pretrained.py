"""SegFormer weights from Hugging Face, in either layout, into our network."""

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

_logger = logging.getLogger("train.models.pretrained")

_FIRST = "stages.0.embed.projection"
_CONFIG: dict[str, str] = {
    "depths": "depths",
    "hidden_sizes": "widths",
    "num_attention_heads": "heads",
    "sr_ratios": "reductions",
    "patch_sizes": "patch_sizes",
    "strides": "strides",
}
"""Their name of what must be ours: SegFormerConfig's."""


def load_hugging_face(network: nn.Module, source: str | Path, fold_normalisation: bool = True) -> None:
    """Fill a SegFormer with the weights of `source`, a folder or a name on the Hub.

    The encoder must be there whole. The decode head is taken where there is one of the same width,
    and its classifier where the classes are as many; what is not taken stays freshly initialised, and
    the log says so. Weights that have no place are refused, but for an image classifier.

    Hugging Face's weights expect colour less ImageNet's mean over its deviation (or what
    preprocessor_config.json says), ours `graph.normalise`. The difference is folded into the first
    convolution (unless `fold_normalisation` is False), so that a grey picture in the three channels gives
    what it gave there. This is exact wherever the convolution sees no zero padding; at the border, 3 px
    wide, the picture is framed by mid-grey instead of by the mean. For other than three channels every
    channel gets the mean of the three kernels times 3 / channels: the same grey in all of them gives
    the same response again.

    Raises `TrainError` for another architecture, other sizes, and missing, superfluous or misshapen weights.
    """
    if not isinstance(network, SegFormer):
        raise TrainError("Hugging Face weights are for SegFormer; other architectures start from scratch.")
    model = read_model(source)
    _check(network.config, model)
    found, missing, superfluous = _matched(network, model)
    kept = _kept_head(network, model, found)
    missing = [theirs for own, theirs in missing if own not in kept]
    for problem, names in (("lacks weights", missing), ("has weights for which no place is", superfluous)):
        if names:
            few = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
            raise TrainError(f"{source} {problem} ({len(names)}): {few}.")
    weights = {name: tensor for name, tensor in found.items() if name not in kept}
    _check_shapes(network, weights, str(source))
    if fold_normalisation:
        folded = fold_input_normalisation(weights[f"{_FIRST}.weight"], model.image_mean, model.image_std)
        weights[f"{_FIRST}.weight"] = folded[0]
        weights[f"{_FIRST}.bias"] = weights[f"{_FIRST}.bias"] + folded[1]
    first = network.stages[0].embed.projection
    weights[f"{_FIRST}.weight"] = for_channels(weights[f"{_FIRST}.weight"], first.in_channels)
    network.load_state_dict(network.state_dict() | weights)


def fold_input_normalisation(
    weight: Tensor, mean: Sequence[float], std: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """A first convolution's weight for our input instead of (unit - mean) / std, and what its bias gains.

    Ours is v = (unit - 1/2) s, hence (unit - mean) / std = v / (s std) + (1/2 - mean) / std.
    """
    mean_, std_ = torch.tensor(mean).reshape(1, -1, 1, 1), torch.tensor(std).reshape(1, -1, 1, 1)
    shift = (weight * (0.5 - mean_) / std_).sum(dim=(1, 2, 3))
    return weight / (NORMALISED_SPAN * std_), shift


def for_channels(weight: Tensor, channels: int) -> Tensor:
    """A convolution's weight (out, in, k, k) for another number of input channels, the same sum over them."""
    if weight.shape[1] == channels:
        return weight
    return (weight.sum(dim=1, keepdim=True) / channels).repeat(1, channels, 1, 1)


def _check(config: SegFormerConfig, model: HuggingFaceModel) -> None:
    """Raises `TrainError` unless the model is a SegFormer of the same encoder."""
    theirs = model.config
    if theirs.get("model_type") != "segformer":
        raise TrainError(f"{model.source} is a {theirs.get('model_type', 'model of no type')}, no SegFormer.")
    for name, own in _CONFIG.items():
        # What a file leaves out is the default there, which is B0.
        value = theirs.get(name, list(getattr(SEGFORMER_CONFIGS["segformer-b0"], own)))
        expected = list(getattr(config, own))
        if value != expected:
            raise TrainError(f"{model.source} is another SegFormer: its {name} are {value}, not {expected}.")
    ratios, channels = theirs.get("mlp_ratios", [4, 4, 4, 4]), theirs.get("num_channels", 3)
    if ratios != [config.mlp_ratio] * len(config.depths):
        raise TrainError(f"{model.source} is another SegFormer: its mlp_ratios are {ratios}.")
    if channels != 3 or len(model.image_mean) != 3:
        raise TrainError(f"{model.source} takes pictures of {channels} channels; weights for 3 are needed.")


def _matched(
    network: SegFormer, model: HuggingFaceModel
) -> tuple[dict[str, Tensor], list[tuple[str, str]], list[str]]:
    """Tensors by our names; (our, their) name of each that is missing; their names that have no place."""
    layout, prefix = layout_of(model.tensors), prefix_of(model.tensors)
    found: dict[str, Tensor] = {}
    missing: list[tuple[str, str]] = []
    used: set[str] = set()
    for own in network.state_dict():
        names = hugging_face_names(own, layout, prefix)
        used |= set(names)
        absent = [name for name in names if name not in model.tensors]
        missing += [(own, name) for name in absent]
        if not absent:
            found[own] = _stacked([model.tensors[name] for name in names], names)
    superfluous = [n for n in model.tensors if n not in used and not n.startswith("classifier.")]
    return found, missing, superfluous


def _stacked(tensors: list[Tensor], names: list[str]) -> Tensor:
    """One after the other, as float32 where they are floating-point numbers."""
    if len({(tensor.shape, tensor.dtype) for tensor in tensors}) > 1:
        raise TrainError(f"The weights {' and '.join(names)} differ in shape or kind.")
    stacked = torch.cat(tensors) if len(tensors) > 1 else tensors[0]
    return stacked.float() if stacked.is_floating_point() else stacked


def _check_shapes(network: SegFormer, weights: dict[str, Tensor], source: str) -> None:
    """Raises `TrainError` unless every weight fits, the first convolution's for three channels."""
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    shapes[f"{_FIRST}.weight"][1] = 3
    odd = [name for name, tensor in weights.items() if list(tensor.shape) != shapes[name]]
    if odd:
        raise TrainError(f"{source} has weights of another shape than ours ({len(odd)}): {odd[0]}.")


def _kept_head(network: SegFormer, model: HuggingFaceModel, found: dict[str, Tensor]) -> set[str]:
    """Our names in the decode head that stay as they were initialised; the log says why."""
    every = {name for name in network.state_dict() if name.startswith("head.")}
    if not any(name.startswith("decode_head.") for name in model.tensors):
        _logger.info("%s has no decode head: ours starts from scratch", model.source)
        return every
    width, classes = network.config.decoder_width, network.head.classify.out_channels
    their_width = found["head.mix.weight"].shape[0] if "head.mix.weight" in found else width
    if their_width != width:
        _logger.info("the decode head starts from scratch: %d wide, not %d", width, their_width)
        return every
    their_classes = found["head.classify.bias"].shape[0] if "head.classify.bias" in found else classes
    if their_classes != classes:
        _logger.info("the classifier starts from scratch: %d classes, not %d", classes, their_classes)
        return {name for name in every if name.startswith("head.classify.")}
    return set()
