"""The network that is evaluated: a checkpoint of a registry, or the weights of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from liverseg.inference.segmenter import Segmenter
from train.checkpoint_weights import WEIGHTS_FILE, is_checkpoint_folder
from train.errors import TrainError
from train.evaluation.predict import Predict, predictor
from train.networks import trained_graph
from train.weights import load_run


@dataclass(frozen=True)
class Model:
    """A network as a function from HU to probabilities, with its name and description."""

    name: str
    predict: Predict
    context_slices: int
    threshold: float  # the checkpoint's tumour threshold; 0.5 for a run
    about: dict  # `model` of metrics.json


def checkpoint_model(ref: str, engine: str = "auto") -> Model:
    """A checkpoint of the registries with the engine that the app uses.

    Raises `LiversegError` when it cannot be opened, and `TrainError` when it takes volumes, because scans
    are scored slice by slice.
    """
    segmenter = Segmenter.load(ref, engine=engine)
    manifest = segmenter.checkpoint.manifest
    if manifest.input.kind != "slices":
        raise TrainError(
            f"{segmenter.checkpoint.ref} takes volumes; evaluate runs networks that take slices."
        )
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
    )


def run_model(path: Path, working_size: int | None = None, context_slices: int | None = None) -> Model:
    """The weights of a run folder (`best.pt`), of a weights file that `fit` wrote, or of a checkpoint folder.

    The working size and the number of context slices are those of the run unless they are given.
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
    return Model(_run_name(path), predictor(graph.to(device)), context_slices, 0.5, about)


def _run_name(path: Path) -> str:
    """The name of the run folder, followed by that of the weights file where one is given."""
    path = path.resolve()
    return path.name if path.is_dir() else f"{path.parent.name}/{path.name}"
