"""The page of plots."""

import os

import cv2

from train.data.prepare.plots import statistics_page


def test_a_page_is_drawn_without_volumes_tumours_or_liver(tmp_path):
    row = {
        "split": "fold-1",
        "slices": 3,
        "kept_slices": 1,
        "annotated_slices": 0,
        "organ_voxels": 0,
        "liver_voxels": 0,
        "tumour_voxels": 0,
        "organ_ml": None,
        "tumour_share_of_organ": None,
        "lesions": None,
        "liver_hu_mean": None,
        "liver_hu_p05": None,
        "liver_hu_p95": None,
        "geometry": "unknown",
    }
    statistics_page([row], "empty", tmp_path / "page.png")
    assert cv2.imread(str(tmp_path / "page.png")).std() > 5
    assert os.listdir(tmp_path) == ["page.png"]
