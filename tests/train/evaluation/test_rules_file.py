"""The file of rules."""

from __future__ import annotations

import json

import pytest

from train.errors import TrainError
from train.evaluation.rules_file import read_rules


def test_the_file_holds_manifest_keys_or_the_volume_rules_alone(tmp_path):
    path, smoothing = tmp_path / "rules.json", {"smoothing": {"sigma_mm": 2, "sigma_slices": 1}}
    whole = {"volume_rules": smoothing, "lesion_model": {"method": "logistic regression"}}
    path.write_text(json.dumps(whole))
    assert read_rules(path) == whole and read_rules(None) is None
    path.write_text(json.dumps(smoothing))
    assert read_rules(path) == {"volume_rules": smoothing}


@pytest.mark.parametrize(
    "text, reason",
    [
        ("[1]", "not a JSON object"),
        ("{", "cannot be read"),
        ('{"volume_rules": {}, "calibration": 1}', "unknown key 'calibration'"),
    ],
)
def test_another_file_is_refused(tmp_path, text, reason):
    path = tmp_path / "rules.json"
    path.write_text(text)
    with pytest.raises(TrainError, match=reason):
        read_rules(path)
