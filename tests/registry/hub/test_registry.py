from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from registry import (
    CacheUnwritable,
    Checkpoint,
    CheckpointDamaged,
    CheckpointNotFound,
    HubRefused,
    HubUnreachable,
    InvalidReference,
    RegistryError,
    open_registries,
    pull,
    push,
)
from registry.__main__ import main
from registry.hub import registry as hub_registry
from registry.hub.cache import HubCache
from tests.hub_standin.answers import Answer
from tests.hub_standin.faults import Fault
from tests.hub_standin.fixture import TOKEN
from tests.hub_standin.repositories import Blob
from tests.hub_standin.server import HubStandin

ROOT = Path(__file__).resolve().parents[3]
ALWAYS = 10**6


@pytest.fixture
def published(hub: HubStandin, write: Callable[..., Checkpoint]) -> dict[str, str]:
    """Two versions of `tiny` and one of `other`: reference -> commit."""
    result = {}
    for name, version in (("tiny", "1.0.0"), ("tiny", "1.1.0"), ("other", "0.1.0")):
        pushed = push(write(name, version).folder, "hf://lab")
        result[pushed.ref] = pushed.revision
    hub.seen.clear()
    return result


def stored(tmp_path: Path, name: str, commit: str) -> Path:
    (folder,) = (tmp_path / "home").glob(f"liverseg/*/lab/{name}/{commit}")
    return folder


# Listing


def test_the_list_has_every_version_at_its_commit(published: dict[str, str], hub: HubStandin) -> None:
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


def test_folders_and_owners_mix_and_the_first_wins(
    published: dict[str, str], write: Callable[..., Checkpoint], tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    push(write("tiny", "1.1.0", where="own", title="Mine").folder, str(shelf))
    for places, origin in ((f"{shelf},hf://lab", "shelf"), (f"hf://lab,{shelf}", "hf://lab")):
        registries = open_registries(places)
        assert {c.ref for c in registries.list()} == set(published)
        assert registries.find("tiny").registry == origin
        assert registries.find("other").registry == "hf://lab"


def test_what_is_published_later_is_found_by_refresh(
    published: dict[str, str], write: Callable[..., Checkpoint]
) -> None:
    registries = open_registries("hf://lab")
    assert registries.find("tiny").ref == "tiny@1.1.0"
    push(write("tiny", "1.2.0").folder, "hf://lab")
    assert registries.find("tiny").ref == "tiny@1.1.0"
    assert registries.refresh().find("tiny").ref == "tiny@1.2.0"


def test_a_moved_tag_changes_nothing_here(
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
def test_a_name_that_a_visitor_types_is_never_asked_for(
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


def test_another_address_is_not_followed_with_the_token(
    published: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = hub.models

    def elsewhere(*arguments: object) -> Answer:
        page = answer(*arguments)
        return replace(page, headers=page.headers | {"Link": f'<{hub.storage_url}/next>; rel="next"'})

    monkeypatch.setitem(hub.actions, "models", elsewhere)
    registries = open_registries("hf://lab")
    assert registries.list() == [] and "another address" in registries.problems[0].reason
    assert all(seen.origin == "hub" for seen in hub.seen)


# Fetching


def test_model_and_config_are_fetched_when_they_are_needed(
    published: dict[str, str], hub: HubStandin, tmp_path: Path, write: Callable[..., Checkpoint]
) -> None:
    checkpoint = open_registries("hf://lab").find("tiny@1.0.0")
    assert checkpoint.read_model() == write("tiny", "1.0.0").read_model()
    folder = stored(tmp_path, "tiny", published["tiny@1.0.0"])
    assert {p.name for p in folder.iterdir() if p.name[0] != "."} == {
        "manifest.json",
        "model.pt",
        "config.json",
    }
    fetched = hub.requests("GET .*/resolve/.*(model|config)")
    assert [r.rsplit("/", 1)[1] for r in fetched] == ["config.json", "model.pt"]
    assert all(published["tiny@1.0.0"] in r for r in fetched)  # pinned to the commit
    hub.seen.clear()
    assert checkpoint.read_model() and hub.seen == []


def test_pull_fetches_everything_once(published: dict[str, str], hub: HubStandin, tmp_path: Path) -> None:
    checkpoint = open_registries("hf://lab").find("tiny")
    steps: list[tuple[str, int, int]] = []
    pulled = pull(checkpoint, progress=lambda *step: steps.append(step))
    assert (pulled.ref, pulled.revision) == ("tiny@1.1.0", published["tiny@1.1.0"])
    assert set(pulled.fetched) == set(checkpoint.manifest.files)
    assert {name for name, done, total in steps if done == total} == set(checkpoint.manifest.files)
    hub.seen.clear()
    assert pull(checkpoint).fetched == () and hub.seen == []


def test_an_interrupted_fetch_goes_on_where_it_ended(
    published: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.hub.download.time.sleep", lambda seconds: None)
    hub.faults.plant(Fault("GET /files/", cut_after=10_000))
    hub.faults.plant(Fault("GET /files/", cut_after=10_000))
    hub.faults.plant(Fault("GET /files/", status=503))
    hub.faults.plant(Fault("GET /files/", drop=True))
    assert open_registries("hf://lab").find("tiny").read_model()
    ranges = [seen.headers.get("range") for seen in hub.seen if "/files/" in seen.request]
    assert ranges == [None, "bytes=10000-", "bytes=20000-", "bytes=20000-", "bytes=20000-"]


def test_a_killed_fetch_goes_on_in_the_next_process(
    published: dict[str, str], hub: HubStandin, tmp_path: Path
) -> None:
    hub.faults.plant(Fault("GET /files/", cut_after=10_000))
    hub.faults.plant(Fault("GET /files/", delay_s=3, drop=True))
    command = [sys.executable, "-m", "registry", "pull", "tiny", "--registry", "hf://lab"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(hub.requests("GET /files/")) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    hub.faults.clear()
    hub.seen.clear()
    assert open_registries("hf://lab").find("tiny").read_model()
    ranges = [seen.headers.get("range") for seen in hub.seen if "/files/" in seen.request]
    assert ranges == ["bytes=10000-"]


def test_what_was_fetched_in_part_and_is_wrong_is_fetched_anew(
    published: dict[str, str], hub: HubStandin, tmp_path: Path
) -> None:
    checkpoint = open_registries("hf://lab").find("tiny")
    for size in (500, checkpoint.manifest.files["model.pt"].bytes, 10**6):
        (checkpoint.folder / ".model.pt.part").write_bytes(b"x" * size)
        assert checkpoint.read_model()
        (checkpoint.folder / "model.pt").unlink()


def test_two_processes_at_once_fetch_once(published: dict[str, str], hub: HubStandin) -> None:
    hub.faults.plant(Fault("GET /files/", delay_s=0.5, times=ALWAYS))
    command = [sys.executable, "-m", "registry", "pull", "tiny", "--registry", "hf://lab", "--json"]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    results = [json.loads(process.communicate()[0]) for process in started]
    assert [process.returncode for process in started] == [0, 0]
    names = results[0]["fetched"] + results[1]["fetched"]
    assert set(names) >= {"model.pt", "model.safetensors"}
    assert len(hub.requests("GET /files/")) == 2  # model.pt and model.safetensors
    assert open_registries("hf://lab").find("tiny").read_model()


def test_threads_at_once_fetch_once(published: dict[str, str], hub: HubStandin) -> None:
    hub.faults.plant(Fault("GET /files/", delay_s=0.2, times=ALWAYS))
    checkpoint = open_registries("hf://lab").find("tiny")
    threads = [threading.Thread(target=checkpoint.read_model) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hub.requests("GET /files/")) == 1


def test_what_the_client_has_already_is_not_fetched(
    published: dict[str, str], hub: HubStandin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a Space that preloads files of a commit."""
    from huggingface_hub import hf_hub_download

    cache = tmp_path / "client"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    for name in ("model.pt", "config.json"):
        hf_hub_download("lab/tiny", name, revision=published["tiny@1.0.0"], cache_dir=cache, endpoint=hub.url)
    checkpoint = open_registries("hf://lab").find("tiny@1.0.0")
    hub.seen.clear()
    assert checkpoint.read_model() and hub.seen == []
    blob = (cache / "models--lab--tiny/snapshots" / published["tiny@1.0.0"] / "model.pt").resolve()
    blob.write_bytes(blob.read_bytes()[::-1])
    (checkpoint.folder / "model.pt").unlink()
    assert checkpoint.read_model() and len(hub.requests("GET /files/")) == 1


# Tampering


def flip(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


TAMPERED = {
    "flipped": (flip, "sha256 differs"),
    "truncated": (lambda data: data[:-1], "truncated or was swapped"),
    "longer": (lambda data: data + b"x", "truncated or was swapped"),
    "empty": (lambda data: b"", "truncated or was swapped"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_model_is_refused_and_stays_refused(
    how: str, published: dict[str, str], hub: HubStandin, tmp_path: Path
) -> None:
    """In the storage: the manifest and the commit are as they were."""
    change, says = TAMPERED[how]
    commit = hub.repositories.all["lab/tiny"].commits[published["tiny@1.0.0"]]
    digest = commit["model.pt"].sha256
    good = hub.repositories.large[digest]
    hub.repositories.large[digest] = change(good)
    checkpoint = open_registries("hf://lab").find("tiny@1.0.0")
    for attempt in (checkpoint.read_model, lambda: pull(checkpoint), checkpoint.read_model):
        with pytest.raises(CheckpointDamaged, match=f"model.pt of tiny@1.0.0 .*{says}"):
            attempt()
    assert not list(tmp_path.rglob("model.pt.*")) and not (checkpoint.folder / "model.pt").exists()
    hub.repositories.large[digest] = good
    assert checkpoint.read_model() == good


@pytest.mark.parametrize("name", ["model.pt", "config.json", "metrics.csv", "README.md", "model.safetensors"])
def test_a_swapped_file_is_named(
    name: str, published: dict[str, str], hub: HubStandin, capsys: pytest.CaptureFixture[str]
) -> None:
    """By somebody who may write to the repository, and moves the tag, but cannot forge a sha256."""
    tiny = hub.repositories.all["lab/tiny"]
    files = dict(tiny.commits[tiny.tags["1.1.0"]])
    swapped = Blob(flip(files[name].data + b"_" * 101)[: len(files[name].data)], files[name].large)
    if swapped.data == files[name].data:
        swapped = Blob(b"X" + files[name].data[1:], files[name].large)
    hub.repositories.large[swapped.sha256] = swapped.data
    tiny.tags["1.1.0"] = tiny.add(files | {name: swapped}, "swap")
    assert main(["pull", "tiny", "--registry", "hf://lab"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"The file {name} of tiny@1.1.0 on the Hub is not the one" in captured.err
    assert main(["verify", "tiny", "--registry", "hf://lab"]) == 1
    assert f"FAILED  sha256 {name}" in capsys.readouterr().out


def test_a_consistent_forgery_is_refused_by_its_archive(
    hub: HubStandin, write: Callable[..., Checkpoint]
) -> None:
    """Manifest and digests agree, but model.pt is another checkpoint's, or no TorchScript."""
    import hashlib

    push(write("tiny", "1.0.0").folder, "hf://lab")
    tiny = hub.repositories.all["lab/tiny"]
    other = (write("other", "1.0.0").folder / "model.pt").read_bytes()
    for number, (model, says) in enumerate(
        [(other, "not the one beside"), (b"\x80\x04pickle" * 9, "damaged")]
    ):
        files = dict(tiny.commits[tiny.tags["1.0.0"]])
        manifest = json.loads(files["manifest.json"].data)
        manifest["version"] = f"2.{number}"
        manifest["files"]["model.pt"] = {"sha256": hashlib.sha256(model).hexdigest(), "bytes": len(model)}
        files["model.pt"] = Blob(model, True)
        files["manifest.json"] = Blob(json.dumps(manifest).encode(), False)
        hub.repositories.large[files["model.pt"].sha256] = model
        tiny.tags[f"2.{number}"] = tiny.add(files, "forge")
        checkpoint = open_registries("hf://lab").find(f"tiny@2.{number}")
        for _ in range(2):
            with pytest.raises(CheckpointDamaged, match=says):
                checkpoint.read_model()


def test_a_file_that_is_not_there_and_an_endless_one(published: dict[str, str], hub: HubStandin) -> None:
    tiny = hub.repositories.all["lab/tiny"]
    commit = tiny.commits[tiny.tags["1.1.0"]]
    del commit["metrics.csv"]
    checkpoint = open_registries("hf://lab").find("tiny")
    with pytest.raises(HubRefused, match=r"no metrics\.csv of lab/tiny"):
        checkpoint.read_verified("metrics.csv")
    hub.faults.plant(Fault("GET /files/", change=lambda body: body * 50))
    with pytest.raises(CheckpointDamaged, match="swapped"):
        checkpoint.read_model()


def test_a_stored_file_that_was_changed_is_refused_until_it_is_pulled(
    published: dict[str, str], tmp_path: Path
) -> None:
    checkpoint = open_registries("hf://lab").find("tiny")
    pull(checkpoint)
    path = checkpoint.folder / "model.pt"
    for spoil in (
        lambda: path.write_bytes(flip(path.read_bytes())),
        lambda: (path.rename(tmp_path / "moved"), path.symlink_to(tmp_path / "moved")),
    ):
        spoil()
        for _ in range(2):
            with pytest.raises(CheckpointDamaged, match=r"model\.pt"):
                open_registries("hf://lab").find("tiny").read_model()
        assert pull(checkpoint).fetched == ("model.pt",)
        assert checkpoint.read_model()


def test_a_stored_manifest_that_was_changed_is_fetched_anew_or_not_listed(
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


# Without the Hub


def test_offline_has_what_was_pulled(
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


def test_a_fresh_process_offline(published: dict[str, str], hub: HubStandin) -> None:
    pull(open_registries("hf://lab").find("tiny"))
    hub.stop()
    command = [sys.executable, "-m", "registry", "list", "--json", "--registry", "hf://lab"]
    out = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, check=True
    )
    (entry,) = json.loads(out.stdout)
    assert (entry["ref"], entry["revision"]) == ("tiny@1.1.0", published["tiny@1.1.0"])


def test_offline_without_anything_is_a_problem(hub: HubStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    registries = open_registries("hf://lab")
    assert registries.list() == [] and "nothing of this registry" in registries.problems[0].reason
    with pytest.raises(CheckpointNotFound, match="HF_HUB_OFFLINE"):
        registries.find("tiny")


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 500}, {"status": 429}, {"status": 401}])
def test_a_hub_that_fails_is_a_notice(
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


def test_a_hub_that_hangs_costs_seconds_once(
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


def test_a_listing_that_does_not_end_is_left(hub: HubStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_registry, "LISTING_S", 0.2)
    hub.faults.plant(Fault("GET", delay_s=1))
    start = time.monotonic()
    registries = open_registries("hf://lab")
    assert registries.list() == [] and "in time" in registries.problems[0].reason
    assert time.monotonic() - start < 0.9


def test_limits_are_within_ten_seconds() -> None:
    assert hub_registry.QUERIES_S < hub_registry.LISTING_S < 10


# Commands and tokens


def test_the_commands_are_the_same_on_both_kinds(
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


def test_a_token_reads_what_is_private_and_goes_to_the_endpoint_only(
    hub: HubStandin, write: Callable[..., Checkpoint], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    push(write().folder, "hf://lab", private=True)
    hub.seen.clear()
    environment = os.environ | {
        "HF_HUB_VERBOSITY": "debug",
        "LIVERSEG_REGISTRY": "hf://lab",
        "PYTHONUTF8": "1",
    }
    command = [sys.executable, "-X", "dev", "-W", "ignore", "-m", "registry", "pull", "tiny"]
    out = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert TOKEN.encode() not in out.stdout + out.stderr
    sent = {seen.origin for seen in hub.seen if "authorization" in seen.headers}
    assert sent == {"hub"} and hub.requests("/files/")
    assert not any(TOKEN in str(seen.headers) + seen.request for seen in hub.seen if seen.origin == "storage")
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    registries = open_registries("hf://lab")
    (problem,) = registries.problems
    assert "token" in problem.reason and "hf_expired" not in problem.reason
    assert registries.find("tiny").read_model()  # it was fetched before
    monkeypatch.delenv("HF_TOKEN")
    assert open_registries("hf://lab").list() == []


def test_every_refusal_is_a_registry_error() -> None:
    assert issubclass(HubUnreachable, RegistryError) and issubclass(HubRefused, RegistryError)


# A disk that takes nothing


@pytest.mark.parametrize(
    ("number", "why"), [(errno.ENOSPC, "no space left on device"), (errno.EROFS, "read-only file system")]
)
def test_a_cache_that_takes_nothing_is_a_sentence(
    published: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys, number: int, why: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/a/path")

    (found,) = [c for c in open_registries("hf://lab").list() if c.ref == "tiny@1.0.0"]
    with monkeypatch.context() as patch:
        patch.setattr("registry.hub.download._request", full)
        with pytest.raises(CacheUnwritable) as refusal:
            pull(found)
    assert why in str(refusal.value) and "/a/path" not in str(refusal.value)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        patch.setenv("LIVERSEG_REGISTRY", "hf://lab")
        assert main(["pull", "tiny@1.0.0"]) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and why in told[0] and "LIVERSEG_CACHE" in told[0]
    assert pull(found).fetched, "and nothing of it is in the way when there is room again"


def test_a_read_only_cache_serves_what_it_holds(
    published: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = [c for c in open_registries("hf://lab").list() if c.ref == "tiny@1.1.0"]
    pull(found)

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_bytes", refused)
    registries = open_registries("hf://lab")
    assert registries.find("tiny@1.1.0").read_model() and registries.problems == ()
