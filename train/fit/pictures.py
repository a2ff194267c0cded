"""A picture of a scoring: slices of the validation scans with the reference, the prediction, the doubt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from liverseg.core.segmentation import labels_from_probabilities
from liverseg.core.window import Window
from liverseg.rendering import slice_view
from train.data.dataset import BACKGROUND_BIT, TUMOUR_BIT, SlicesInMemory
from train.fit.network import contract_graph
from train.fit.scoring import TUMOUR_THRESHOLD, predictor_on
from train.fit.settings import FitSettings
from train.sampling.channels import to_hu

WIDTH_PX = 320
"""Of one tile."""


def chosen_slices(slices: SlicesInMemory, count: int) -> list[int]:
    """Positions to draw: of scans spread evenly, the slice with most tumour, or most organ."""
    scans = list(slices.by_scan.values())
    spread = [scans[i * len(scans) // min(count, len(scans))] for i in range(min(count, len(scans)))]
    chosen = []
    for positions in spread:
        tumour = slices.shows_tumour[positions]
        pool = positions[tumour] if tumour.any() else positions
        organ = [int(((slices.labels[int(p)] & BACKGROUND_BIT) == 0).sum()) for p in pool]
        largest = [int((slices.labels[int(p)] == TUMOUR_BIT).sum()) for p in pool]
        chosen.append(int(pool[int(np.argmax(largest if tumour.any() else organ))]))
    return chosen


def picture_grid(
    network: nn.Module, slices: SlicesInMemory, settings: FitSettings, count: int, device: torch.device
) -> np.ndarray:
    """RGB uint8 (rows, columns, 3): a line a slice; reference, prediction, tumour probability."""
    graph = contract_graph(network, settings).to(device)
    window = Window(*settings.windows[0])
    lines = [list(tiles) for tiles in _tiles(graph, slices, settings, count, device, window)]
    lines = [[_of_width(tile, WIDTH_PX) for tile in line] for line in lines]
    height = max(tile.shape[0] for line in lines for tile in line)
    lines = [[_of_height(tile, height) for tile in line] for line in lines]
    return np.vstack([np.hstack(line) for line in lines])


def write_picture(path: Path, rgb: np.ndarray) -> None:
    """As PNG."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes())


def _tiles(
    graph: nn.Module,
    slices: SlicesInMemory,
    settings: FitSettings,
    count: int,
    device: torch.device,
    window: Window,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    predict = predictor_on(graph, device)
    reach = settings.context_slices // 2
    for position in chosen_slices(slices, count):
        neighbours = [slices.neighbour(position, offset) for offset in range(-reach, reach + 1)]
        hu = to_hu([slices.greys[n] for n in neighbours], slices).transpose(2, 0, 1)
        _, liver, tumour = predict(hu[None])[0]
        bits = slices.labels[position]
        reference = ((bits & BACKGROUND_BIT) == 0).astype(np.uint8) + (bits == TUMOUR_BIT)
        found = labels_from_probabilities(liver + tumour, tumour, TUMOUR_THRESHOLD)
        shown = hu[reach]
        yield (
            slice_view.overlay(shown, reference.astype(np.uint8), window),
            slice_view.overlay(shown, found, window),
            slice_view.heatmap(shown, tumour, window),
        )


def _of_width(tile: np.ndarray, width: int) -> np.ndarray:
    height = round(tile.shape[0] * width / tile.shape[1])
    return cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA)


def _of_height(tile: np.ndarray, height: int) -> np.ndarray:
    return np.pad(tile, ((0, height - tile.shape[0]), (0, 0), (0, 0)))
