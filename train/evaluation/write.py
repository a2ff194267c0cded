"""Writes the folder of an evaluation: metrics.csv, metrics.json, metrics.md, plots.png and overlays/."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2

from train.errors import TrainError
from train.evaluation.overlays import overlay_strip, representative_scans
from train.evaluation.plots import write_plots
from train.evaluation.scores import ScanScore
from train.evaluation.tables import csv_table, markdown


def write_evaluation(out: Path, scores: Sequence[ScanScore], record: dict) -> None:
    """Write all files into `out`, replacing those of an earlier evaluation.

    Raises `TrainError` when the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(out / "overlays", ignore_errors=True)
        (out / "overlays").mkdir()
        (out / "metrics.csv").write_text(csv_table(scores), encoding="utf-8")
        (out / "metrics.json").write_text(to_json(record), encoding="utf-8")
        (out / "metrics.md").write_text(markdown(record), encoding="utf-8")
        write_plots(scores, record, out / "plots.png")
        for name, score in representative_scans(scores).items():
            if score.snapshots:
                picture = overlay_strip(score, f"{name.replace('-', ', ')}: scan {score.scan}")
                file = out / "overlays" / f"{name}_scan-{_file_name_part(score.scan)}.png"
                file.write_bytes(cv2.imencode(".png", picture[..., ::-1])[1].tobytes())
    except OSError as error:
        raise TrainError(f"{out} cannot be written: {error.strerror}.") from error


def to_json(record: dict) -> str:
    """The text of metrics.json, with floats to six significant digits. Raises `ValueError` for nan."""
    return json.dumps(_rounded(record), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _rounded(data: object) -> object:
    if isinstance(data, dict):
        return {str(key): _rounded(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_rounded(value) for value in data]
    return float(f"{data:.6g}") if isinstance(data, float) else data


def _file_name_part(name: str) -> str:
    """A scan's name with every other character than letters, digits, dots and hyphens replaced."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name)
