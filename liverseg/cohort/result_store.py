"""The output folder of a cohort. One small file per input records its result; nothing is written in part.

scans/ab/<key>/            report.json, overview.jpg, row.json and the requested formats; appears as a whole
records/<settings>/ab/<id>.json   the state of an input: done, with the key of its result, or failed, and why
private/                   inputs.csv, the only file with paths, and the salt of the ids
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from liverseg.errors import LiversegError
from liverseg.io.files import write_atomically
from liverseg.io.write import make_folder

_WORK = ".work"


class NotStored(LiversegError):
    """The output folder cannot be written to. No input is the cause."""


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, or None where there is none or it cannot be read."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


class Store:
    """The results and records in one output folder, for one set of settings."""

    def __init__(self, folder: Path, settings_digest: str) -> None:
        self.folder = folder
        self._records = folder / "records" / settings_digest

    @classmethod
    def create(cls, folder: str | os.PathLike[str], settings_digest: str) -> Store:
        """The store, with its folder created if needed. Raises `InvalidSetting` if that is impossible."""
        return cls(make_folder(folder), settings_digest)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the folder for one run and removes unfinished results before and after it.

        The lock ends with the process, even a killed one. Raises `NotStored` while another run holds it. A
        file system without locks is used unlocked.
        """
        with (self.folder / ".lock").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise NotStored("Another run is writing to the output folder; wait until it ends.") from error
            except OSError:
                pass
            self._remove_unfinished()
            yield
            self._remove_unfinished()

    def _remove_unfinished(self) -> None:
        for stage in (self.folder / _WORK).glob("*"):
            shutil.rmtree(stage, ignore_errors=True)

    def salt(self) -> bytes:
        """The key of the ids of this folder's inputs; random, created with the first call."""
        path = self.folder / "private" / "salt"
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(path, secrets.token_hex(32).encode(), mode=0o600, durable=True)
        return path.read_bytes()

    def record_path(self, id: str) -> Path:
        return self._records / id[:2] / f"{id}.json"

    def scan_folder(self, key: str) -> Path:
        return self.folder / "scans" / key[:2] / key

    def record(self, id: str) -> dict[str, Any] | None:
        """The record of an input; None for an input that was not tried, or whose result is missing."""
        record = read_json(self.record_path(id))
        if record and record.get("state") == "done" and self.row(record["key"]) is None:
            return None
        return record

    def put_record(self, record: dict[str, Any]) -> None:
        """Writes the record of the input `record["id"]`."""
        write_atomically(
            self.record_path(record["id"]), json.dumps(record, ensure_ascii=False).encode(), durable=True
        )

    def row(self, key: str) -> dict[str, Any] | None:
        """`{scan: {…}, lesions: [{…}]}` of a result, or None where there is no such result."""
        return read_json(self.scan_folder(key) / "row.json")

    @contextmanager
    def staged(self, key: str) -> Iterator[Path]:
        """A temporary folder that becomes the result `key` when the context ends without an error.

        A result that another worker has stored for the same content in the meantime is kept. Raises
        `NotStored`.
        """
        work, stage = self.folder / _WORK, None
        try:
            work.mkdir(exist_ok=True)
            stage = Path(tempfile.mkdtemp(prefix=f"{key}-", dir=work))
            yield stage
            target = self.scan_folder(key)
            target.parent.mkdir(parents=True, exist_ok=True)
            if self.row(key) is None:
                stage.chmod(0o755)
                shutil.rmtree(target, ignore_errors=True)  # a folder without a row is not a result
                try:
                    os.rename(stage, target)
                except OSError:
                    if self.row(key) is None:
                        raise
        except OSError as error:
            why = (error.strerror or "unknown reason").lower()
            raise NotStored(f"The results cannot be written to the output folder: {why}.") from error
        finally:
            if stage is not None:
                shutil.rmtree(stage, ignore_errors=True)
