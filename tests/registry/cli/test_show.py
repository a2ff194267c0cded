from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.__main__ import main


def test_show_prints_the_manifest(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "b0"]) == 0
    out = capsys.readouterr().out
    for text in ("b0@1.1.0", "0.924 (n = 5)", "all slices of 5 scans", "40/400", "CC-BY-NC-SA-4.0"):
        assert text in out
    assert main(["show", "b0@1.0.0", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["manifest"] == json.loads((models / "b0/1.0.0/manifest.json").read_text())
    assert shown["sha256"] == shown["manifest"]["files"]["model.pt"]["sha256"]
