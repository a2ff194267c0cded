from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from registry import Checkpoint, CheckpointDamaged, HubUnreachable, open_registries
from tests.hub_standin.faults import ALWAYS, Fault
from tests.hub_standin.fixture import TOKEN
from tests.hub_standin.server import HubStandin
from tests.hub_standin.xet import CHUNK_BYTES

ROOT = Path(__file__).resolve().parents[3]


def part_of(checkpoint: Checkpoint) -> Path:
    """The unfinished `model.pt`."""
    folder = checkpoint.folder.parents[1] / "blobs"
    return folder / f"{checkpoint.sha256}.liverseg.incomplete"


def ranges_of(hub: HubStandin) -> list[str | None]:
    """The header `Range` of each request for a large file over HTTP."""
    return [seen.headers.get("range") for seen in hub.seen if "GET /files/" in seen.request]


def test_an_interrupted_download_is_resumed(
    published: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.hub.download.time.sleep", lambda seconds: None)
    hub.faults.plant(Fault("GET /files/", cut_after=10_000))
    hub.faults.plant(Fault("GET /files/", cut_after=10_000))
    hub.faults.plant(Fault("GET /files/", status=503))
    hub.faults.plant(Fault("GET /files/", drop=True))
    assert open_registries("hf://lab").find("tiny").read_model()
    assert ranges_of(hub) == [None, "bytes=10000-", "bytes=20000-", "bytes=20000-", "bytes=20000-"]


def test_a_killed_download_is_resumed_by_the_next_process(
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
    assert ranges_of(hub) == ["bytes=10000-"]


def test_a_wrong_partial_file_is_downloaded_again(published: dict[str, str], hub: HubStandin) -> None:
    checkpoint = open_registries("hf://lab").find("tiny")
    record = checkpoint.manifest.files["model.pt"]
    assert checkpoint.read_model()
    for size, ranges in ((500, ["bytes=500-", None]), (record.bytes, [None]), (10**6, [None])):
        (checkpoint.folder / "model.pt").unlink()
        part_of(checkpoint).write_bytes(b"x" * size)
        hub.seen.clear()
        assert checkpoint.read_model() and not part_of(checkpoint).exists()
        assert ranges_of(hub) == ranges


def test_a_download_that_is_stopped_is_continued(published: dict[str, str], hub: HubStandin) -> None:
    checkpoint = open_registries("hf://lab").find("tiny")
    hub.faults.plant(Fault("GET /files/", cut_after=10_000))

    def stop(name: str, done: int, total: int) -> None:
        if name == "model.pt":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checkpoint.fetch(progress=stop)
    have = part_of(checkpoint).stat().st_size
    assert 0 < have <= 10_000
    assert checkpoint.read_model()
    assert [s.headers.get("range") for s in hub.seen if "GET /files/" in s.request] == [
        None,
        f"bytes={have}-",
    ]


def test_a_server_that_drips_is_given_up_and_what_it_sent_is_kept(
    published: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = open_registries("hf://lab").find("tiny")
    checkpoint.fetch("config.json")
    hub.faults.plant(Fault("GET /files/", cut_after=10_000))
    clock = [0.0]  # each piece takes a day

    def one_day_later() -> float:
        clock[0] += 86_400
        return clock[0]

    with monkeypatch.context() as patch:
        patch.setattr(
            "registry.hub.download.time", SimpleNamespace(monotonic=one_day_later, sleep=lambda s: None)
        )
        with pytest.raises(HubUnreachable, match="too slowly"):
            checkpoint.fetch()
    assert part_of(checkpoint).exists() and checkpoint.read_model()


@pytest.fixture
def xet(published: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch) -> HubStandin:
    """The stand-in with its large files in a Xet storage, too."""
    hub.xet_tokens_at = hub.url
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", False)
    monkeypatch.setattr("registry.hub.download.XET_BYTES", 5_000)
    return hub


def test_a_large_file_comes_from_the_xet_storage_and_is_continued_there(xet: HubStandin) -> None:
    checkpoint = open_registries("hf://lab").find("tiny")

    def stop(name: str, done: int, total: int) -> None:
        if name == "model.pt" and done > 5_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checkpoint.fetch(progress=stop)
    have = part_of(checkpoint).stat().st_size
    assert have == 2 * CHUNK_BYTES
    xet.seen.clear()
    assert checkpoint.read_model() and xet.requests("/files/") == []
    (asked,) = [s.headers["range"] for s in xet.seen if "/v1/reconstructions/" in s.request]
    assert asked.startswith(f"bytes={have}-")
    assert {s.origin for s in xet.seen if TOKEN in str(s.headers)} == {"hub"}
    assert xet.requests("telemetry") == []


def test_what_the_xet_storage_does_not_give_comes_over_http(xet: HubStandin) -> None:
    xet.faults.plant(Fault("GET /blocks/.*chunk=2", times=ALWAYS, status=500))
    assert open_registries("hf://lab").find("tiny").read_model()
    assert [s.headers["range"] for s in xet.seen if "GET /files/" in s.request] == [
        f"bytes={2 * CHUNK_BYTES}-"
    ]


def test_wrong_content_from_the_xet_storage_is_refused(xet: HubStandin) -> None:
    xet.faults.plant(Fault("GET /blocks/.*chunk=2", change=lambda body: body[:8] + body[8:][::-1]))
    checkpoint = open_registries("hf://lab").find("tiny")
    with pytest.raises(CheckpointDamaged, match="sha256"):
        checkpoint.read_model()
    assert not part_of(checkpoint).exists() and xet.requests("/files/") == []
    assert checkpoint.read_model()


def test_the_token_is_not_sent_to_a_xet_address_elsewhere(xet: HubStandin) -> None:
    xet.xet_tokens_at = xet.storage_url
    assert open_registries("hf://lab").find("tiny").read_model()
    assert xet.requests("xet-read-token|reconstructions") == [] and xet.requests("GET /files/")
