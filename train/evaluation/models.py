"""The network that is evaluated: a checkpoint of a registry, or the weights of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from liverseg.inference.rules import InferenceRules
from liverseg.inference.segmenter import Segmenter
from train.checkpoint_weights import WEIGHTS_FILE, is_checkpoint_folder
from train.errors import TrainError
from train.evaluation.graph_segmenter import graph_segmenter, input_spec, with_rules
from train.evaluation.predict import Predict, predictor
from train.networks import trained_graph, windows_of
from train.weights import load_run


@dataclass(frozen=True)
class Model:
    """A network as a function from HU to probabilities, with its name and description."""

    name: str
    predict: Predict
    context_slices: int
    threshold: float  # the checkpoint's tumour threshold; 0.5 for a run
    about: dict  # `model` of metrics.json
    segmenter: Segmenter | None = None  # the same network as users get it; None: scored by slices only

    @property
    def rules(self) -> InferenceRules:
        """The rules for volumes, lone slices and lesions."""
        return InferenceRules() if self.segmenter is None else self.segmenter.rules


Rules = Mapping[str, Any]
"""The manifest keys `volume_rules`, `slice_rules` and `lesion_model`."""


def checkpoint_model(ref: str, engine: str = "auto", rules: Rules | None = None) -> Model:
    """A checkpoint of the registries with the engine that the app uses; `rules` replace its own.

    Raises `LiversegError` when it cannot be opened, and `TrainError` when it takes volumes, because scans
    are also scored slice by slice.
    """
    segmenter = Segmenter.load(ref, engine=engine)
    manifest = segmenter.checkpoint.manifest
    if manifest.input.kind != "slices":
        raise TrainError(
            f"{segmenter.checkpoint.ref} takes volumes; evaluate runs networks that take slices."
        )
    if rules is not None:
        segmenter = with_rules(segmenter, rules)
    about = {
        "kind": "checkpoint",
        "sha256": segmenter.checkpoint.sha256,
        "architecture": manifest.architecture,
        "engine": segmenter.engine.name,
        "working_size": manifest.input.working_size,
        "context_slices": manifest.input.context_slices,
    }
    return Model(
        segmenter.checkpoint.ref,
        segmenter.engine.run,
        manifest.input.context_slices,
        segmenter.threshold,
        about,
        segmenter,
    )


def run_model(
    path: Path,
    working_size: int | None = None,
    context_slices: int | None = None,
    rules: Rules | None = None,
) -> Model:
    """The weights of a run folder (`best.pt`), of a weights file that `fit` wrote, or of a checkpoint folder.

    The working size and the number of context slices are those of the run unless they are given. Without
    `rules` the largest body of a volume is kept and every lesion is likely.
    """
    state = load_run(path)
    settings = state["settings"]
    working_size = working_size or settings["working_size"]
    context_slices = context_slices or settings["context_slices"]
    if context_slices not in (1, 3, 5):
        raise TrainError("The context must be 1, 3 or 5 slices.")
    graph = trained_graph(state, working_size, context_slices)
    stored = WEIGHTS_FILE if is_checkpoint_folder(path) else "best.pt"
    weights = path / stored if path.is_dir() else path
    about = {
        "kind": "run",
        "weights": weights.name,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "architecture": settings["architecture"],
        "engine": f"torch {torch.__version__.split('+')[0]} float32",
        "working_size": working_size,
        "context_slices": context_slices,
        "samples_seen": state["seen"],
    }
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name, spec = _run_name(path), input_spec(windows_of(settings), working_size, context_slices)
    segmenter = graph_segmenter(name, graph.to(device), spec, rules)
    return Model(name, predictor(graph), context_slices, 0.5, about, segmenter)


def named_model(
    ref: str | None,
    run: Path | None,
    graph: tuple[int | None, int | None] = (None, None),
    engine: str = "auto",
    rules: Rules | None = None,
) -> Model:
    """The run, or the checkpoint `ref` if there is no run.

    `graph` is the working size and the number of context slices of a run. Raises `TrainError` where they
    are given for a checkpoint.
    """
    if run is not None:
        return run_model(run, *graph, rules)
    if any(graph) or ref is None:
        raise TrainError(
            "The graph of a checkpoint fixes its working size and context; they are options of --run."
        )
    return checkpoint_model(ref, engine, rules)


def _run_name(path: Path) -> str:
    """The name of the run folder, followed by that of the weights file where one is given."""
    path = path.resolve()
    return path.name if path.is_dir() else f"{path.parent.name}/{path.name}"
