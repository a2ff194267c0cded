"""Runs of `fit` on the dataset of discs that take a second, their files, and an untrained run folder."""

from __future__ import annotations

import csv
from pathlib import Path

import torch

from train.models import build

TINY = (
    "--crop 32 --working-range 32 48 --working-size 64 --batch 4 --score-every 8 --threads 1 --workers 0 "
    "--pictures 0 --no-tensorboard --warmup 4 --learning-rate 1e-3 --precision fp32 "
    "--option decoder_width=16"
).split()


def arguments(data: Path, run: Path, *more: str) -> list[str]:
    """The arguments of `fit` on `data/discs`, with painted lesions in half of the samples."""
    dataset = f"{data / 'discs'}:1:0.5"
    return ["fit", "--data", dataset, "--out", str(run), "--cache", str(data / "cache"), *TINY, *more]


def weights(run: Path, name: str = "final.pt") -> dict:
    return torch.load(run / name, weights_only=True)["weights"]


def log_of(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open() as lines:
        return list(csv.DictReader(lines))


def save_untrained_run(folder: Path, data: Path, **settings: object) -> Path:
    """A run folder with the initial weights and the settings of an older version, which `load_run` reads."""
    folder.mkdir()
    torch.manual_seed(0)
    fit = {
        "data": [[str(data), 1.0, 0.0]],
        "architecture": "segformer-b0",
        "decoder_width": 32,
        "init": None,
        "window": [40.0, 400.0],
        "working_size": 64,
        "context_slices": 3,
        "validation": "",
        "seed": 1,
    } | settings
    weights = build("segformer-b0", decoder_width=32).state_dict()
    torch.save({"weights": weights, "settings": fit, "seen": 16, "scores": {}}, folder / "best.pt")
    return folder
