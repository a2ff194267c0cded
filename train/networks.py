"""Networks rebuilt from the settings of a run, with or without its trained weights."""

from __future__ import annotations

from torch import nn

from liverseg.core.window import Window
from train.errors import TrainError
from train.models import build
from train.models.graph import HuToProbabilities, network_channels


def windows_of(settings: dict) -> list[Window]:
    """The intensity window of each group of input channels."""
    return [Window(*window) for window in settings["windows"]]


def build_network(settings: dict) -> nn.Module:
    """The network that a run's settings describe, with its initial weights."""
    channels = network_channels(windows_of(settings), settings["context_slices"])
    return build(settings["architecture"], channels=channels, **settings["options"])


def trained_network(state: dict) -> nn.Module:
    """The network of a run with its trained weights, in evaluation mode; see `train.weights.load_run`."""
    network = build_network(state["settings"])
    network.load_state_dict(state["weights"])
    return network.eval()


def trained_graph(state: dict, working_size: int, context_slices: int) -> nn.Module:
    """The checkpoint graph, HU to probabilities, around the trained network in float32.

    Raises `TrainError` when the network has another number of input channels than `context_slices` needs.
    """
    settings = state["settings"]
    windows = windows_of(settings)
    if network_channels(windows, context_slices) != network_channels(windows, settings["context_slices"]):
        raise TrainError(
            f"A network trained with {settings['context_slices']} slices of context cannot take "
            f"{context_slices}."
        )
    return HuToProbabilities(trained_network(state), windows, working_size, context_slices).eval()
