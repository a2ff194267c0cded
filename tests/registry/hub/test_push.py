from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import (
    Checkpoint,
    CheckpointExists,
    HubRefused,
    HubUnreachable,
    Manifest,
    Pushed,
    PushRefused,
    RegistryError,
    push,
)
from registry.card.card import model_card
from registry.hub.push import push_to_hub
from registry.write_checkpoint import write_checkpoint
from tests.hub_standin.faults import ALWAYS, Fault
from tests.hub_standin.fixture import TOKEN
from tests.hub_standin.server import HubStandin
from tests.registry.sample_checkpoint import manifest_for

ROOT = Path(__file__).resolve().parents[3]


def remote_files(hub: HubStandin, revision: str, repo: str = "lab/tiny") -> dict[str, bytes]:
    repository = hub.repositories.all[repo]
    files = repository.commits[repository.resolve(revision)]
    return {name: blob.data for name, blob in files.items() if not name.startswith(".")}


def test_a_push_is_one_commit_with_all_files_and_then_the_tag(
    write: Callable[..., Checkpoint], hub: HubStandin
) -> None:
    checkpoint = write()
    done: dict[str, list[tuple[int, int]]] = {}
    pushed = push(
        checkpoint.folder, "hf://lab", progress=lambda name, *step: done.setdefault(name, []).append(step)
    )
    repository = hub.repositories.all["lab/tiny"]
    assert repository.tags == {"1.0.0": pushed.revision} and repository.head == pushed.revision
    assert repository.messages == ["initial commit", "Publish tiny@1.0.0"]
    assert pushed.location == f"{hub.url}/lab/tiny/tree/{pushed.revision}" and not pushed.unchanged
    files = remote_files(hub, "1.0.0")
    assert set(files) == {"manifest.json", *checkpoint.manifest.files}
    assert files["model.pt"] == checkpoint.read_model()
    manifest = Manifest.from_json(files["manifest.json"])
    for name, record in manifest.files.items():
        assert len(files[name]) == record.bytes
    assert files["README.md"].decode() == model_card(checkpoint.manifest, registry="hf://lab")
    assert "liverseg" in repository.card_tags()
    assert all(steps[-1][0] == steps[-1][1] for steps in done.values()) and set(done) == set(files)
    assert [seen for seen in hub.requests("POST") if "/tag/" in seen or "/commit/" in seen] == [
        "POST /api/models/lab/tiny/commit/main",
        f"POST /api/models/lab/tiny/tag/{pushed.revision}",
    ]


def test_pushing_the_same_again_sends_no_write_request(
    write: Callable[..., Checkpoint], hub: HubStandin
) -> None:
    folder = write().folder
    first = push(folder, "hf://lab")
    hub.seen.clear()
    again = push(folder, "hf://lab/")
    assert again.unchanged and (again.revision, again.location) == (first.revision, first.location)
    assert hub.requests("^(POST|PUT|DELETE)") == []


def test_other_content_under_an_existing_version_is_refused(
    write: Callable[..., Checkpoint], hub: HubStandin
) -> None:
    push(write().folder, "hf://lab")
    repository = hub.repositories.all["lab/tiny"]
    head, tags = repository.head, dict(repository.tags)
    hub.seen.clear()
    with pytest.raises(CheckpointExists, match="tiny@1.0.0 is on the Hub already"):
        push(write(title="Another of the same version", where="other").folder, "hf://lab")
    assert (repository.head, repository.tags) == (head, tags)
    assert hub.requests("^(POST|PUT|DELETE)") == []


def test_a_new_version_has_no_file_of_the_old_one(
    write: Callable[..., Checkpoint],
    files_for: Callable[..., dict[str, bytes]],
    hub: HubStandin,
    tmp_path: Path,
) -> None:
    manifest = manifest_for("tiny", "1.0.0")
    files = files_for(manifest) | {"overview.png": b"\x89PNG"}
    files["README.md"] = model_card(manifest, picture="overview.png").encode()
    push(write_checkpoint(tmp_path / "pictured", manifest, files).folder, "hf://lab")
    assert "![" in remote_files(hub, "1.0.0")["README.md"].decode()
    push(write("tiny", "1.1.0").folder, "hf://lab")
    assert "overview.png" in remote_files(hub, "1.0.0") and "overview.png" not in remote_files(hub, "1.1.0")
    assert ".gitattributes" in hub.repositories.all["lab/tiny"].commits[hub.repositories.all["lab/tiny"].head]


def test_a_card_written_by_hand_is_kept_and_checked(
    write: Callable[..., Checkpoint],
    files_for: Callable[..., dict[str, bytes]],
    hub: HubStandin,
    tmp_path: Path,
) -> None:
    manifest = manifest_for()
    files = files_for(manifest)
    own = files["README.md"] + b"\nAnd a word of our own.\n"
    kept = write_checkpoint(tmp_path / "own", manifest, files | {"README.md": own})
    push(kept.folder, "hf://lab")
    assert remote_files(hub, "1.0.0")["README.md"] == own
    faulty = files | {"README.md": own.replace(b"- liverseg\n", b"")}
    with pytest.raises(PushRefused, match="tag liverseg"):
        push(write_checkpoint(tmp_path / "faulty", manifest, faulty).folder, "hf://lab")


def test_a_private_push_creates_a_private_repository_and_refuses_a_public_one(
    write: Callable[..., Checkpoint], hub: HubStandin
) -> None:
    push(write().folder, "hf://lab", private=True)
    assert hub.repositories.all["lab/tiny"].private
    assert push(write().folder, "hf://lab", private=True).unchanged
    push(write("open").folder, "hf://lab")
    with pytest.raises(PushRefused, match="lab/open is public"):
        push(write("open", "1.1.0").folder, "hf://lab", private=True)
    assert set(hub.repositories.all["lab/open"].tags) == {"1.0.0"}


@pytest.mark.parametrize("how", ["drop", "lose_answer"])
def test_a_push_interrupted_at_any_request_keeps_the_previous_version(
    how: str, write: Callable[..., Checkpoint], hub: HubStandin
) -> None:
    """The connection is lost from the n-th request on, for every n."""

    def publish(checkpoint: Checkpoint) -> Pushed:
        files = {name: checkpoint.read_verified(name) for name in checkpoint.manifest.files}
        steps: list[tuple[str, int, int]] = []
        return push_to_hub(
            checkpoint.manifest,
            files,
            "lab",
            token=None,
            private=False,
            progress=lambda *step: steps.append(step),
        )

    first, second = write("tiny", "1.0.0"), write("tiny", "1.1.0")
    skipped = 0
    while True:
        hub.repositories.all.clear()
        hub.repositories.large.clear()
        before = publish(first)
        old = remote_files(hub, "1.0.0")
        hub.faults.plant(Fault("", skip=skipped, **{how: True}))
        hub.faults.plant(Fault("", skip=skipped, times=ALWAYS, drop=True))
        try:
            publish(second)
        except (HubUnreachable, HubRefused) as error:
            assert str(error).endswith(".") and "\n" not in str(error)
            ended = True
        else:
            ended = False
        hub.faults.clear()
        tags = hub.repositories.all["lab/tiny"].tags
        assert tags["1.0.0"] == before.revision and remote_files(hub, "1.0.0") == old
        again = publish(second)
        assert set(tags) == {"1.0.0", "1.1.0"} and tags["1.1.0"] == again.revision
        assert set(remote_files(hub, "1.1.0")) == set(old)
        assert hub.repositories.all["lab/tiny"].messages.count("Publish tiny@1.1.0") == 1
        if not ended:
            break
        skipped += 1
    assert skipped >= 8  # info, refs, tree, card, preupload, batch, uploads, commit, tree, tag


def test_a_killed_push_keeps_the_previous_version(write: Callable[..., Checkpoint], hub: HubStandin) -> None:
    push(write("tiny", "1.0.0").folder, "hf://lab")
    tags = dict(hub.repositories.all["lab/tiny"].tags)
    folder = write("tiny", "1.1.0").folder
    hub.faults.plant(Fault("POST .*/commit/", delay_s=2, drop=True))
    command = [sys.executable, "-m", "registry", "push", str(folder), "hf://lab"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    hub.seen.clear()
    while not hub.requests("/commit/") and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert hub.requests("/commit/") and hub.repositories.all["lab/tiny"].tags == tags
    assert not push(folder, "hf://lab").unchanged
    uploads = [request for request in hub.requests("PUT /upload/") if request]
    assert len(uploads) == 1  # model.safetensors equals that of 1.0.0, and model.pt is not sent again


@pytest.mark.parametrize(
    ("request_", "status", "error", "says"),
    [
        ("GET /api/models/lab/tiny", 403, HubRefused, "no right"),
        ("GET /api/models/lab/tiny", 500, HubUnreachable, "status 500"),
        ("POST /api/repos/create", 401, HubRefused, "HF_TOKEN"),
        ("POST /api/repos/create", 403, HubRefused, "no right"),
        ("POST /api/repos/create", 429, HubUnreachable, "no more requests"),
        ("preupload", 401, HubRefused, "HF_TOKEN"),
        ("preupload", 404, HubRefused, "There is no"),
        ("preupload", 500, HubUnreachable, "status 500"),
        ("objects/batch", 403, HubRefused, "no right"),
        ("PUT /upload", 403, HubRefused, "no right"),
        ("PUT /upload", 500, HubUnreachable, "status 500"),
        ("lfs/verify", 404, HubRefused, "There is no"),
        ("/commit/", 409, HubRefused, "changed by somebody else"),
        ("/commit/", 412, HubRefused, "changed by somebody else"),
        ("/commit/", 429, HubUnreachable, "no more requests"),
        ("/commit/", 500, HubUnreachable, "status 500"),
        ("/tag/", 403, HubRefused, "no right"),
        ("/tag/", 500, HubUnreachable, "status 500"),
    ],
)
def test_an_error_of_the_hub_is_one_sentence_and_publishes_nothing(
    request_: str,
    status: int,
    error: type[RegistryError],
    says: str,
    write: Callable[..., Checkpoint],
    hub: HubStandin,
) -> None:
    folder = write().folder
    hub.faults.plant(Fault(request_, status=status, times=ALWAYS))
    with pytest.raises(error, match=says) as refusal:
        push(folder, "hf://lab")
    text = str(refusal.value)
    assert text.endswith(".") and "\n" not in text and TOKEN not in text and "lab/tiny" in text
    assert not any(repository.tags for repository in hub.repositories.all.values())
    hub.faults.clear()
    assert not push(folder, "hf://lab").unchanged


def test_a_temporary_failure_is_retried(write: Callable[..., Checkpoint], hub: HubStandin) -> None:
    for request in ("preupload", "objects/batch", "PUT /upload"):
        hub.faults.plant(Fault(request, status=503, times=2))
    hub.faults.plant(Fault("PUT /upload", drop=True))
    assert not push(write().folder, "hf://lab").unchanged


@pytest.mark.parametrize("request_", ["preupload", "/commit/", "/tree/", "/refs"])
def test_nothing_is_published_after_a_garbled_answer(
    request_: str, write: Callable[..., Checkpoint], hub: HubStandin
) -> None:
    hub.faults.plant(Fault(request_, change=lambda body: b"[{}]", times=ALWAYS))
    with pytest.raises(HubRefused, match="not understood"):
        push(write().folder, "hf://lab")
    assert not any(repository.tags for repository in hub.repositories.all.values())


def test_simultaneous_pushes_of_one_version_publish_only_one(
    write: Callable[..., Checkpoint], hub: HubStandin
) -> None:
    push(write("tiny", "0.9.0").folder, "hf://lab")
    repository = hub.repositories.all["lab/tiny"]
    mine, theirs = write("tiny", "1.0.0"), write("tiny", "1.0.0", where="theirs", title="Theirs")
    raced = []

    def race(body: bytes) -> bytes:
        if not raced:
            raced.append(push(theirs.folder, "hf://lab"))
        return body

    hub.faults.plant(Fault("GET .*/tree/", change=race))
    with pytest.raises(HubRefused, match="changed by somebody else"):
        push(mine.folder, "hf://lab")
    assert repository.tags["1.0.0"] == raced[0].revision
    with pytest.raises(CheckpointExists):
        push(mine.folder, "hf://lab")

    raced.clear()
    mine, theirs = write("tiny", "1.1.0"), write("tiny", "1.1.0", where="theirs-1.1", title="Theirs")
    hub.faults.plant(Fault("GET .*/tree/", skip=1, change=race))  # after the commit of `mine`, before its tag
    with pytest.raises(CheckpointExists):
        push(mine.folder, "hf://lab")
    assert repository.tags["1.1.0"] == raced[0].revision


def test_a_push_needs_a_token_and_sends_it_only_to_the_hub(
    write: Callable[..., Checkpoint], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write().folder
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubRefused, match="set HF_TOKEN"):
        push(folder, "hf://lab")
    with pytest.raises(HubRefused, match="set HF_TOKEN"):
        push(folder, "hf://lab", token="hf_expired")
    with pytest.raises(HubRefused, match="no right"):
        push(folder, "hf://other", token=TOKEN)
    assert hub.repositories.all == {}
    hub.seen.clear()
    assert push(folder, "hf://lab", token=TOKEN).revision
    assert any(TOKEN in seen.headers.get("authorization", "") for seen in hub.seen)
    for seen in hub.seen:
        assert TOKEN not in seen.request
        if seen.origin == "storage":
            assert TOKEN not in str(seen.headers)


def test_an_unreachable_or_offline_hub_is_an_error_without_secrets(
    write: Callable[..., Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://user:secret@127.0.0.1:9")
    with pytest.raises(HubUnreachable, match="127.0.0.1:9 cannot be reached") as refusal:
        push(write().folder, "hf://lab")
    assert "secret" not in str(refusal.value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PushRefused, match="HF_HUB_OFFLINE"):
        push(write().folder, "hf://lab")
