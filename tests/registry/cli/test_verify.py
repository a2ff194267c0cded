from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.__main__ import main


def test_verify_prints_one_line_per_check(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "b0"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert len(lines) == 13 and all(line.startswith("ok ") for line in lines)
    assert captured.err == ""


def test_verify_fails_on_a_tampered_file(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = models / "b0/1.1.0/model.pt"
    path.write_bytes(path.read_bytes() + b"x")
    assert main(["verify", "b0"]) == 1
    captured = capsys.readouterr()
    assert "FAILED  sha256 model.pt" in captured.out
    assert captured.err.splitlines() == ["b0@1.1.0 failed: sha256 model.pt, archive, embedded manifest."]
    assert main(["verify", "b0", "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["ok"] is False
    assert {c["name"] for c in result["checks"] if not c["ok"]} == {
        "sha256 model.pt",
        "archive",
        "embedded manifest",
    }
