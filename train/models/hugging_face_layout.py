"""Names of SegFormer's weights in transformers 4 and 5.

Version 5 groups the encoder by stage and uses the common names of attention layers. Files of both
layouts exist; version 5 still reads the old layout, and by default writes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_PREFIX = "segformer."  # before the encoder's names in a model with a head

_BLOCK: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "norm1": (("layer_norm_1",), ("layernorm_before",)),
    "norm2": (("layer_norm_2",), ("layernorm_after",)),
    "attention.query": (("attention.self.query",), ("attention.q_proj",)),
    "attention.key_value": (
        ("attention.self.key", "attention.self.value"),
        ("attention.k_proj", "attention.v_proj"),
    ),
    "attention.out": (("attention.output.dense",), ("attention.o_proj",)),
    "attention.reduce": (("attention.self.sr",), ("attention.sequence_reduction.sequence_reduction",)),
    "attention.norm": (("attention.self.layer_norm",), ("attention.sequence_reduction.layer_norm",)),
    "feed_forward.expand": (("mlp.dense1",), ("mlp.fc1",)),
    "feed_forward.depthwise": (("mlp.dwconv.dwconv",), ("mlp.dwconv.dwconv",)),
    "feed_forward.contract": (("mlp.dense2",), ("mlp.fc2",)),
}
"""For each module of a block: its names in version 4 and in version 5. Two names are stacked in order."""

_HEAD = {"mix": "linear_fuse", "norm": "batch_norm", "classify": "classifier"}


def layout_of(names: Collection[str]) -> int:
    """The version of transformers, 4 or 5, whose layout the names have.

    >>> layout_of(["segformer.encoder.layer_norm.0.weight"]), layout_of(["stages.0.layer_norm.weight"])
    (4, 5)
    """
    return 4 if any(name.removeprefix(_PREFIX).startswith("encoder.") for name in names) else 5


def prefix_of(names: Collection[str]) -> str:
    """The prefix of the encoder's names; empty if the encoder was saved without a head."""
    return _PREFIX if any(name.startswith(_PREFIX) for name in names) else ""


def hugging_face_names(own: str, layout: int, prefix: str = _PREFIX) -> list[str]:
    """The names of the tensors whose concatenation is the tensor `own` of this project's SegFormer.

    >>> hugging_face_names("stages.1.blocks.0.attention.key_value.bias", 4)  # doctest: +NORMALIZE_WHITESPACE
    ['segformer.encoder.block.1.0.attention.self.key.bias',
     'segformer.encoder.block.1.0.attention.self.value.bias']
    >>> hugging_face_names("stages.1.blocks.0.norm1.weight", 5, prefix="")
    ['stages.1.blocks.0.layernorm_before.weight']
    >>> hugging_face_names("head.project.3.weight", 5)
    ['decode_head.linear_projections.3.proj.weight']
    """
    old = layout == 4
    if match := re.fullmatch(r"stages\.(\d+)\.blocks\.(\d+)\.(.+)\.(\w+)", own):
        stage, block, module, leaf = match.groups()
        start = f"{prefix}encoder.block.{stage}.{block}" if old else f"{prefix}stages.{stage}.blocks.{block}"
        return [f"{start}.{theirs}.{leaf}" for theirs in _BLOCK[module][0 if old else 1]]
    if match := re.fullmatch(r"stages\.(\d+)\.embed\.(projection|norm)\.(\w+)", own):
        stage, module, leaf = match.groups()
        theirs = {"projection": "proj", "norm": "layer_norm"}[module]
        start = f"encoder.patch_embeddings.{stage}" if old else f"stages.{stage}.patch_embeddings"
        return [f"{prefix}{start}.{theirs}.{leaf}"]
    if match := re.fullmatch(r"stages\.(\d+)\.norm\.(\w+)", own):
        stage, leaf = match.groups()
        start = f"encoder.layer_norm.{stage}" if old else f"stages.{stage}.layer_norm"
        return [f"{prefix}{start}.{leaf}"]
    if match := re.fullmatch(r"head\.project\.(\d+)\.(\w+)", own):
        stage, leaf = match.groups()
        return [f"decode_head.{'linear_c' if old else 'linear_projections'}.{stage}.proj.{leaf}"]
    module, leaf = own.removeprefix("head.").rsplit(".", 1)
    return [f"decode_head.{_HEAD[module]}.{leaf}"]
