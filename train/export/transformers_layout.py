"""The layout of transformers in a checkpoint's folder: written at export, or added to an older checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from registry import Checkpoint, InputSpec, RegistryError, open_checkpoint
from registry.card.card import PICTURE_FILE, card_style, model_card
from registry.verify import CARD_FILE
from registry.write_checkpoint import write_checkpoint
from train.checkpoint_weights import CONFIG_FILE, WEIGHTS_FILE, load_checkpoint_weights
from train.errors import TrainError
from train.models.segformer import SegFormer
from train.models.transformers_files import (
    PREPROCESSOR_FILE,
    preprocessor_config,
    to_transformers,
    transformers_config,
)
from train.networks import build_network


def obstacle(network: nn.Module, spec: InputSpec) -> str:
    """Why transformers cannot run the network on a picture, as a clause; "" where it can.

    A picture has three channels in one CT window: the slice three times, or the slice between its
    neighbours.
    """
    if not isinstance(network, SegFormer):
        return "it has no such network"
    if len(spec.windows) != 1 or spec.context_slices not in (1, 3):
        return "its image processor takes pictures of three channels in one CT window"
    return ""


def network_files(
    network: nn.Module, weights: Mapping[str, Tensor], config: Mapping[str, Any], spec: InputSpec
) -> dict[str, bytes]:
    """The files of a checkpoint that hold the network: its weights and their configuration.

    They are also in the layout of transformers unless there is an `obstacle`. `weights` have this project's
    names; `config` is this project's part of `config.json`.
    """
    if obstacle(network, spec):
        return {WEIGHTS_FILE: safetensors.torch.save(dict(weights)), CONFIG_FILE: _json(config)}
    theirs = transformers_config(network.config, config["classes"])
    return {
        WEIGHTS_FILE: safetensors.torch.save(to_transformers(weights), {"format": "pt"}),
        CONFIG_FILE: _json({**config, **theirs}),
        PREPROCESSOR_FILE: _json(preprocessor_config(spec.working_size)),
    }


def add_transformers_layout(folder: Path) -> Checkpoint:
    """Add the layout of transformers to the checkpoint in `folder`; returns the checkpoint.

    The archive and every value of the weights stay as they are; the weights get transformers' names. The
    manifest lists the new files, and a generated card is generated again; a card written by hand is kept. A
    checkpoint that has the layout is left alone. Raises `TrainError` where transformers cannot run the
    network, and where the checkpoint is damaged.
    """
    state = load_checkpoint_weights(folder)  # verifies that weights and configuration fit together
    try:
        checkpoint = open_checkpoint(folder, folder.name)
        manifest = checkpoint.manifest
        if PREPROCESSOR_FILE in manifest.files:
            return checkpoint
        network = build_network(state["settings"])
        if reason := obstacle(network, manifest.input):
            raise TrainError(f"transformers cannot run {checkpoint.ref}: {reason}.")
        files = {name: checkpoint.read_verified(name) for name in manifest.files}
        config = json.loads(files[CONFIG_FILE])
        files |= network_files(network, safetensors.torch.load(files[WEIGHTS_FILE]), config, manifest.input)
        picture = PICTURE_FILE if PICTURE_FILE in files else None
        if card_style(files[CARD_FILE].decode(), manifest, picture):
            files[CARD_FILE] = model_card(manifest, picture=picture, transformers=True).encode()
        return write_checkpoint(folder, manifest, files, replace=True)
    except RegistryError as error:
        raise TrainError(str(error)) from error


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
