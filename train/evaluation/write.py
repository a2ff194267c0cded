"""The folder of an evaluation: metrics.csv, metrics.json, metrics.md, plots.png, overlays/."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2

from train.errors import TrainError
from train.evaluation.overlays import chosen, strip
from train.evaluation.plots import page
from train.evaluation.scores import ScanScore
from train.evaluation.tables import csv_table, markdown

FILES = ("metrics.csv", "metrics.json", "metrics.md", "plots.png", "overlays")


def write(out: Path, scores: Sequence[ScanScore], record: dict) -> None:
    """Write everything; what an earlier evaluation left in `out` is replaced.

    Raises `TrainError` when the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(out / "overlays", ignore_errors=True)
        (out / "overlays").mkdir()
        (out / "metrics.csv").write_text(csv_table(scores), encoding="utf-8")
        (out / "metrics.json").write_text(to_json(record), encoding="utf-8")
        (out / "metrics.md").write_text(markdown(record), encoding="utf-8")
        page(scores, record, out / "plots.png")
        for name, score in chosen(scores).items():
            if score.snapshots:
                picture = strip(score, f"{name.replace('-', ', ')}: scan {score.scan}")
                file = out / "overlays" / f"{name}_scan-{_plain(score.scan)}.png"
                file.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
    except OSError as error:
        raise TrainError(f"{out} cannot be written: {error.strerror}.") from error


def to_json(record: dict) -> str:
    """The text of metrics.json: floats to six significant digits, no nan."""
    return json.dumps(_rounded(record), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _rounded(data: object) -> object:
    if isinstance(data, dict):
        return {str(key): _rounded(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_rounded(value) for value in data]
    return float(f"{data:.6g}") if isinstance(data, float) else data


def _plain(name: str) -> str:
    """A scan's name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name)
