from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry.__main__ import main


@pytest.mark.parametrize("ref", ["b9", "b0@9.9", "../b0", "B0", ""])
def test_an_unknown_reference_is_one_line_and_exit_status_1(
    models: Path, ref: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("show", "verify"):
        assert main([command, ref]) == 1
        captured = capsys.readouterr()
        assert captured.out == "" and len(captured.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["explode"], ["show"], ["list", "--colour"]])
def test_wrong_usage_is_exit_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_the_package_runs_as_a_program(models: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "registry", "list", "--json"]
    out = subprocess.run(
        command, cwd=root, env=os.environ | {"PYTHONUTF8": "1"}, capture_output=True, check=True
    )
    assert len(json.loads(out.stdout)) == 2


def test_the_commands_behave_alike_on_a_folder_and_on_the_hub(
    published: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = str(tmp_path / "models")
    shapes = {}
    for registry in (shelf, "hf://lab"):
        shapes[registry] = []
        for command in (["list"], ["show", "tiny"], ["verify", "tiny@1.0.0"], ["pull", "other"]):
            assert main([*command, "--json", "--registry", registry]) == 0
            result = json.loads(capsys.readouterr().out)
            first = result[0] if isinstance(result, list) else result
            shapes[registry].append((type(result), list(first), first["ref"]))
            assert main([*command, "--registry", registry]) == 0
            assert capsys.readouterr().out
    assert shapes[shelf] == shapes["hf://lab"]
    assert main(["list", "--json", "--registry", "hf://lab"]) == 0
    assert {e["ref"]: e["revision"] for e in json.loads(capsys.readouterr().out)} == published
    assert main(["verify", "tiny", "--registry", "hf://lab"]) == 0
    assert all(line.startswith("ok ") for line in capsys.readouterr().out.splitlines())
