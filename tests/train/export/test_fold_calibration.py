"""Calibration out of fold: chosen only where it helps on scans left out and on another site."""

import pytest

from tests.train.export.test_calibration import TRUE, counts_of
from train.export.calibration import IDENTITY, Calibration
from train.export.fold_calibration import calibration_of, fold_calibration


def test_scans_and_site_that_agree_get_the_true_calibration():
    record = fold_calibration({str(k): counts_of(k) for k in range(3)}, "lits", {"a": counts_of(9)}, "site")
    assert record["method"] == "platt" and record["scans"] == 3
    assert record["slope"] == pytest.approx(TRUE.slope, abs=0.02)
    assert record["shift"] == pytest.approx(TRUE.shift, abs=0.03)
    assert record["elsewhere"]["after"]["ece"] < record["elsewhere"]["before"]["ece"]
    both = sum(counts_of(k).in_liver.sum(axis=0) for k in range(3))
    assert record["prevalence"] == pytest.approx(both[1] / both.sum(), abs=1e-5)


def test_a_site_that_loses_gets_none():
    other = {"a": counts_of(9, Calibration(1.0, 1.5))}
    record = fold_calibration({str(k): counts_of(k) for k in range(3)}, "lits", other, "vessel")
    assert record["method"] == "none" and calibration_of(record) == IDENTITY
    assert "vessel" in record["reason"]
    assert record["elsewhere"]["after"]["log_loss"] > record["elsewhere"]["before"]["log_loss"]
