"""The network that a run trains, and contract 1's graph around it."""

from __future__ import annotations

import torch
from torch import nn

from liverseg.core.window import Window
from train.errors import TrainError
from train.fit.settings import FitSettings
from train.models import build
from train.models.graph import HuToProbabilities, network_channels
from train.weights import load_run


def channels(settings: FitSettings) -> int:
    """Channels of the network's input, as the contract's graph fills them."""
    return network_channels(windows(settings), settings.context_slices)


def windows(settings: FitSettings) -> list[Window]:
    """What each group of channels shows."""
    return [Window(*window) for window in settings.windows]


def new_network(settings: FitSettings) -> nn.Module:
    """Freshly initialised from the run's seed, then filled with the weights it starts from, if any.

    Raises `TrainError` when those are missing or of another network.
    """
    torch.manual_seed(settings.seed)
    network = build(settings.architecture, classes=3, channels=channels(settings), **settings.options)
    if settings.pretrained:
        from train.models.pretrained import load_hugging_face

        load_hugging_face(network, settings.pretrained)
    if settings.init:
        try:
            network.load_state_dict(load_run(settings.init)["weights"])
        except RuntimeError as error:
            raise TrainError(
                f"The weights of {settings.init} are of another network: its --arch, --option, --window and "
                "--context-slices are in its settings.json."
            ) from error
    return network


def contract_graph(network: nn.Module, settings: FitSettings) -> nn.Module:
    """HU in, probabilities out, as an exported checkpoint computes it."""
    inference, seen = network.for_inference(), windows(settings)
    return HuToProbabilities(inference, seen, settings.working_size, settings.context_slices).eval()
