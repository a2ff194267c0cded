from __future__ import annotations

import json

from benchmarks.speed import machine, one_slice
from liverseg.__main__ import main


def test_the_quick_command_measures_a_slice_as_json(monkeypatch, capsys):
    monkeypatch.setattr(machine, "limit_threads", lambda threads: 1)
    assert main(["bench", "--quick", "--sections", "slice", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    (row,) = result["rows"]
    assert result["quick"] and row["section"] == "slice" and row["name"] == "segformer-b0"
    assert {one_slice.EAGER, one_slice.TORCH, one_slice.DEFAULT} <= set(row["variants"])
    labels = [ratio for name, ratio in row["ratios"].items() if "labels" in name]
    assert len(labels) == 2 and all(ratio["met"] for ratio in labels)
    assert one_slice.TORCH_BF16 in row["variants"] or one_slice.TORCH_BF16 in row["missing"]
    for peer in (one_slice.OPENVINO, one_slice.ORT):
        assert peer in row["variants"] or "not installed" in row["missing"][peer]
