from __future__ import annotations

from pathlib import Path

import pytest

from registry.__main__ import main


def test_pull_verifies_a_folder(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "b0"]) == 0
    assert capsys.readouterr().out == f"b0@1.1.0 is complete, from models: {models / 'b0/1.1.0'}\n"
    path = models / "b0/1.1.0/metrics.csv"
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["pull", "b0"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "metrics.csv of b0@1.1.0" in captured.err
