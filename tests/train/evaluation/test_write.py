"""The folder of an evaluation."""

from __future__ import annotations

import cv2
import numpy as np

from liverseg.rendering.colours import FIRST_RGB, SECOND_RGB
from train.evaluation.write import write_evaluation


def test_the_folder_holds_tables_plots_and_overlays(scores, found, tmp_path):
    (tmp_path / "overlays").mkdir()
    (tmp_path / "overlays" / "old.png").write_bytes(b"")
    write_evaluation(tmp_path, scores, found)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("metrics.csv", "metrics.json", "metrics.md", "plots.png", "overlays"),
    }
    assert {path.name for path in (tmp_path / "overlays").iterdir()} == {
        *("tumour-best_scan-1.png", "tumour-worst_scan-2.png", "liver-best_scan-3.png"),
    }
    page = cv2.imread(str(tmp_path / "plots.png"))
    assert page.shape[0] > 800 and page.shape[1] > 1200 and (page < 250).any(axis=-1).mean() > 0.02
    strip = cv2.imread(str(tmp_path / "overlays" / "tumour-worst_scan-2.png"))[..., ::-1].astype(int)
    for colour in (FIRST_RGB, SECOND_RGB):
        assert (np.abs(strip - colour) < 30).all(axis=-1).sum() > 50
