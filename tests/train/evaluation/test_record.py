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
        *("mode", "candidates", "tumour_free_scans", "liver_free_slices", "notes"),
        *("first_project", "sweep", "calibration", "scans"),
    } == set(again)
    assert again["mode"] == "slice" and {line["mode"] for line in again["scans"]} == {"slice"}
    assert again["candidates"] == {} and again["notes"] == []
    assert again["tumour_free_scans"] == {"n": 1, "with_likely_lesion": 0, "likely_lesions": 0}
    assert again["liver_free_slices"] | {"value": None} == {
        "value": None, "n": 1, "interval_95": [0.0, 0.0], "with_false_liver": 0, "false_positive_px": 0,
    }  # fmt: skip
    assert again["n"] == {"scans": 3, "slices": 8, "with_liver": 3, "with_tumour": 2}
    assert [line["scan"] for line in again["scans"]] == ["1", "2", "3"]
    assert again["summary"]["tumour"]["dice_per_case"]["value"] == 0.5
    assert len(again["summary"]["tumour"]["dice_global"]["interval_95"]) == 2
    assert set(again["protocol"]["texts"]) >= {"counting", "empty_masks", "distances", "lesions"}
