"""The report as JSON and as a CSV table."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

import liverseg
from liverseg.analysis.measure import measure
from liverseg.analysis.report import CSV_COLUMNS
from liverseg.core.window import Window
from tests.liverseg.analysis.scenes import disc_scene, scene


def test_the_report_has_its_documented_keys():
    ct, seg = disc_scene(
        assumed_window=Window(60, 200), sha256="cd" * 32, warnings=("The window was assumed.",)
    )
    report = json.loads(measure(ct, seg).to_json())
    assert list(report)[:11] == [
        "input",
        "checkpoint",
        "engine",
        "tumour_threshold",
        "liver",
        "tumour",
        "tumour_share_of_liver",
        "lesions",
        "warnings",
        "timing_s",
        "software",
    ]
    assert report["input"] == {
        "sha256": "cd" * 32,
        "kind": "slice",
        "source_format": "array",
        "shape": [1, 192, 192],
        "spacing_mm": [5.0, 0.8, 0.8],
        "spacing_source": "NIfTI header",
        "assumed_window": {"center_hu": 60, "width_hu": 200},
        "orientation_known": True,
    }
    assert report["checkpoint"] == {
        "ref": "segformer-b0@1.0",
        "sha256": "ab" * 32,
        "registry": "bundled",
        "revision": None,
    }
    assert report["warnings"][len(report["doubts"]) :] == ["The window was assumed."]
    assert report["timing_s"]["network"] == 0.25 and report["timing_s"]["measure"] > 0
    assert report["software"]["version"] == liverseg.__version__


def test_the_table_has_one_row_per_lesion_and_empty_cells_for_unknown_values():
    ct, seg = disc_scene()
    known = list(csv.DictReader(io.StringIO(measure(ct, seg).to_csv())))
    assert len(known) == 1 and list(known[0]) == CSV_COLUMNS
    assert float(known[0]["area_mm2"]) == pytest.approx(np.pi * 256, rel=0.02)
    assert known[0]["volume_ml"] == known[0]["voxels"] == known[0]["centroid_r_mm"] == ""
    assert (known[0]["first_slice"], known[0]["touches_liver"]) == ("0", "true")
    blind = list(csv.DictReader(io.StringIO(measure(replace(ct, spacing_mm=None), seg).to_csv())))
    assert blind[0]["area_mm2"] == blind[0]["longest_diameter_mm"] == ""
    assert float(blind[0]["longest_diameter_px"]) == pytest.approx(40, abs=1)


def test_values_that_are_not_finite_become_null():
    labels = np.zeros((1, 64, 64), np.uint8)
    labels[0, 5, 5] = 2
    hu = np.full(labels.shape, np.nan, np.float32)
    result = json.loads(measure(*scene(labels, hu=hu)).to_json())
    assert result["lesions"][0]["mean_hu"] is None
