from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import (
    Checkpoint,
)
from registry.__main__ import main
from tests.hub_standin.faults import Fault
from tests.hub_standin.fixture import TOKEN
from tests.hub_standin.server import HubStandin

ROOT = Path(__file__).resolve().parents[3]


def test_push_publishes_to_the_hub_and_to_a_folder(
    write: Callable[..., Checkpoint], hub: HubStandin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(write().folder)
    size = (Path(folder) / "model.pt").stat().st_size
    for target in ("hf://lab", str(tmp_path / "shelf")):
        assert main(["push", folder, target]) == 0
        captured = capsys.readouterr()
        assert captured.out.startswith("tiny@1.0.0 published: ")
        assert f"model.pt {size / 1e3:.1f} kB" in captured.err
        assert main(["push", folder, target, "--json"]) == 0
        again = json.loads(capsys.readouterr().out)
        assert again["unchanged"] is True and again["ref"] == "tiny@1.0.0"
        assert (again["revision"] is None) == (target != "hf://lab")
    assert main(["push", "--private", folder, "hf://lab"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    assert main(["push", str(write("closed").folder), "hf://lab", "--private"]) == 0
    assert hub.repositories.all["lab/closed"].private
    assert TOKEN not in capsys.readouterr().err


def test_push_never_writes_or_prints_the_token(
    write: Callable[..., Checkpoint], hub: HubStandin, tmp_path: Path
) -> None:
    hub.faults.plant(Fault("PUT /upload", status=500, times=1))
    environment = os.environ | {"HF_DEBUG": "", "HF_HUB_VERBOSITY": "debug", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "registry", "push", str(write().folder), "hf://lab", "--json"]
    out = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert json.loads(out.stdout)["revision"] == hub.repositories.all["lab/tiny"].head
    assert TOKEN.encode() not in out.stdout + out.stderr
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
