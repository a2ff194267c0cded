from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import Checkpoint
from registry.__main__ import main


@pytest.fixture
def models(write: Callable[..., Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write("b0", "1.0.0")
    write("b0", "1.1.0")
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(tmp_path / "models"))
    return tmp_path / "models"


def test_list_prints_a_table(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["CHECKPOINT", "ARCHITECTURE"]
    assert first.split() == ["b0@1.1.0", "segformer-b0", "0.924", "0.285", "CC-BY-NC-SA-4.0", "models"]
    assert second.startswith("b0@1.0.0")


def test_list_json_is_an_array_of_objects_without_paths(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "--json"]) == 0
    out = capsys.readouterr().out
    entries = json.loads(out)
    assert [e["ref"] for e in entries] == ["b0@1.1.0", "b0@1.0.0"]
    wanted = {"ref", "name", "version", "architecture", "metrics", "licence", "sha256", "registry"}
    assert all(wanted <= set(e) for e in entries)
    assert entries[0]["metrics"][0]["values"]["dice_global"]["liver"] == {"value": 0.9241, "n": 5}
    assert str(models) not in out


def test_list_keeps_going_past_a_damaged_one(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (models / "b0/1.0.0/manifest.json").write_text("{")
    assert main(["list", "--json"]) == 0
    captured = capsys.readouterr()
    assert [e["ref"] for e in json.loads(captured.out)] == ["b0@1.1.0"]
    assert captured.err.startswith("models/b0/1.0.0: The manifest is not JSON")


def test_list_of_nothing_readable_is_a_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json", "--registry", str(tmp_path / "gone")]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == []
    assert "does not exist" in captured.err
    assert main(["list", "--json", "--registry", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_show_prints_the_manifest(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "b0"]) == 0
    out = capsys.readouterr().out
    for text in ("b0@1.1.0", "0.924 (n = 5)", "all slices of 5 scans", "40/400", "CC-BY-NC-SA-4.0"):
        assert text in out
    assert main(["show", "b0@1.0.0", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["manifest"] == json.loads((models / "b0/1.0.0/manifest.json").read_text())
    assert shown["sha256"] == shown["manifest"]["files"]["model.pt"]["sha256"]


def test_verify_prints_a_line_a_check(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


@pytest.mark.parametrize("ref", ["b9", "b0@9.9", "../b0", "B0", ""])
def test_an_unknown_reference_is_one_line_and_exit_1(
    models: Path, ref: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("show", "verify"):
        assert main([command, ref]) == 1
        captured = capsys.readouterr()
        assert captured.out == "" and len(captured.err.splitlines()) == 1


def test_pull_checks_a_folder(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "b0"]) == 0
    assert capsys.readouterr().out == f"b0@1.1.0 is complete, from models: {models / 'b0/1.1.0'}\n"
    path = models / "b0/1.1.0/metrics.csv"
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["pull", "b0"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "metrics.csv of b0@1.1.0" in captured.err


@pytest.mark.parametrize("arguments", [[], ["explode"], ["show"], ["list", "--colour"]])
def test_wrong_usage_is_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_the_module_runs_as_a_program(models: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "registry", "list", "--json"]
    out = subprocess.run(
        command, cwd=root, env=os.environ | {"PYTHONUTF8": "1"}, capture_output=True, check=True
    )
    assert len(json.loads(out.stdout)) == 2
