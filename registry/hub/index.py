"""The list of the versions that an owner's checkpoints have on the Hub, kept on this machine.

`index.json` has each version with the commit and the digest of its manifest when it was first listed, so
that a version stays what it was and is listed without the Hub. The cache of the Hub's client cannot take its
place: it records a tag's commit too, but every program that asks for the tag moves it along.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from registry.checkpoint import read_regular_file
from registry.errors import CheckpointDamaged
from registry.reference import is_name, is_version

INDEX_FILE = "index.json"
MAX_INDEX_BYTES = 16 * 1024**2

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class IndexEntry:
    """A version of a checkpoint as it was first listed."""

    name: str
    version: str
    commit: str  # full hash
    manifest_sha256: str


def read_index(folder: Path) -> list[IndexEntry]:
    """The entries of the index in a folder; none where it is missing or cannot be read."""
    try:
        data = json.loads(read_regular_file(folder / INDEX_FILE, MAX_INDEX_BYTES))
        entries = [IndexEntry(**entry) for entry in data["entries"]]
    except (CheckpointDamaged, ValueError, KeyError, TypeError):
        return []
    return [e for e in entries if is_name(e.name) and is_version(e.version) and is_commit(e.commit)]


def index_text(entries: list[IndexEntry]) -> bytes:
    """The content of the index's file."""
    data: dict[str, Any] = {"entries": [asdict(entry) for entry in entries]}
    return json.dumps(data, indent=1).encode()


def is_commit(text: object) -> bool:
    """Whether the value is a full commit hash.

    >>> is_commit("0" * 40), is_commit("main"), is_commit("../" + "0" * 37)
    (True, False, False)
    """
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None
