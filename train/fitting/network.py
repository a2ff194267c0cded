"""The network that a run trains, and contract 1's graph around it."""

from __future__ import annotations

import torch
from torch import nn

from liverseg.windowing import Window
from train.architectures import build
from train.fitting.settings import FitSettings
from train.graph import HuToProbabilities, network_channels
from train.runs import load_run


def channels(settings: FitSettings) -> int:
    """Channels of the network's input, as the contract's graph fills them."""
    return network_channels(windows(settings), settings.context_slices)


def windows(settings: FitSettings) -> list[Window]:
    """What each group of channels shows."""
    return [Window(*window) for window in settings.windows]


def new_network(settings: FitSettings) -> nn.Module:
    """Freshly initialised from the run's seed, then filled with the weights it starts from, if any."""
    torch.manual_seed(settings.seed)
    network = build(settings.architecture, classes=3, channels=channels(settings), **settings.options)
    if settings.pretrained:
        from train.architectures.pretrained import load_hugging_face

        load_hugging_face(network, settings.pretrained)
    if settings.init:
        network.load_state_dict(load_run(settings.init)["weights"])
    return network


def contract_graph(network: nn.Module, settings: FitSettings) -> nn.Module:
    """HU in, probabilities out, as an exported checkpoint computes it."""
    inference, seen = network.for_inference(), windows(settings)
    return HuToProbabilities(inference, seen, settings.working_size, settings.context_slices).eval()
