"""`python -m registry space`: what it prints, a dry run, and what it refuses."""

from __future__ import annotations

import json

import pytest

from registry.__main__ import main
from registry.cli import space
from registry.cli.space import space_text
from registry.space.push import SpacePushed, SpaceSettings
from tests.hub_standin.server import HubStandin

SPACE = "spaces/lab/page"
PUSHED = SpacePushed(
    "lab/page",
    "https://hub/spaces/lab/page",
    "0" * 40,
    "cpu-basic",
    "hf://lab",
    ("tiny@1.0.0", "other@0.1.0"),
    {"app.py": 2_400, "registry/model.pt": 15_300_000},
)


@pytest.fixture
def pushes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, SpaceSettings, bool]]:
    """The arguments of every push, none of which reaches the Hub."""
    received = []

    def push_space(name: str, settings: SpaceSettings, *, dry_run: bool, progress: object) -> SpacePushed:
        received.append((name, settings, dry_run))
        return PUSHED

    monkeypatch.setattr(space, "push_space", push_space)
    return received


def test_the_options_reach_the_push(pushes: list[tuple[str, SpaceSettings, bool]]) -> None:
    options = ["--registry", "hf://lab", "--hardware", "zero-a10g", "--private", "--dry-run"]
    assert main(["space", "lab/page", *options, "--checkpoints", "a@1.0", "b"]) == 0
    assert main(["space", "lab/page"]) == 0
    assert pushes == [
        ("lab/page", SpaceSettings("hf://lab", ("a@1.0", "b"), "zero-a10g", True), True),
        ("lab/page", SpaceSettings(), False),
    ]
    with pytest.raises(SystemExit) as stop:
        main(["space", "lab/page", "--hardware", "abacus"])
    assert stop.value.code == 2


def test_json_has_every_field(
    pushes: list[tuple[str, SpaceSettings, bool]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["space", "lab/page", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["files"] == dict(PUSHED.files) and printed["preloaded"] == list(PUSHED.preloaded)
    assert printed["unchanged"] is False and printed["revision"] == PUSHED.revision


def test_the_text_of_a_push_and_of_a_dry_run() -> None:
    published = space_text(PUSHED, dry_run=False).splitlines()
    assert published[0] == "Space lab/page published, 2 files, 15.3 MB: https://hub/spaces/lab/page"
    assert [line.split(maxsplit=1) for line in published[1:]] == [
        ["hardware", "cpu-basic"],
        ["LIVERSEG_REGISTRY", "hf://lab"],
        ["preloaded", "tiny@1.0.0, other@0.1.0"],
    ]
    planned = space_text(PUSHED, dry_run=True).splitlines()
    assert planned[0] == "Space lab/page would hold 2 files, 15.3 MB:" and planned[1:4] == published[1:]
    assert [line.split() for line in planned[4:]] == [
        ["2.4", "kB", "app.py"], ["15.3", "MB", "registry/model.pt"]
    ]  # fmt: skip


def test_a_dry_run_sends_nothing(
    published: dict[str, str], hub: HubStandin, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["space", "lab/page", "--registry", "hf://lab", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Space lab/page would hold ") and "liverseg/app/launch.py" in out
    assert "tiny@1.1.0" in out and "bundled" not in out and "tests/" not in out
    assert SPACE not in hub.repositories.all and not hub.requests("^(POST|PUT)")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["page"], "owner/name, not 'page'"),
        (["lab/../x"], "owner/name"),
        (["lab/page", "--registry", "/data/checkpoints,hf://lab"], "does not see the folder checkpoints"),
        (["lab/page", "--registry", "hf://nobody"], "no checkpoint in hf://nobody yet"),
        (["lab/page", "--checkpoints", "gone", "--registry", "hf://lab"], "no checkpoint gone"),
        (["other/page", "--registry", "bundled"], "no right to Space other/page"),
    ],
)
def test_invalid_arguments_are_refused_in_one_line(
    published: dict[str, str],
    hub: HubStandin,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    assert main(["space", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and sentence in captured.err and len(captured.err.splitlines()) == 1
    assert SPACE not in hub.repositories.all
