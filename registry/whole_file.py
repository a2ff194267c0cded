"""A file that is written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write a file, and its folder where there is none, so that a reader and another writer see it whole.

    `mode` is its permissions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    try:
        staging.write_bytes(data)
        if mode is not None:
            staging.chmod(mode)
        os.replace(staging, path)
    finally:
        if os.path.lexists(staging):  # not asked of a disk that takes nothing
            staging.unlink()
