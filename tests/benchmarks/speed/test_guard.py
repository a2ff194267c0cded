from __future__ import annotations

import pytest

from benchmarks.speed import guard
from benchmarks.speed.rows import Ratio, Row
from tests.benchmarks.speed.sample_rows import ROW


@pytest.mark.parametrize(
    "value, higher, holds", [(6.5, True, True), (6.0, True, False), (9.0, False, True), (11.0, False, False)]
)
def test_the_guard_tolerates_noise_and_finds_a_regression(value, higher, holds):
    row = Row("slice", "B0", ratios={"r": Ratio(value, higher_is_better=higher)})
    verdict = guard.compare([row], {"slice: B0": {"r": 8.0}, "other: row": {"r": 1.0}})
    assert verdict.compared == 1 and verdict.holds is holds


def test_a_ratio_that_is_no_longer_measured_fails_the_guard():
    verdict = guard.compare([Row.unmeasured("slice", "B0", "it failed")], {"slice: B0": {"r": 8.0}})
    assert not verdict.holds and verdict.gone == ("slice: B0, r",)


def test_saving_a_baseline_keeps_other_machines_and_rows(tmp_path):
    path = tmp_path / "benchmarks" / "baseline.json"
    guard.save_baseline(path, "amx", [ROW])
    noisy = Row("memory", "scan", ratios={"kept": Ratio(1.0), "noisy": Ratio(2.0, guarded=False)})
    guard.save_baseline(path, "avx2", [ROW])
    guard.save_baseline(path, "avx2", [noisy])
    ours = {"slice: B0": {"ours, times faster than theirs": 8.0}}
    assert guard.load_baseline(path) == {"amx": ours, "avx2": ours | {"memory: scan": {"kept": 1.0}}}
