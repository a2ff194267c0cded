"""Publishing the page as a Space, over HTTP against the stand-in of the Hub."""

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
from registry.hub.index import is_commit
from registry.space.content import ROOT, project_files, space_files
from registry.space.push import SpaceSettings, push_space
from tests.hub_standin.faults import Fault
from tests.hub_standin.fixture import TOKEN
from tests.hub_standin.repositories import Repository
from tests.hub_standin.server import HubStandin

SPACE = "spaces/lab/page"


def space_tree(space: Repository) -> dict[str, bytes]:
    """The visible files of the Space's latest commit."""
    return {n: blob.data for n, blob in space.commits[space.head].items() if not n.startswith(".")}


def front_matter(space: Repository) -> dict:
    return yaml.safe_load(space_tree(space)["README.md"].decode().split("---\n")[1])


@pytest.fixture
def published_commits(hub: HubStandin, write: Callable[..., Checkpoint]) -> dict[str, str]:
    """Two versions of `tiny` and one of `other` at hf://lab: reference -> commit."""
    pushed = [
        push(write(*at).folder, "hf://lab") for at in (("tiny", "1.0.0"), ("tiny", "1.1.0"), ("other",))
    ]
    hub.seen.clear()
    return {done.ref: done.revision for done in pushed}


def test_a_space_with_bundled_checkpoints_is_one_commit_of_tracked_files(
    hub: HubStandin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LIVERSEG_REGISTRY", raising=False)
    stray = ROOT / "liverseg" / "notes-of-mine.txt"
    stray.write_text("not tracked")
    try:
        assert main(["space", "lab/page"]) == 0
    finally:
        stray.unlink()
    captured = capsys.readouterr()
    space = hub.repositories.all[SPACE]
    assert (
        captured.out.startswith("Space lab/page published, ") and f"{hub.url}/spaces/lab/page" in captured.out
    )
    assert TOKEN not in captured.out + captured.err and "model.pt" in captured.err  # progress
    assert len(space.messages) == 2 and space.variables == {"LIVERSEG_REGISTRY": "bundled"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(space_tree(space)) <= set(listed.stdout.split())
    tops = {name.split("/")[0] for name in space_tree(space)}
    singles = {"app.py", "LICENSE", "README.md", "requirements.txt", "constraints.txt"}
    links = re.findall(r"\]\(([\w./-]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    linked = {link for link in links if (ROOT / link).is_file()}
    assert linked <= set(space_tree(space))
    assert tops == {*singles, *(link.split("/")[0] for link in linked), "liverseg", "registry"}
    for name, data in space_tree(space).items():
        assert TOKEN.encode() not in data
        if name not in ("README.md", "requirements.txt"):
            assert data == (ROOT / name).read_bytes(), name

    hub.seen.clear()
    assert main(["space", "lab/page", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["unchanged"] is True and again["revision"] == space.head and len(space.messages) == 2
    assert not hub.requests("^(POST|PUT)")


def test_the_readme_is_that_of_the_project_with_the_front_matter_of_a_space(
    published_commits: dict[str, str], hub: HubStandin
) -> None:
    done = push_space("lab/page", SpaceSettings("hf://lab,bundled"))
    space = hub.repositories.all[SPACE]
    project = (ROOT / "README.md").read_text(encoding="utf-8")
    assert space_tree(space)["README.md"].decode().split("---\n", 2)[2] == project.split("---\n", 2)[2]
    front, own = front_matter(space), yaml.safe_load(project.split("---\n")[1])
    assert {key: front[key] for key in own} == own
    assert front["sdk"] == "gradio" and front["python_version"] == "3.11"
    assert front["suggested_hardware"] == "cpu-basic" and front["models"] == ["lab/other", "lab/tiny"]
    files = "model.pt,config.json"
    assert front["preload_from_hub"] == [
        f"lab/other {files} {published_commits['other@1.0.0']}",
        f"lab/tiny {files} {published_commits['tiny@1.1.0']}",
    ]
    assert all(is_commit(line.split()[-1]) for line in front["preload_from_hub"])
    assert done.preloaded == ("other@1.0.0", "tiny@1.1.0") and done.registry == "hf://lab,bundled"
    assert space.variables == {"LIVERSEG_REGISTRY": "hf://lab,bundled"}


def test_the_next_push_follows_the_registry_and_removes_old_files(
    published_commits: dict[str, str], hub: HubStandin, write: Callable[..., Checkpoint]
) -> None:
    push_space("lab/page", SpaceSettings("bundled,hf://lab", refs=("tiny@1.0.0",)))
    space = hub.repositories.all[SPACE]
    assert any(name.startswith("registry/bundled/") for name in space_tree(space))
    assert front_matter(space)["preload_from_hub"] == [
        f"lab/tiny model.pt,config.json {published_commits['tiny@1.0.0']}"
    ]
    newer = push(write("tiny", "1.2.0").folder, "hf://lab")
    done = push_space("lab/page", SpaceSettings("hf://lab"))
    assert not any(name.startswith("registry/bundled/") for name in space_tree(space))
    assert newer.revision in front_matter(space)["preload_from_hub"][1] and not done.unchanged
    assert space.variables == {"LIVERSEG_REGISTRY": "hf://lab"} and len(space.messages) == 3
    assert push_space("lab/page", SpaceSettings("hf://lab")).unchanged and len(space.messages) == 3


def test_zerogpu_gets_the_versions_that_it_supports(
    published_commits: dict[str, str], hub: HubStandin
) -> None:
    push_space("lab/page", SpaceSettings("hf://lab", hardware="zero-a10g"))
    space = hub.repositories.all[SPACE]
    assert space.hardware == "zero-a10g" == front_matter(space)["suggested_hardware"]
    assert front_matter(space)["python_version"] == "3.12.12"
    for name in ("requirements.txt", "constraints.txt"):
        mine, ours = space_tree(space)[name].decode(), (ROOT / name).read_text()
        assert "torch==2.11.0\n" in mine and "openvino==" not in mine
        assert len(ours.splitlines()) - len(mine.splitlines()) == 1
    assert push_space("lab/page", SpaceSettings("hf://lab")).hardware == "zero-a10g"  # what it has
    back = push_space("lab/page", SpaceSettings("hf://lab", hardware="cpu-basic"))
    assert space.hardware == "cpu-basic" == back.hardware and not back.unchanged
    assert b"torch==2.13.0+cpu\n" in space_tree(space)["requirements.txt"]


def test_private_checkpoints_are_not_preloaded(
    hub: HubStandin, write: Callable[..., Checkpoint], capsys: pytest.CaptureFixture[str]
) -> None:
    push(write("closed").folder, "hf://lab", private=True)
    assert main(["space", "lab/page", "--private", "--registry", "hf://lab"]) == 0
    captured = capsys.readouterr()
    assert "lab/closed is private: " in captured.err and "secret HF_TOKEN" in captured.err
    assert TOKEN not in captured.out + captured.err
    space = hub.repositories.all[SPACE]
    assert space.private and "preload_from_hub" not in front_matter(space)
    assert front_matter(space)["models"] == ["lab/closed"]


def test_refusals_of_the_hub_are_raised(
    published_commits: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults.plant(Fault("POST /api/repos/create", status=402))
    with pytest.raises(HubRefused, match="paid plan or credits for Space lab/page"):
        push_space("lab/page", SpaceSettings("hf://lab"))
    hub.repositories.create(SPACE, private=False)
    with pytest.raises(PushRefused, match="lab/page is public"):
        push_space("lab/page", SpaceSettings("hf://lab", private=True))
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubRefused, match="set HF_TOKEN"):
        push_space("lab/page", SpaceSettings("hf://lab"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PushRefused, match="HF_HUB_OFFLINE"):
        push_space("lab/page", SpaceSettings("hf://lab"))


def test_an_interrupted_push_can_be_repeated(published_commits: dict[str, str], hub: HubStandin) -> None:
    hub.faults.plant(Fault("POST /api/spaces/lab/page/commit", status=403))
    with pytest.raises(HubRefused):
        push_space("lab/page", SpaceSettings("hf://lab"))
    space = hub.repositories.all[SPACE]
    assert space_tree(space) == {}
    hub.faults.plant(Fault("GET /api/spaces/lab/page/variables", status=403))
    with pytest.raises(HubRefused):
        push_space("lab/page", SpaceSettings("hf://lab,bundled"))
    assert space.variables == {"LIVERSEG_REGISTRY": "hf://lab"} and "app.py" in space_tree(space)
    assert not push_space("lab/page", SpaceSettings("hf://lab,bundled")).unchanged
    assert space.variables == {"LIVERSEG_REGISTRY": "hf://lab,bundled"} and len(space.messages) == 2


def test_a_space_of_another_project_is_not_overwritten(
    published_commits: dict[str, str], hub: HubStandin
) -> None:
    space = hub.repositories.create(SPACE, private=False)
    hub.repositories.commit(
        space,
        [
            {"key": "header", "value": {"summary": "mine"}},
            {"key": "file", "value": {"path": "mine.py", "content": "eA=="}},
        ],
    )
    with pytest.raises(PushRefused, match="holds something else already"):
        push_space("lab/page", SpaceSettings("hf://lab"))
    assert space_tree(space) == {"mine.py": b"x"}


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    """A copy of the project without git and bundled checkpoints, with files that are not part of it."""
    root = tmp_path / "project"
    for name in space_files(project_files(), (ROOT / "README.md").read_text(), with_bundled=False):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for name in ("tests/test_x.py", "registry/.secret", "liverseg/__pycache__/x.pyc", ".env"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def test_a_copy_without_git_sends_the_same_files(
    published_commits: dict[str, str], hub: HubStandin, small_project: Path
) -> None:
    push_space("lab/page", SpaceSettings("hf://lab"), root=small_project)
    assert push_space("lab/page", SpaceSettings("hf://lab")).unchanged
    (small_project / "app.py").unlink()
    with pytest.raises(PushRefused, match="copy of the whole project"):
        push_space("lab/page", SpaceSettings("hf://lab"), root=small_project)


@pytest.mark.parametrize("text", [TOKEN, "hf_" + "aB3" * 12])
def test_a_file_with_a_token_is_not_sent(
    published_commits: dict[str, str], hub: HubStandin, small_project: Path, text: str
) -> None:
    (small_project / "liverseg" / "mine.py").write_text(f"TOKEN = '{text}'")
    with pytest.raises(PushRefused, match=r"liverseg/mine\.py holds a token") as refusal:
        push_space("lab/page", SpaceSettings("hf://lab"), root=small_project)
    assert text not in str(refusal.value) and SPACE not in hub.repositories.all


def test_a_link_is_not_followed(
    published_commits: dict[str, str], hub: HubStandin, small_project: Path
) -> None:
    (small_project / "liverseg" / "mine.py").symlink_to("/etc/passwd")
    with pytest.raises(PushRefused, match=r"liverseg/mine\.py is missing, or is a link"):
        push_space("lab/page", SpaceSettings("hf://lab"), root=small_project)
