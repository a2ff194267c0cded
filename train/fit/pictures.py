"""The picture of a scoring: validation slices with reference, prediction and tumour probability."""

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
from train.evaluation.predict import Predict, predictor
from train.fit.network import inference_graph
from train.fit.scoring import TUMOUR_THRESHOLD
from train.fit.settings import FitSettings
from train.sampling.channels import to_hu

TILE_WIDTH_PX = 320


def chosen_slices(slices: SlicesInMemory, count: int) -> list[int]:
    """The positions of the slices to draw, one from each of `count` evenly spaced scans.

    It is the slice with the most tumour, or with the most liver in a scan without tumour.
    """
    scans = list(slices.by_scan.values())
    spaced = [scans[i * len(scans) // min(count, len(scans))] for i in range(min(count, len(scans)))]
    chosen = []
    for positions in spaced:
        tumour = slices.shows_tumour[positions]
        candidates = positions[tumour] if tumour.any() else positions
        liver_px = [int(((slices.labels[int(p)] & BACKGROUND_BIT) == 0).sum()) for p in candidates]
        tumour_px = [int((slices.labels[int(p)] == TUMOUR_BIT).sum()) for p in candidates]
        chosen.append(int(candidates[int(np.argmax(tumour_px if tumour.any() else liver_px))]))
    return chosen


def picture_grid(
    network: nn.Module, slices: SlicesInMemory, settings: FitSettings, count: int, device: torch.device
) -> np.ndarray:
    """RGB (rows, columns, 3) uint8: a row per slice with its reference, prediction and probability."""
    predict = predictor(inference_graph(network, settings).to(device))
    rows = [
        [_to_width(tile, TILE_WIDTH_PX) for tile in tiles]
        for tiles in _tiles(predict, slices, settings, count)
    ]
    height = max(tile.shape[0] for row in rows for tile in row)
    return np.vstack([np.hstack([_pad_to_height(tile, height) for tile in row]) for row in rows])


def write_picture(path: Path, rgb: np.ndarray) -> None:
    """Write a PNG; its folder is created if needed."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes())


def _tiles(
    predict: Predict, slices: SlicesInMemory, settings: FitSettings, count: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each chosen slice: reference, prediction and tumour probability over the CT, RGB uint8."""
    window = Window(*settings.windows[0])
    reach = settings.context_slices // 2
    for position in chosen_slices(slices, count):
        neighbours = [slices.neighbour(position, offset) for offset in range(-reach, reach + 1)]
        hu = to_hu([slices.greys[n] for n in neighbours], slices).transpose(2, 0, 1)
        _, liver, tumour = predict(hu[None])[0]
        bits = slices.labels[position]
        reference = ((bits & BACKGROUND_BIT) == 0).astype(np.uint8) + (bits == TUMOUR_BIT)
        prediction = labels_from_probabilities(liver + tumour, tumour, TUMOUR_THRESHOLD)
        middle = hu[reach]
        yield (
            slice_view.overlay(middle, reference.astype(np.uint8), window),
            slice_view.overlay(middle, prediction, window),
            slice_view.heatmap(middle, tumour, window),
        )


def _to_width(tile: np.ndarray, width: int) -> np.ndarray:
    height = round(tile.shape[0] * width / tile.shape[1])
    return cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA)


def _pad_to_height(tile: np.ndarray, height: int) -> np.ndarray:
    return np.pad(tile, ((0, height - tile.shape[0]), (0, 0), (0, 0)))
