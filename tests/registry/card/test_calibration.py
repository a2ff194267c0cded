from __future__ import annotations

from registry.card.calibration import calibration_sections
from tests.registry.sample_checkpoint import manifest_for

CALIBRATION = {
    "method": "platt",
    "slope": 0.8,
    "shift": -0.25,
    "scans": 1,
    "dataset": "LiTS",
    "split": "val",
    "own_threshold": 0.4,
}


def with_extra(**extra: object):
    return manifest_for(extra=extra)


def test_a_manifest_without_calibration_and_curve_has_no_section() -> None:
    assert list(calibration_sections(manifest_for())) == []


def test_the_section_states_slope_shift_scans_and_threshold() -> None:
    heading, sentence = calibration_sections(with_extra(calibration=CALIBRATION))
    assert heading == "## Calibration"
    assert "slope 0.800 and shift -0.250" in sentence and "LiTS, val (1 scan)" in sentence
    assert "(here 0.4 of the network's own)" in sentence


def test_an_uncalibrated_network_states_the_reason() -> None:
    calibration = CALIBRATION | {"method": "none", "scans": 3, "reason": "too few tumours"}
    _, sentence = calibration_sections(with_extra(calibration=calibration))
    assert sentence.endswith("LiTS, val (3 scans): too few tumours.")


def test_the_table_has_the_round_thresholds_of_the_curve() -> None:
    curve = {"threshold": [0.1, 0.15, 0.2], "sensitivity": [0.9, 0.8, None], "precision": [0.3, 0.4, 0.5]}
    metrics = [{"dataset": "LiTS", "split": "val", "protocol": "p", "values": {}, "curve": curve}]
    _, table = calibration_sections(manifest_for(metrics=metrics))
    assert table.splitlines()[-2:] == ["| 0.1 | 90.0 % | 30.0 % |", "| 0.2 | – | 50.0 % |"]
