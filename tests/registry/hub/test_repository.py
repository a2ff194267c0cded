from __future__ import annotations

import hashlib
from types import SimpleNamespace

from registry.hub.repository import Repository, has_same_files, progress_streams

HELLO_BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"  # echo hello | git hash-object --stdin


def small(blob_id: str) -> SimpleNamespace:
    return SimpleNamespace(blob_id=blob_id, lfs=None)


def large(data: bytes) -> SimpleNamespace:
    return SimpleNamespace(blob_id="0" * 40, lfs=SimpleNamespace(sha256=hashlib.sha256(data).hexdigest()))


def test_files_are_compared_by_git_hash_or_sha256_without_hidden_ones() -> None:
    existing = {"a": small(HELLO_BLOB), "b": large(b"weights"), ".gitattributes": small("1" * 40)}
    assert has_same_files(existing, {"a": b"hello\n", "b": b"weights"})
    assert not has_same_files(existing, {"a": b"hello", "b": b"weights"})
    assert not has_same_files(existing, {"a": b"hello\n", "b": b"other"})
    assert not has_same_files(existing, {"a": b"hello\n"})
    assert not has_same_files(existing, {"a": b"hello\n", "b": b"weights", "c": b""})


def test_urls_of_models_and_spaces(monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example/")
    assert Repository(None, "lab/tiny").url("abc") == "https://hub.example/lab/tiny/tree/abc"
    assert Repository(None, "lab/page", "space").url() == "https://hub.example/spaces/lab/page"


def test_only_uploads_in_chunks_report_progress_and_equal_files_stay_bytes() -> None:
    steps: list[tuple[str, int, int]] = []
    content = {"a": b"12345", "b": b"same", "c": b"same"}
    with progress_streams(content, lambda *step: steps.append(step)) as streams:
        assert streams["b"] == streams["c"] == b"same"
        stream = streams["a"]
        stream.read(2)  # for the digest
        stream.seek(0)
        stream.is_upload = True
        while stream.read(2):
            pass
    assert steps == [("a", 2, 5), ("a", 4, 5), ("a", 5, 5), ("a", 5, 5)]
