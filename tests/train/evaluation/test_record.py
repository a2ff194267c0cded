"""`metrics.json`."""

from __future__ import annotations

import json

from train.evaluation.write import to_json


def test_the_record_is_plain_json_with_all_keys(found):
    again = json.loads(to_json(found))
    assert {
        *(
            "schema",
            "checkpoint",
            "model",
            "dataset",
            "split",
            "protocol",
            "n",
            "summary",
            "cases",
            "lesions",
        ),
        *("first_project", "sweep", "calibration", "scans"),
    } == set(again)
    assert again["n"] == {"scans": 3, "slices": 8, "with_liver": 3, "with_tumour": 2}
    assert [line["scan"] for line in again["scans"]] == ["1", "2", "3"]
    assert again["summary"]["tumour"]["dice_per_case"]["value"] == 0.5
    assert len(again["summary"]["tumour"]["dice_global"]["interval_95"]) == 2
    assert set(again["protocol"]["texts"]) >= {"counting", "empty_masks", "distances", "lesions"}
