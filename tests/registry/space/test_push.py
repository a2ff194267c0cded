"""The page on a Space of the Hub, over HTTP: what is sent, and what the Hub is told."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from registry import Checkpoint, HubRefused, PushRefused, push
from registry.__main__ import main
from registry.hub.cache import is_commit
from registry.space.content import HARDWARE, ROOT, project_files, space_content, space_files
from registry.space.push import push_space
from tests.hub_standin.faults import Fault
from tests.hub_standin.fixture import TOKEN
from tests.hub_standin.repositories import Repository
from tests.hub_standin.server import HubStandin

SPACE = "spaces/lab/page"


def tree(space: Repository) -> dict[str, bytes]:
    """The files that were uploaded."""
    return {n: blob.data for n, blob in space.commits[space.head].items() if not n.startswith(".")}


def front_matter(space: Repository) -> dict:
    return yaml.safe_load(tree(space)["README.md"].decode().split("---\n")[1])


@pytest.fixture
def weights(hub: HubStandin, write: Callable[..., Checkpoint]) -> dict[str, str]:
    """Two versions of one checkpoint and another one at hf://lab: their commits."""
    pushed = [
        push(write(*at).folder, "hf://lab") for at in (("tiny", "1.0.0"), ("tiny", "1.1.0"), ("other",))
    ]
    hub.seen.clear()
    return {done.ref: done.revision for done in pushed}


def test_the_bundled_page_is_one_commit_of_tracked_files(
    hub: HubStandin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LIVERSEG_REGISTRY", raising=False)
    stray = ROOT / "liverseg" / "notes-of-mine.txt"
    stray.write_text("not tracked")
    try:
        assert main(["space", "lab/page"]) == 0
    finally:
        stray.unlink()
    told = capsys.readouterr()
    space = hub.repositories.all[SPACE]
    assert told.out.startswith("Space lab/page published, ") and f"{hub.url}/spaces/lab/page" in told.out
    assert TOKEN not in told.out + told.err and "model.pt" in told.err  # progress
    assert len(space.messages) == 2 and space.variables == {"LIVERSEG_REGISTRY": "bundled"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(tree(space)) <= set(listed.stdout.split())
    tops = {name.split("/")[0] for name in tree(space)}
    singles = {"app.py", "LICENSE", "README.md", "requirements.txt", "constraints.txt"}
    assert tops == {*singles, "docs", "liverseg", "registry"}
    for name, data in tree(space).items():
        assert TOKEN.encode() not in data
        if name != "README.md":
            assert data == (ROOT / name).read_bytes(), name
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", (ROOT / "README.md").read_text())
    assert pictures and set(pictures) <= set(tree(space))

    hub.seen.clear()
    assert main(["space", "lab/page", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["unchanged"] is True and again["revision"] == space.head and len(space.messages) == 2
    assert not hub.requests("^(POST|PUT)")


def test_the_readme_is_the_projects_with_the_front_matter_completed(
    weights: dict[str, str], hub: HubStandin
) -> None:
    done = push_space("lab/page", "hf://lab,bundled")
    space = hub.repositories.all[SPACE]
    project = (ROOT / "README.md").read_text(encoding="utf-8")
    assert tree(space)["README.md"].decode().split("---\n", 2)[2] == project.split("---\n", 2)[2]
    front, own = front_matter(space), yaml.safe_load(project.split("---\n")[1])
    assert {key: front[key] for key in own} == own
    assert front["sdk"] == "gradio" and front["python_version"] == "3.11"
    assert front["suggested_hardware"] == "cpu-basic" and front["models"] == ["lab/other", "lab/tiny"]
    files = "model.pt,config.json"
    assert front["preload_from_hub"] == [
        f"lab/other {files} {weights['other@1.0.0']}",
        f"lab/tiny {files} {weights['tiny@1.1.0']}",
    ]
    assert all(is_commit(line.split()[-1]) for line in front["preload_from_hub"])
    assert done.preloaded == ("other@1.0.0", "tiny@1.1.0") and done.registry == "hf://lab,bundled"
    assert space.variables == {"LIVERSEG_REGISTRY": "hf://lab,bundled"}


def test_the_next_push_follows_the_registry_and_leaves_nothing_behind(
    weights: dict[str, str], hub: HubStandin, write: Callable[..., Checkpoint]
) -> None:
    push_space("lab/page", "bundled,hf://lab", refs=["tiny@1.0.0"])
    space = hub.repositories.all[SPACE]
    assert any(name.startswith("registry/bundled/") for name in tree(space))
    assert front_matter(space)["preload_from_hub"] == [
        f"lab/tiny model.pt,config.json {weights['tiny@1.0.0']}"
    ]
    newer = push(write("tiny", "1.2.0").folder, "hf://lab")
    done = push_space("lab/page", "hf://lab")
    assert not any(name.startswith("registry/bundled/") for name in tree(space))
    assert newer.revision in front_matter(space)["preload_from_hub"][1] and not done.unchanged
    assert space.variables == {"LIVERSEG_REGISTRY": "hf://lab"} and len(space.messages) == 3
    assert push_space("lab/page", "hf://lab").unchanged and len(space.messages) == 3


def test_zerogpu_gets_what_it_has(weights: dict[str, str], hub: HubStandin) -> None:
    push_space("lab/page", "hf://lab", hardware="zero-a10g")
    space = hub.repositories.all[SPACE]
    assert space.hardware == "zero-a10g" == front_matter(space)["suggested_hardware"]
    assert front_matter(space)["python_version"] == "3.12.12"
    for name in ("requirements.txt", "constraints.txt"):
        mine, ours = tree(space)[name].decode(), (ROOT / name).read_text()
        assert "torch==2.11.0\n" in mine and "openvino==" not in mine
        assert len(ours.splitlines()) - len(mine.splitlines()) == 1
    assert push_space("lab/page", "hf://lab").hardware == "zero-a10g"  # what it has
    back = push_space("lab/page", "hf://lab", hardware="cpu-basic")
    assert space.hardware == "cpu-basic" == back.hardware and not back.unchanged
    assert tree(space)["requirements.txt"] == (ROOT / "requirements.txt").read_bytes()


def test_a_dry_run_sends_nothing(
    weights: dict[str, str], hub: HubStandin, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["space", "lab/page", "--registry", "hf://lab", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Space lab/page would hold ") and "liverseg/app/launch.py" in out
    assert "tiny@1.1.0" in out and "bundled" not in out and "tests/" not in out
    assert SPACE not in hub.repositories.all and not hub.requests("^(POST|PUT)")


def test_private_weights_are_not_asked_for_at_the_build(
    hub: HubStandin, write: Callable[..., Checkpoint], capsys: pytest.CaptureFixture[str]
) -> None:
    push(write("closed").folder, "hf://lab", private=True)
    assert main(["space", "lab/page", "--private", "--registry", "hf://lab"]) == 0
    told = capsys.readouterr()
    assert "lab/closed is private: " in told.err and "secret HF_TOKEN" in told.err
    assert TOKEN not in told.out + told.err
    space = hub.repositories.all[SPACE]
    assert space.private and "preload_from_hub" not in front_matter(space)
    assert front_matter(space)["models"] == ["lab/closed"]


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
def test_what_is_refused_is_one_sentence(
    weights: dict[str, str],
    hub: HubStandin,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    assert main(["space", *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == "" and sentence in told.err and len(told.err.splitlines()) == 1
    assert SPACE not in hub.repositories.all


def test_what_the_hub_refuses(
    weights: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults.plant(Fault("POST /api/repos/create", status=402))
    with pytest.raises(HubRefused, match="paid plan or credits for Space lab/page"):
        push_space("lab/page", "hf://lab")
    hub.repositories.create(SPACE, private=False)
    with pytest.raises(PushRefused, match="lab/page is public"):
        push_space("lab/page", "hf://lab", private=True)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubRefused, match="set HF_TOKEN"):
        push_space("lab/page", "hf://lab")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PushRefused, match="HF_HUB_OFFLINE"):
        push_space("lab/page", "hf://lab")


def test_a_push_that_broke_off_goes_on(weights: dict[str, str], hub: HubStandin) -> None:
    hub.faults.plant(Fault("POST /api/spaces/lab/page/commit", status=403))
    with pytest.raises(HubRefused):
        push_space("lab/page", "hf://lab")
    space = hub.repositories.all[SPACE]
    assert tree(space) == {}
    hub.faults.plant(Fault("GET /api/spaces/lab/page/variables", status=403))
    with pytest.raises(HubRefused):
        push_space("lab/page", "hf://lab,bundled")
    assert space.variables == {"LIVERSEG_REGISTRY": "hf://lab"} and "app.py" in tree(space)
    assert not push_space("lab/page", "hf://lab,bundled").unchanged
    assert space.variables == {"LIVERSEG_REGISTRY": "hf://lab,bundled"} and len(space.messages) == 2


def test_the_work_of_others_is_not_replaced(weights: dict[str, str], hub: HubStandin) -> None:
    space = hub.repositories.create(SPACE, private=False)
    hub.repositories.commit(
        space,
        [
            {"key": "header", "value": {"summary": "mine"}},
            {"key": "file", "value": {"path": "mine.py", "content": "eA=="}},
        ],
    )
    with pytest.raises(PushRefused, match="holds something else already"):
        push_space("lab/page", "hf://lab")
    assert tree(space) == {"mine.py": b"x"}


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    """A copy of the project without git and bundled checkpoints, with files that do not belong to it."""
    root = tmp_path / "project"
    for name in space_files(project_files(), (ROOT / "README.md").read_text(), with_bundled=False):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for name in ("tests/test_x.py", "registry/.secret", "liverseg/__pycache__/x.pyc", ".env"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def test_a_copy_without_git_sends_the_same(
    weights: dict[str, str], hub: HubStandin, small_project: Path
) -> None:
    push_space("lab/page", "hf://lab", root=small_project)
    assert push_space("lab/page", "hf://lab").unchanged
    (small_project / "app.py").unlink()
    with pytest.raises(PushRefused, match="copy of the whole project"):
        push_space("lab/page", "hf://lab", root=small_project)


@pytest.mark.parametrize("text", [TOKEN, "hf_" + "aB3" * 12])
def test_a_token_in_a_file_stays_here(
    weights: dict[str, str], hub: HubStandin, small_project: Path, text: str
) -> None:
    (small_project / "liverseg" / "mine.py").write_text(f"TOKEN = '{text}'")
    with pytest.raises(PushRefused, match=r"liverseg/mine\.py holds a token") as refusal:
        push_space("lab/page", "hf://lab", root=small_project)
    assert text not in str(refusal.value) and SPACE not in hub.repositories.all


def test_a_link_is_not_followed(weights: dict[str, str], hub: HubStandin, small_project: Path) -> None:
    (small_project / "liverseg" / "mine.py").symlink_to("/etc/passwd")
    with pytest.raises(PushRefused, match=r"liverseg/mine\.py is missing, or is a link"):
        push_space("lab/page", "hf://lab", root=small_project)


def test_a_readme_without_front_matter_is_none_for_a_space() -> None:
    files = {"README.md": b"# x\n", "requirements.txt": b"gradio==6.0.0\n", "constraints.txt": b""}
    with pytest.raises(PushRefused, match="front matter"):
        space_content(files, HARDWARE["cpu-basic"], [], [])
