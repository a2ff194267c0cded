"""Writes the folder of an evaluation: metrics.csv, metrics.json, metrics.md, plots.png and overlays/.

Where both modes were scored, these are of slice mode, and metrics-volumes.csv and plots-volumes.png of volume
mode; metrics.json and metrics.md hold both.
"""

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


def volume_file(path: Path) -> Path:
    """The file of volume mode beside that of slice mode, where both modes were scored.

    >>> volume_file(Path("out/metrics.csv")).as_posix()
    'out/metrics-volumes.csv'
    """
    return path.with_name(f"{path.stem}-volumes{path.suffix}")


def write_evaluation(
    out: Path, scores: Sequence[ScanScore], record: dict, volumes: Sequence[ScanScore] = ()
) -> None:
    """Write all files into `out`, replacing those of an earlier evaluation.

    `volumes` are the scores in volume mode, whose numbers are the key `volumes` of the record.
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
        table, plots = (volume_file(out / name) for name in ("metrics.csv", "plots.png"))
        if volumes:
            table.write_text(csv_table(volumes), encoding="utf-8")
            write_plots(volumes, record["volumes"], plots)
        else:
            table.unlink(missing_ok=True)
            plots.unlink(missing_ok=True)
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
