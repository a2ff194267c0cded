"""A run's weights back in their network, and contract 1's graph around it."""

from __future__ import annotations

from torch import nn

from liverseg.windowing import Window
from train.architectures import build
from train.errors import TrainError
from train.graph import HuToProbabilities, network_channels


def windows_of(settings: dict) -> list[Window]:
    """What each group of a run's input channels shows."""
    return [Window(*window) for window in settings["windows"]]


def trained_network(state: dict) -> nn.Module:
    """The network of a run's state (`load_run`) with its weights, in evaluation mode."""
    settings = state["settings"]
    channels = network_channels(windows_of(settings), settings["context_slices"])
    network = build(settings["architecture"], channels=channels, **settings["options"])
    network.load_state_dict(state["weights"])
    return network.eval()


def trained_graph(state: dict, working_size: int, context_slices: int) -> nn.Module:
    """HU to probabilities with the network as it was trained, in float32.

    Raises `TrainError` when the network has not the channels for so many slices.
    """
    settings = state["settings"]
    windows = windows_of(settings)
    if network_channels(windows, context_slices) != network_channels(windows, settings["context_slices"]):
        raise TrainError(
            f"A network trained with {settings['context_slices']} slices of context cannot take "
            f"{context_slices}."
        )
    return HuToProbabilities(trained_network(state), windows, working_size, context_slices).eval()
