"""The network that a run trains, and the checkpoint graph around it."""

from __future__ import annotations

import torch
from torch import nn

from liverseg.core.window import Window
from train.errors import TrainError
from train.fit.settings import FitSettings
from train.models import build
from train.models.graph import HuToProbabilities, network_channels
from train.weights import load_run


def input_channels(settings: FitSettings) -> int:
    """The number of input channels of the network."""
    return network_channels(input_windows(settings), settings.context_slices)


def input_windows(settings: FitSettings) -> list[Window]:
    """The intensity window of each group of input channels."""
    return [Window(*window) for window in settings.windows]


def new_network(settings: FitSettings, resumed: bool = False) -> nn.Module:
    """The network with the weights that the run starts from.

    It is initialised from the run's seed, then filled with pretrained weights or those of another run where
    the settings name them; with `resumed` these are not read, because the saved state replaces them. Raises
    `TrainError` when these are missing or belong to another network.
    """
    torch.manual_seed(settings.seed)
    network = build(settings.architecture, classes=3, channels=input_channels(settings), **settings.options)
    if resumed:
        return network
    if settings.pretrained:
        from train.models.pretrained import load_hugging_face

        load_hugging_face(network, settings.pretrained)
    if settings.init:
        try:
            network.load_state_dict(load_run(settings.init)["weights"])
        except RuntimeError as error:
            raise TrainError(
                f"The weights of {settings.init} belong to another network: give the --arch, --option, "
                "--window and --context-slices of its settings.json."
            ) from error
    return network


def inference_graph(network: nn.Module, settings: FitSettings) -> nn.Module:
    """The checkpoint graph, HU to probabilities, around the network as an exported checkpoint computes it."""
    return HuToProbabilities(
        network.for_inference(), input_windows(settings), settings.working_size, settings.context_slices
    ).eval()
