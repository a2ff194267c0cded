from __future__ import annotations

import json
import struct
from collections.abc import Callable

import pytest
import torch
from safetensors.torch import save

from registry import Checkpoint
from registry.archive.safetensors_header import check_safetensors
from registry.errors import CheckpointDamaged
from registry.verify import verify
from tests.registry.sample_checkpoint import METRICS_CSV, put


def failed(checkpoint: Checkpoint) -> dict[str, str]:
    return {result.name: result.detail for result in verify(checkpoint) if not result.ok}


def test_a_whole_checkpoint_passes_every_check(write: Callable[..., Checkpoint]) -> None:
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


def test_a_damaged_model_fails_its_checks_and_no_others(write: Callable[..., Checkpoint]) -> None:
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


def test_a_manifest_that_changes_after_it_was_found_is_noticed(write: Callable[..., Checkpoint]) -> None:
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
def test_a_card_without_its_licence_fails(write: Callable[..., Checkpoint], card: bytes) -> None:
    assert set(failed(put(write(), "README.md", card))) == {"card"}


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
def test_a_table_that_is_no_table_fails(write: Callable[..., Checkpoint], table: bytes) -> None:
    assert set(failed(put(write(), "metrics.csv", table))) == {"metrics"}
    assert failed(put(write(where="again"), "metrics.csv", METRICS_CSV + b"val-3,1,nan,0\n")) == {}


def test_a_config_of_another_architecture_fails(write: Callable[..., Checkpoint]) -> None:
    assert set(failed(put(write(), "config.json", b'{"architecture": "segformer-b5"}'))) == {"config"}
    assert set(failed(put(write(where="again"), "config.json", b"{"))) == {"config"}


def test_safetensors_of_the_library_are_understood() -> None:
    tensors = {"a": torch.zeros(3, 4), "b": torch.zeros(5, dtype=torch.int64), "c": torch.zeros(0, 2)}
    tensors |= {"d": torch.zeros((), dtype=torch.bfloat16), "e": torch.zeros(7, dtype=torch.bool)}
    assert check_safetensors(save(tensors, {"format": "pt"})) == 12 + 5 + 0 + 1 + 7


def header(value: object, body: bytes = b"") -> bytes:
    text = json.dumps(value).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02\0\0",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 50) + b"{}",
        header([]),
        header({"a": 1}),
        header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)),
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(5)),
        header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}),
        header({"a": {"dtype": "PY", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    ],
)
def test_a_header_that_does_not_describe_the_file_is_refused(data: bytes) -> None:
    with pytest.raises(CheckpointDamaged, match="model.safetensors"):
        check_safetensors(data)
