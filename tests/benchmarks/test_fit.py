"""The benchmark of training speed."""

from __future__ import annotations

import pytest

from benchmarks import fit as benchmark
from train.__main__ import main


def test_the_benchmark_measures_both_recipes(tmp_path):
    assert main(["prepare", "phantom:2", str(tmp_path / "data"), "--jobs", "1"]) == 0
    work = benchmark.Workload(tmp_path / "data", size=32, batch=2, steps=1, workers=0)
    result = benchmark.compare_scripts(work, rounds=1)
    assert result["ratio"] == pytest.approx(result["median"]["ours"] / result["median"]["plain"], rel=0.01)
    assert result["median"]["plain"] > 0 and benchmark.rates_table(result).count("\n") == 3
