from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from registry import (
    Checkpoint,
    CheckpointDamaged,
    CheckpointNotFound,
    HubUnreachable,
    InvalidReference,
    open_registries,
    pull,
    push,
)
from registry.__main__ import main
from registry.hub import registry as hub_registry
from registry.hub.cache import HubCache
from tests.hub_standin.faults import ALWAYS, Fault
from tests.hub_standin.repositories import Blob
from tests.hub_standin.server import HubStandin

ROOT = Path(__file__).resolve().parents[3]


def test_the_listing_has_every_version_at_its_commit(published: dict[str, str], hub: HubStandin) -> None:
    registries = open_registries("hf://lab")
    assert registries.names == ("hf://lab",)
    found = registries.list()
    assert [c.ref for c in found] == ["other@0.1.0", "tiny@1.1.0", "tiny@1.0.0"]
    assert {c.ref: c.revision for c in found} == published and registries.problems == ()
    assert {c.registry for c in found} == {"hf://lab"}
    assert registries.find("tiny").ref == "tiny@1.1.0" and registries.find("tiny@1.0.0") == found[2]
    assert not [r for r in hub.requests("/resolve/") if "manifest.json" not in r]
    hub.seen.clear()
    assert open_registries("hf://lab").list() == found
    assert hub.requests("/resolve/") == []  # a manifest at a commit never changes


def test_only_tagged_repositories_of_the_owner_are_listed(
    published: dict[str, str], hub: HubStandin, write: Callable[..., Checkpoint]
) -> None:
    hub.repositories.create("lab/notes", False)
    hub.tokens["hf_evil"] = "labs"
    push(write("evil").folder, "hf://labs", token="hf_evil")
    push(write("hidden").folder, "hf://lab", private=True)
    repository = hub.repositories.all["lab/tiny"]
    repository.tags |= {"latest": repository.head, "v2": repository.head}
    hub.page_size = 1
    registries = open_registries("hf://lab")
    assert {c.manifest.name for c in registries.list()} == {"tiny", "other", "hidden"}
    assert registries.problems == ()
    os.environ.pop("HF_TOKEN")
    assert {c.manifest.name for c in open_registries("hf://lab").list()} == {"tiny", "other"}


def test_a_folder_and_an_owner_can_be_combined_and_the_first_has_priority(
    published: dict[str, str], write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    push(write("tiny", "1.1.0", where="own", title="Mine").folder, str(shelf))
    for places, origin in ((f"{shelf},hf://lab", "shelf"), (f"hf://lab,{shelf}", "hf://lab")):
        registries = open_registries(places)
        assert {c.ref for c in registries.list()} == set(published)
        assert registries.find("tiny").registry == origin
        assert registries.find("other").registry == "hf://lab"


def test_refresh_finds_a_version_published_later(
    published: dict[str, str], write: Callable[..., Checkpoint]
) -> None:
    registries = open_registries("hf://lab")
    assert registries.find("tiny").ref == "tiny@1.1.0"
    push(write("tiny", "1.2.0").folder, "hf://lab")
    assert registries.find("tiny").ref == "tiny@1.1.0"
    assert registries.refresh().find("tiny").ref == "tiny@1.2.0"


def test_a_moved_tag_is_reported_and_ignored(
    published: dict[str, str], hub: HubStandin, write: Callable[..., Checkpoint]
) -> None:
    pull(open_registries("hf://lab").find("tiny@1.0.0"))
    repository = hub.repositories.all["lab/tiny"]
    repository.tags["1.0.0"] = repository.tags["1.1.0"]
    registries = open_registries("hf://lab")
    assert registries.find("tiny@1.0.0").revision == published["tiny@1.0.0"]
    assert registries.find("tiny@1.0.0").read_model()
    (problem,) = registries.problems
    assert problem.where == "tiny/1.0.0" and "moved" in problem.reason


def test_a_broken_repository_does_not_hide_the_others(published: dict[str, str], hub: HubStandin) -> None:
    tiny = hub.repositories.all["lab/tiny"]
    broken = tiny.commits[tiny.tags["1.1.0"]] | {"manifest.json": Blob(b"{", False)}
    tiny.tags["1.1.0"] = tiny.add(broken, "break it")
    tiny.tags["9.9"] = tiny.tags["1.0.0"]
    hub.repositories.all["lab/Loud"] = replace(tiny, id="lab/Loud")
    hub.faults.plant(Fault("other/refs", status=500))
    registries = open_registries("hf://lab")
    assert [c.ref for c in registries.list()] == ["tiny@1.0.0"]
    reasons = {p.where: p.reason for p in registries.problems}
    assert set(reasons) == {"tiny/1.1.0", "tiny/9.9", "other", "Loud"}
    assert "not JSON" in reasons["tiny/1.1.0"] and "that of tiny@1.0.0" in reasons["tiny/9.9"]
    assert "status 500" in reasons["other"]
    with pytest.raises(CheckpointDamaged, match="tiny@1.1.0 cannot be used: The manifest is not JSON"):
        registries.find("tiny@1.1.0")
    assert [c.ref for c in open_registries("hf://lab").list()] == ["other@0.1.0", "tiny@1.0.0"]


@pytest.mark.parametrize("ref", ["hf://evil/tiny", "evil/tiny", "evil/tiny@1.0.0", "../tiny", "https://x/y"])
def test_a_reference_never_causes_a_request_to_another_owner(
    published: dict[str, str], hub: HubStandin, ref: str
) -> None:
    registries = open_registries("hf://lab")
    registries.list()
    hub.seen.clear()
    with pytest.raises(InvalidReference):
        registries.find(ref)
    with pytest.raises(CheckpointNotFound):
        registries.find("evil")
    assert hub.seen == []


def test_a_changed_manifest_in_the_cache_is_fetched_again(
    published: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(open_registries("hf://lab").find("tiny"))
    path = open_registries("hf://lab").find("tiny").folder / "manifest.json"
    good = path.read_bytes()
    path.write_bytes(good.replace(b"0.9241", b"0.9999"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert open_registries("hf://lab").list() == []
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert open_registries("hf://lab").find("tiny").manifest.headline()["liver"] == 0.9241
    assert path.read_bytes() == good


def test_offline_lists_the_checkpoints_that_were_pulled(
    published: dict[str, str],
    hub: HubStandin,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LIVERSEG_REGISTRY", "hf://lab")
    model = open_registries().find("tiny@1.0.0").read_model()
    assert main(["pull", "other"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.seen.clear()
    registries = open_registries()
    assert [c.ref for c in registries.list()] == ["other@0.1.0", "tiny@1.0.0"]
    assert registries.problems == ()
    checkpoint = registries.find("tiny")
    assert checkpoint.read_model() == model and checkpoint.revision == published["tiny@1.0.0"]
    with pytest.raises(HubUnreachable, match=r"metrics\.csv of tiny@1\.0\.0 was not fetched yet"):
        checkpoint.read_verified("metrics.csv")
    for command in (["list", "--json"], ["show", "other"], ["verify", "other"], ["pull", "other"]):
        assert main(command) == 0
    assert main(["pull", "tiny"]) == 1
    assert hub.seen == []


def test_a_new_process_lists_pulled_checkpoints_offline(published: dict[str, str], hub: HubStandin) -> None:
    pull(open_registries("hf://lab").find("tiny"))
    hub.stop()
    command = [sys.executable, "-m", "registry", "list", "--json", "--registry", "hf://lab"]
    out = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, check=True
    )
    (entry,) = json.loads(out.stdout)
    assert (entry["ref"], entry["revision"]) == ("tiny@1.1.0", published["tiny@1.1.0"])


def test_offline_with_an_empty_cache_is_a_problem(hub: HubStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    registries = open_registries("hf://lab")
    assert registries.list() == [] and "nothing of this registry" in registries.problems[0].reason
    with pytest.raises(CheckpointNotFound, match="HF_HUB_OFFLINE"):
        registries.find("tiny")


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 500}, {"status": 429}, {"status": 401}])
def test_a_failing_hub_is_a_problem_and_the_cache_is_listed(
    fault: dict, published: dict[str, str], hub: HubStandin, capsys: pytest.CaptureFixture[str]
) -> None:
    pull(open_registries("hf://lab").find("tiny"))
    hub.faults.plant(Fault("", times=ALWAYS, **fault))
    registries = open_registries("hf://lab,bundled")
    assert "tiny@1.1.0" in [c.ref for c in registries.list()]
    assert any(c.registry == "bundled" for c in registries.list())
    (problem,) = registries.problems
    assert problem.registry == "hf://lab" and problem.where == "" and "fetched before" in problem.reason
    assert registries.find("tiny").read_model()
    assert main(["list", "--registry", "hf://lab"]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_silent_hub_delays_only_the_first_listing(
    published: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.hub.queries.REQUEST_S", 0.3)
    pull(open_registries("hf://lab").find("tiny"))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        index = HubCache("lab").folder
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        shutil.copytree(index, HubCache("lab").folder)
        start = time.monotonic()
        registries = open_registries("hf://lab,hf://other-lab")
        assert [c.ref for c in registries.list()] == ["tiny@1.1.0"]
        assert [p.registry for p in registries.problems] == ["hf://lab", "hf://other-lab"]
        took = time.monotonic() - start
        registries.refresh()
        assert took < 5 and time.monotonic() - start - took < 1


def test_a_listing_stops_at_its_time_limit(hub: HubStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_registry, "LISTING_S", 0.2)
    hub.faults.plant(Fault("GET", delay_s=1))
    start = time.monotonic()
    registries = open_registries("hf://lab")
    assert registries.list() == [] and "in time" in registries.problems[0].reason
    assert time.monotonic() - start < 0.9


def test_a_listing_takes_at_most_ten_seconds() -> None:
    assert hub_registry.QUERIES_S < hub_registry.LISTING_S < 10
