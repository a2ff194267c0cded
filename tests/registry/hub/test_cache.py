from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import (
    CacheUnwritable,
    Checkpoint,
    CheckpointDamaged,
    HubRefused,
    open_registries,
    pull,
    push,
)
from registry.__main__ import main
from registry.hub.cache import HubCache
from tests.hub_standin.faults import ALWAYS, Fault
from tests.hub_standin.repositories import Blob
from tests.hub_standin.server import HubStandin

ROOT = Path(__file__).resolve().parents[3]


def cached_folder(tmp_path: Path, name: str, commit: str) -> Path:
    return tmp_path / "home" / "hub" / f"models--lab--{name}" / "snapshots" / commit


def test_model_and_config_are_fetched_on_demand(
    published: dict[str, str], hub: HubStandin, tmp_path: Path, write: Callable[..., Checkpoint]
) -> None:
    checkpoint = open_registries("hf://lab").find("tiny@1.0.0")
    assert checkpoint.read_model() == write("tiny", "1.0.0").read_model()
    folder = cached_folder(tmp_path, "tiny", published["tiny@1.0.0"])
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


def test_two_processes_fetch_a_file_once(published: dict[str, str], hub: HubStandin) -> None:
    hub.faults.plant(Fault("GET /files/", delay_s=0.5, times=ALWAYS))
    command = [sys.executable, "-m", "registry", "pull", "tiny", "--registry", "hf://lab", "--json"]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    results = [json.loads(process.communicate()[0]) for process in started]
    assert [process.returncode for process in started] == [0, 0]
    names = results[0]["fetched"] + results[1]["fetched"]
    assert set(names) >= {"model.pt", "model.safetensors"}
    assert len(hub.requests("GET /files/")) == 2  # model.pt and model.safetensors
    assert open_registries("hf://lab").find("tiny").read_model()


def test_several_threads_fetch_a_file_once(published: dict[str, str], hub: HubStandin) -> None:
    hub.faults.plant(Fault("GET /files/", delay_s=0.2, times=ALWAYS))
    checkpoint = open_registries("hf://lab").find("tiny")
    threads = [threading.Thread(target=checkpoint.read_model) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hub.requests("GET /files/")) == 1


def test_the_cache_of_the_client_is_shared_both_ways(
    published: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the client has stored, as links to blobs, is used; what is fetched here is found by the client."""
    from huggingface_hub import hf_hub_download, scan_cache_dir

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    for name in ("model.pt", "config.json"):
        hf_hub_download("lab/tiny", name, revision=published["tiny@1.0.0"], endpoint=hub.url)
    checkpoint = open_registries("hf://lab").find("tiny@1.0.0")
    hub.seen.clear()
    assert (checkpoint.folder / "model.pt").is_symlink()
    assert checkpoint.read_model() and hub.seen == []
    checkpoint.read_verified("metrics.csv")
    found = hf_hub_download("lab/tiny", "metrics.csv", revision=checkpoint.revision, local_files_only=True)
    assert Path(found) == checkpoint.folder / "metrics.csv"
    scanned = scan_cache_dir()
    assert scanned.warnings == [] and scanned.incomplete_files == frozenset()
    files = {file.file_name for repo in scanned.repos for r in repo.revisions for file in r.files}
    assert files >= {"manifest.json", "model.pt", "config.json", "metrics.csv"}
    blob = (checkpoint.folder / "model.pt").resolve()
    blob.write_bytes(flip_bit(blob.read_bytes()))
    with pytest.raises(CheckpointDamaged, match="sha256"):
        checkpoint.read_model()
    assert "model.pt" in pull(checkpoint).fetched and checkpoint.read_model()


@pytest.mark.parametrize("where", ["preloaded", "former"])
def test_files_in_other_folders_are_used(
    where: str, published: dict[str, str], hub: HubStandin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Space is built with files in the default cache; earlier versions had a store of their own."""
    pull(open_registries("hf://lab").find("tiny@1.0.0"))
    folder = cached_folder(tmp_path, "tiny", published["tiny@1.0.0"])
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    other = {
        "preloaded": tmp_path / "user/.cache/huggingface/hub" / folder.relative_to(tmp_path / "home/hub"),
        "former": HubCache("lab").folder / "tiny" / folder.name,
    }[where]
    other.parent.mkdir(parents=True)
    folder.rename(other)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (checkpoint,) = open_registries("hf://lab").list()
    assert checkpoint.ref == "tiny@1.0.0" and pull(checkpoint).fetched == ()
    (other / "model.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointDamaged):
        checkpoint.read_model()
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert pull(checkpoint).fetched == ("model.pt",) and (folder / "model.pt").is_file()


def test_liverseg_cache_moves_the_files(
    published: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVERSEG_CACHE", str(tmp_path / "mine"))
    checkpoint = open_registries("hf://lab").find("other")
    assert checkpoint.read_model()
    assert checkpoint.folder.is_relative_to(tmp_path / "mine" / "hub" / "models--lab--other")
    assert not (tmp_path / "home" / "hub").exists()


def flip_bit(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


TAMPERING = {
    "flipped": (flip_bit, "sha256 differs"),
    "truncated": (lambda data: data[:-1], "truncated or was replaced"),
    "longer": (lambda data: data + b"x", "truncated or was replaced"),
    "empty": (lambda data: b"", "truncated or was replaced"),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_a_tampered_model_is_refused_and_stays_refused(
    how: str, published: dict[str, str], hub: HubStandin, tmp_path: Path
) -> None:
    """The file is changed in the storage; manifest and commit are unchanged."""
    change, says = TAMPERING[how]
    commit = hub.repositories.all["lab/tiny"].commits[published["tiny@1.0.0"]]
    digest = commit["model.pt"].sha256
    good = hub.repositories.large[digest]
    hub.repositories.large[digest] = change(good)
    checkpoint = open_registries("hf://lab").find("tiny@1.0.0")
    for attempt in (checkpoint.read_model, lambda: pull(checkpoint), checkpoint.read_model):
        with pytest.raises(CheckpointDamaged, match=f"model.pt of tiny@1.0.0 .*{says}"):
            attempt()
    assert not list(tmp_path.rglob("*.incomplete")) and not (checkpoint.folder / "model.pt").exists()
    hub.repositories.large[digest] = good
    assert checkpoint.read_model() == good


@pytest.mark.parametrize("name", ["model.pt", "config.json", "metrics.csv", "README.md", "model.safetensors"])
def test_a_replaced_file_is_named_in_the_error(
    name: str, published: dict[str, str], hub: HubStandin, capsys: pytest.CaptureFixture[str]
) -> None:
    """The attacker can write to the repository and move the tag, but cannot forge a sha256."""
    tiny = hub.repositories.all["lab/tiny"]
    files = dict(tiny.commits[tiny.tags["1.1.0"]])
    swapped = Blob(flip_bit(files[name].data + b"_" * 101)[: len(files[name].data)], files[name].large)
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


def test_a_forged_model_with_matching_digests_is_refused(
    hub: HubStandin, write: Callable[..., Checkpoint]
) -> None:
    """Manifest and digests match, but model.pt is that of another checkpoint or not TorchScript."""
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


def test_a_missing_and_an_overlong_file_are_refused(published: dict[str, str], hub: HubStandin) -> None:
    tiny = hub.repositories.all["lab/tiny"]
    commit = tiny.commits[tiny.tags["1.1.0"]]
    del commit["metrics.csv"]
    checkpoint = open_registries("hf://lab").find("tiny")
    with pytest.raises(HubRefused, match=r"no metrics\.csv of lab/tiny"):
        checkpoint.read_verified("metrics.csv")
    hub.faults.plant(Fault("GET /files/", change=lambda body: body * 50))
    with pytest.raises(CheckpointDamaged, match="replaced"):
        checkpoint.read_model()


def test_a_changed_file_in_the_cache_is_refused_until_it_is_pulled(
    published: dict[str, str], tmp_path: Path
) -> None:
    checkpoint = open_registries("hf://lab").find("tiny")
    pull(checkpoint)
    path = checkpoint.folder / "model.pt"
    for damage in (
        lambda: path.write_bytes(flip_bit(path.read_bytes())),
        lambda: (path.rename(tmp_path / "moved"), path.symlink_to(tmp_path / "moved")),
    ):
        damage()
        for _ in range(2):
            with pytest.raises(CheckpointDamaged, match=r"model\.pt"):
                open_registries("hf://lab").find("tiny").read_model()
        assert pull(checkpoint).fetched == ("model.pt",)
        assert checkpoint.read_model()


@pytest.mark.parametrize(
    ("number", "why"), [(errno.ENOSPC, "no space left on device"), (errno.EROFS, "read-only file system")]
)
def test_an_unwritable_cache_is_a_one_sentence_error(
    published: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys, number: int, why: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/a/path")

    (checkpoint,) = [c for c in open_registries("hf://lab").list() if c.ref == "tiny@1.0.0"]
    with monkeypatch.context() as patch:
        patch.setattr("registry.hub.download._write", fail)
        with pytest.raises(CacheUnwritable) as refusal:
            pull(checkpoint)
    assert why in str(refusal.value) and "/a/path" not in str(refusal.value)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", fail)
        patch.setenv("LIVERSEG_REGISTRY", "hf://lab")
        assert main(["pull", "tiny@1.0.0"]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and why in lines[0] and "LIVERSEG_CACHE" in lines[0]
    assert pull(checkpoint).fetched, "a later pull succeeds when the disk has room again"


def test_a_read_only_cache_still_serves_its_files(
    published: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkpoint,) = [c for c in open_registries("hf://lab").list() if c.ref == "tiny@1.1.0"]
    pull(checkpoint)

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_bytes", refused)
    registries = open_registries("hf://lab")
    assert registries.find("tiny@1.1.0").read_model() and registries.problems == ()
