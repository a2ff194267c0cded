"""What is evaluated: a checkpoint of a registry, or the weights of a run that was never exported."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from liverseg.inference.segmenter import Segmenter
from train.errors import TrainError
from train.evaluation.predict import Predict, predictor
from train.weights import load_run, trained_graph


@dataclass(frozen=True)
class Model:
    """HU to probabilities, and what to call it."""

    name: str
    predict: Predict
    context_slices: int
    threshold: float  # its own tumour threshold; 0.5 for a run, which has none
    about: dict  # for the record


def checkpoint_model(ref: str, engine: str = "auto") -> Model:
    """A checkpoint of the registries, run as the app runs it. Raises `LiversegError` when it is refused.

    Raises `TrainError` for one that takes volumes: scans are scored slice by slice.
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
    """A run folder's best weights, or a weights file of `fit`.

    Without a working size or number of context slices, those that the run was scored with.
    """
    state = load_run(path)
    fit = state["settings"]
    working_size = working_size or fit["working_size"]
    context_slices = context_slices or fit["context_slices"]
    if context_slices not in (1, 3, 5):
        raise TrainError("The context slices are 1, 3 or 5.")
    module = trained_graph(state, working_size, context_slices)
    weights = path / "best.pt" if path.is_dir() else path
    about = {
        "kind": "run",
        "weights": weights.name,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "architecture": fit["architecture"],
        "engine": f"torch {torch.__version__.split('+')[0]} float32",
        "working_size": working_size,
        "context_slices": context_slices,
        "samples_seen": state["seen"],
    }
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Model(_run_name(path), predictor(module.to(device)), context_slices, 0.5, about)


def _run_name(path: Path) -> str:
    """The run folder's name, with the file's where another than its best weights was named."""
    path = path.resolve()
    return path.name if path.is_dir() else f"{path.parent.name}/{path.name}"
