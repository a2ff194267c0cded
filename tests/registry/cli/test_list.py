from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.__main__ import main


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


def test_list_warns_of_a_damaged_checkpoint_and_lists_the_others(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (models / "b0/1.0.0/manifest.json").write_text("{")
    assert main(["list", "--json"]) == 0
    captured = capsys.readouterr()
    assert [e["ref"] for e in json.loads(captured.out)] == ["b0@1.1.0"]
    assert captured.err.startswith("models/b0/1.0.0: The manifest is not JSON")


def test_list_fails_only_if_no_registry_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "--json", "--registry", str(tmp_path / "gone")]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == []
    assert "does not exist" in captured.err
    assert main(["list", "--json", "--registry", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == []
