"""Runs of `fit` on the dataset of discs that take a second, and what they leave behind."""

from __future__ import annotations

import csv
from pathlib import Path

import torch

TINY = (
    "--crop 32 --working-range 32 48 --working-size 64 --batch 4 --score-every 8 --threads 1 --workers 0 "
    "--pictures 0 --no-tensorboard --warmup 4 --learning-rate 1e-3 --precision fp32 "
    "--option decoder_width=16"
).split()


def arguments(data: Path, run: Path, *more: str) -> list[str]:
    """`fit` on `data/discs`, half of the samples with painted lesions, packed into `data/cache`."""
    dataset = f"{data / 'discs'}:1:0.5"
    return ["fit", "--data", dataset, "--out", str(run), "--cache", str(data / "cache"), *TINY, *more]


def weights(run: Path, name: str = "final.pt") -> dict:
    return torch.load(run / name, weights_only=True)["weights"]


def log_of(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open() as lines:
        return list(csv.DictReader(lines))
