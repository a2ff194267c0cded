"""Cache of compiled networks on disk, so that the next start needs neither torch nor a conversion.

The files are `<store>/compiled/<key>.blob`, where the store is `LIVERSEG_CACHE`
(`registry.hub.cache.cache_folder`). The key is a hash of everything that the compiled network depends on:
archive, software version, processor and more. Each file starts with the sha256 of its content. A file is
ignored and replaced if its hash does not match, if it is a link, if it belongs to another user, or if
others may write it. The cache raises no errors: if it cannot be read or written, networks are compiled
without it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.hub.cache import cache_folder, write_cached

SUFFIX = ".blob"
MAX_NETWORK_BYTES = 2 * 1024**3
"""Largest accepted file; compiled networks are smaller."""

MAX_TOTAL_BYTES = 1024**3
MAX_FILES = 200
"""Limits of the whole cache; the least recently used files are removed first."""

_MAGIC = b"liverseg compiled network 1\n"
_SHA256 = re.compile(rb"[0-9a-f]{64}\n")
_log = logging.getLogger(__name__)


def cache_key(facts: Mapping[str, object]) -> str:
    """The cache key of a network compiled from these facts; their order does not matter.

    >>> cache_key({"archive": "ab", "threads": 2}) == cache_key({"threads": 2, "archive": "ab"})
    True
    >>> cache_key({"archive": "ab", "threads": 2}) == cache_key({"archive": "ab", "threads": 4})
    False
    """
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()


def processor_identity() -> str:
    """A description of the processor: model and instruction sets from `/proc/cpuinfo` if it exists."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        import platform

        return f"{platform.machine()} {platform.processor()}"
    fields = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features")
    lines = text.split("\n\n")[0].splitlines()
    return "\n".join(line for line in lines if line.split("\t")[0].strip() in fields)


@dataclass(frozen=True)
class CompiledCache:
    """The compiled networks in a folder. Threads and processes may share it."""

    folder: Path

    @classmethod
    def default(cls) -> CompiledCache:
        """The cache in `LIVERSEG_CACHE` or its default location."""
        return cls(cache_folder() / "compiled")

    def get(self, key: str) -> bytes | None:
        """The payload stored under the key; None if it is missing or damaged."""
        path = self.folder / f"{key}{SUFFIX}"
        data = _read_own(path)
        if data is None:
            return None
        header_end = len(_MAGIC) + 65
        digest, payload = data[len(_MAGIC) : header_end], memoryview(data)[header_end:]
        has_header = data.startswith(_MAGIC) and _SHA256.fullmatch(digest)
        if not has_header or _payload_digest(key, payload) != digest[:-1]:
            _log.warning("A compiled network in the cache is damaged; it is compiled again.")
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # marks it as recently used
        return bytes(payload)

    def put(self, key: str, payload: bytes) -> bool:
        """Store the payload under the key and return whether this succeeded."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            data = b"".join((_MAGIC, _payload_digest(key, payload), b"\n", payload))
            write_cached(self.folder / f"{key}{SUFFIX}", data, mode=0o600)
        except OSError as error:
            _log.info("The compiled network is not cached: %s", error.strerror)
            return False
        self._prune()
        return True

    def _prune(self) -> None:
        """Remove the least recently used files beyond the limits, but never the newest file."""
        with contextlib.suppress(OSError):
            files = [(path.stat(), path) for path in self.folder.glob(f"*{SUFFIX}")]
            files.sort(key=lambda file: file[0].st_mtime, reverse=True)
            total_bytes = 0
            for rank, (status, path) in enumerate(files):
                total_bytes += status.st_size
                if rank and (total_bytes > MAX_TOTAL_BYTES or rank >= MAX_FILES):
                    path.unlink(missing_ok=True)


def _payload_digest(key: str, payload: bytes | memoryview) -> bytes:
    """The sha256 of key and payload in hexadecimal ASCII. With the key, a renamed file does not match."""
    digest = hashlib.sha256(key.encode() + b"\n")
    digest.update(payload)
    return digest.hexdigest().encode()


def _read_own(path: Path) -> bytes | None:
    """The bytes of a regular file that this user or root owns and no one else may write; otherwise None."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_NETWORK_BYTES:
            return None
        others_may_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if hasattr(os, "geteuid") and (status.st_uid not in (os.geteuid(), 0) or others_may_write):
            _log.warning(
                "A compiled network in the cache is writable by other users or owned by one; it is not used."
            )
            return None
        with open(handle, "rb", closefd=False) as file:
            return file.read()
    except OSError:
        return None
    finally:
        os.close(handle)
