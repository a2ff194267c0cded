"""Compiled networks kept on disk, so that the next start neither imports torch nor converts anything.

`<store>/compiled/<key>.blob`, the store being `LIVERSEG_CACHE` (`registry.hub.cache.store_folder`). The key
is a hash of everything that the compiled network depends on, so another file, version or processor has
another key. A file holds the sha256 of what follows; what does not match it, is a link, belongs to somebody
else or could be written by others is not used, and is made anew. Nothing here ever fails: a cache that
cannot be read or written is as good as none.
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

from registry.hub.cache import store_folder, write_kept

SUFFIX = ".blob"
MAX_NETWORK_BYTES = 2 * 1024**3
"""Of a compiled network; a larger file is no such thing."""

MAX_TOTAL_BYTES = 1024**3
MAX_FILES = 200
"""Of the networks that are kept, together; the one that was not used for longest goes first."""

_MAGIC = b"liverseg compiled network 1\n"
_SHA256 = re.compile(rb"[0-9a-f]{64}\n")
_log = logging.getLogger(__name__)


def cache_key(facts: Mapping[str, object]) -> str:
    """A name for what was compiled from these facts.

    >>> cache_key({"archive": "ab", "threads": 2}) == key_of({"threads": 2, "archive": "ab"})
    True
    >>> cache_key({"archive": "ab", "threads": 2}) == key_of({"archive": "ab", "threads": 4})
    False
    """
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()


def processor_identity() -> str:
    """What tells one processor from another: model and instruction sets, as Linux has them."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        import platform

        return f"{platform.machine()} {platform.processor()}"
    telling = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features")
    lines = text.split("\n\n")[0].splitlines()
    return "\n".join(line for line in lines if line.split("\t")[0].strip() in telling)


@dataclass(frozen=True)
class CompiledCache:
    """The compiled networks of a folder. Safe to share between threads and processes."""

    folder: Path

    @classmethod
    def usual(cls) -> CompiledCache:
        """The one in `LIVERSEG_CACHE`, or where that is by default."""
        return cls(store_folder() / "compiled")

    def get(self, key: str) -> bytes | None:
        """What was put under the key, if it is there and whole."""
        path = self.folder / f"{key}{SUFFIX}"
        data = _read_own(path)
        if data is None:
            return None
        head = len(_MAGIC) + 65
        digest, payload = data[len(_MAGIC) : head], memoryview(data)[head:]
        checked = hashlib.sha256(key.encode() + b"\n")
        checked.update(payload)
        if not data.startswith(_MAGIC) or not _SHA256.fullmatch(digest):
            whole = False
        else:
            whole = checked.hexdigest().encode() == digest[:-1]
        if not whole:
            _log.warning("a compiled network in the cache is damaged; it is made anew")
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used now
        return bytes(payload)

    def put(self, key: str, payload: bytes) -> bool:
        """Keep it under the key; whether that was possible."""
        checked = hashlib.sha256(key.encode() + b"\n")
        checked.update(payload)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            data = b"".join((_MAGIC, checked.hexdigest().encode(), b"\n", payload))
            write_kept(self.folder / f"{key}{SUFFIX}", data, mode=0o600)
        except OSError as error:
            _log.info("the compiled network is not kept: %s", error.strerror)
            return False
        self._prune()
        return True

    def _prune(self) -> None:
        with contextlib.suppress(OSError):
            found = [(path.stat(), path) for path in self.folder.glob(f"*{SUFFIX}")]
            found.sort(key=lambda one: one[0].st_mtime, reverse=True)
            kept_bytes = 0
            for place, (status, path) in enumerate(found):
                kept_bytes += status.st_size
                if place and (kept_bytes > MAX_TOTAL_BYTES or place >= MAX_FILES):
                    path.unlink(missing_ok=True)


def _read_own(path: Path) -> bytes | None:
    """The bytes of a plain file that this user or root owns and nobody else may write."""
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
            _log.warning("a compiled network in the cache could be written by others; it is not used")
            return None
        with open(handle, "rb", closefd=False) as file:
            return file.read()
    except OSError:
        return None
    finally:
        os.close(handle)
