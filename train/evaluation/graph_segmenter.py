"""The segmenter that users get, around a network in memory that is no checkpoint of a registry."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from liverseg.core.window import Window
from liverseg.errors import CheckpointRefused
from liverseg.inference.engines import Engine
from liverseg.inference.rules import RULE_KEYS
from liverseg.inference.segmenter import Segmenter
from registry import Checkpoint, InputSpec, Manifest, WindowSpec
from registry.manifest import MODEL_FILE, FileRecord
from train.evaluation.predict import predictor


class GraphEngine:
    """An engine (`liverseg.inference.engines.Engine`) for a checkpoint graph in memory."""

    def __init__(self, graph: torch.nn.Module) -> None:
        self.name = f"torch {torch.__version__.split('+')[0]} float32"
        self._graph = graph
        self._predict = predictor(graph)

    def run(self, hu: np.ndarray) -> np.ndarray:
        """(N, C, H, W) float32 HU to (N, K, H, W) float32 probabilities."""
        return self._predict(hu)

    def run_each(self, slices: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The results of `run`, one after the other."""
        return map(self.run, slices)

    def resized(self, working_size: int, shape: tuple[int, int]) -> GraphEngine:
        """The same network with another working size; the shape of the slices does not matter.

        Raises `CheckpointRefused` for a graph whose working size cannot be set.
        """
        if not isinstance(getattr(self._graph, "working_size", None), int):
            raise CheckpointRefused("The working size of this network cannot be changed.")
        graph = copy.copy(self._graph)  # shares the weights
        graph.working_size = working_size
        return GraphEngine(graph)


def input_spec(windows: Iterable[Window], working_size: int, context_slices: int) -> InputSpec:
    """The manifest's description of the input of a graph for slices."""
    specs = tuple(WindowSpec(window.center_hu, window.width_hu) for window in windows)
    return InputSpec("slices", context_slices, specs, working_size)


def graph_segmenter(
    name: str, graph: torch.nn.Module | Engine, spec: InputSpec, rules: Mapping[str, Any] | None = None
) -> Segmenter:
    """The segmenter around a graph, or an engine, with the manifest keys `rules`.

    These are `volume_rules`, `slice_rules` and `lesion_model`. Raises `CheckpointRefused` for rules that this
    version does not know.
    """
    manifest = Manifest(
        name=name,
        version="0.0.0",
        architecture="",
        input=spec,
        metrics=[],
        training={},
        licence="",
        torch_version=torch.__version__.split("+")[0],
        created="",
        files={MODEL_FILE: FileRecord("", 0)},
        extra=dict(rules or {}),
    )
    engine = GraphEngine(graph) if isinstance(graph, torch.nn.Module) else graph
    return Segmenter(Checkpoint(Path(), manifest, "memory"), engine)


def with_rules(segmenter: Segmenter, rules: Mapping[str, Any]) -> Segmenter:
    """The same network with other manifest keys `volume_rules`, `slice_rules` and `lesion_model`.

    Rules that are not in `rules` are removed. Raises `CheckpointRefused` as `graph_segmenter` does.
    """
    manifest = segmenter.checkpoint.manifest
    extra = {key: value for key, value in manifest.extra.items() if key not in RULE_KEYS} | dict(rules)
    checkpoint = replace(segmenter.checkpoint, manifest=replace(manifest, extra=extra))
    return Segmenter(checkpoint, segmenter.engine)
