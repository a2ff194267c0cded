"""Write scores to a folder: the measures as JSON and pictures of the worst slices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from liverseg.analysis.score import Score
from liverseg.analysis.score_report import ScoredCase, score_json, scores_csv, summary_of
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.io.encoders import encode_png
from liverseg.io.files import staging_folder
from liverseg.rendering.comparison import reference_picture


@dataclass(frozen=True, eq=False)
class ScoredImage:
    """A result, its reference and its score on the grid of one image."""

    ct: CTImage
    result: Segmentation
    reference: Segmentation
    score: Score


def write_score(folder: Path, scored: ScoredImage, window: Window | None = None) -> list[Path]:
    """Write `score.json` and `worst_1.png` and so on into an existing folder; returns the files.

    The pictures show the outlines of reference and result on the slices with the most differing pixels.
    Raises `InvalidSetting` for a folder that cannot be written to.
    """
    ct = scored.ct
    window = window or ct.assumed_window or DEFAULT_WINDOW
    contents = {
        f"worst_{rank}.png": encode_png(reference_picture(ct, scored.result, scored.reference, index, window))
        for rank, index in enumerate(scored.score.worst_slices, start=1)
    }
    contents["score.json"] = score_json(ct, scored.result, scored.reference, scored.score).encode()
    return _write_all(folder, contents)


def write_scores(folder: Path, cases: Sequence[ScoredCase]) -> list[Path]:
    """Write `scores.csv` and `summary.json` of several cases into an existing folder; returns the files."""
    summary = json.dumps(summary_of(cases), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return _write_all(folder, {"scores.csv": scores_csv(cases).encode(), "summary.json": summary.encode()})


def _write_all(folder: Path, contents: dict[str, bytes]) -> list[Path]:
    for old in folder.glob("worst_[0-9].png"):  # of an earlier run with more of them
        if "score.json" in contents and old.name not in contents:
            old.unlink(missing_ok=True)
    with staging_folder(folder) as stage:
        for name, content in contents.items():
            (stage / name).write_bytes(content)
    return [folder / name for name in contents]
