from __future__ import annotations

from collections.abc import Callable

import pytest

from registry import Checkpoint
from registry.verify import verify
from tests.registry.sample_checkpoint import METRICS_CSV, replace_file


def failed(checkpoint: Checkpoint) -> dict[str, str]:
    return {result.name: result.detail for result in verify(checkpoint) if not result.ok}


def test_a_sound_checkpoint_passes_every_check(write: Callable[..., Checkpoint]) -> None:
    results = verify(write())
    assert [r.name for r in results if not r.ok] == []
    assert [r.name for r in results] == [
        "schema",
        "files",
        "sha256 README.md",
        "sha256 config.json",
        "sha256 metrics.csv",
        "sha256 model.pt",
        "sha256 model.safetensors",
        "archive",
        "embedded manifest",
        "safetensors",
        "config",
        "card",
        "metrics",
    ]


def test_a_damaged_model_fails_only_its_own_checks(write: Callable[..., Checkpoint]) -> None:
    checkpoint = write()
    path = checkpoint.folder / "model.pt"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert set(failed(checkpoint)) == {"sha256 model.pt", "archive", "embedded manifest"}


def test_missing_and_unlisted_files_are_named(write: Callable[..., Checkpoint]) -> None:
    checkpoint = write()
    (checkpoint.folder / ".gitattributes").write_text("*.pt filter=lfs")
    assert failed(checkpoint) == {}
    (checkpoint.folder / "notes.txt").write_text("x")
    assert failed(checkpoint) == {"files": "The file notes.txt is not listed in the manifest."}
    (checkpoint.folder / "metrics.csv").unlink()
    assert set(failed(checkpoint)) == {"files", "sha256 metrics.csv", "metrics"}


def test_a_manifest_changed_after_it_was_read_fails_the_schema_check(
    write: Callable[..., Checkpoint],
) -> None:
    checkpoint = write()
    path = checkpoint.folder / "manifest.json"
    path.write_text(path.read_text().replace("Tiny, for tests", "Something else"))
    assert "changed" in failed(checkpoint)["schema"]
    path.write_text("{}")
    assert "schema" in failed(checkpoint)


@pytest.mark.parametrize(
    "card",
    [
        b"no front matter, CC-BY-NC-SA-4.0",
        b"---\nlicense: mit\n---\nnothing on it",
        b"---\n: [\n---\nCC-BY-NC-SA-4.0",
        b"---\ntags: [ct]\n---\nCC-BY-NC-SA-4.0",
        b"\xff\xfe",
    ],
)
def test_a_card_without_the_licence_fails(write: Callable[..., Checkpoint], card: bytes) -> None:
    assert set(failed(replace_file(write(), "README.md", card))) == {"card"}


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"scan,dice\n",
        b"id,dice\n1,0.5\n",
        b"scan,dice\n1\n",
        b"scan,dice\n1,1.5\n",
        b"scan,dice\n1,high\n",
    ]
    + [b"scan,scan\n1,2\n", b"\xff\xfe\n", b'scan,dice\n"1,0.5\n'],
)
def test_invalid_metrics_fail(write: Callable[..., Checkpoint], table: bytes) -> None:
    assert set(failed(replace_file(write(), "metrics.csv", table))) == {"metrics"}
    assert failed(replace_file(write(where="again"), "metrics.csv", METRICS_CSV + b"val-3,1,nan,0\n")) == {}


def test_a_config_with_another_architecture_fails(write: Callable[..., Checkpoint]) -> None:
    assert set(failed(replace_file(write(), "config.json", b'{"architecture": "segformer-b5"}'))) == {
        "config"
    }
    assert set(failed(replace_file(write(where="again"), "config.json", b"{"))) == {"config"}
