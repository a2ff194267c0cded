"""The folder of a cohort's results. One small file an input says what became of it; nothing is half there.

scans/ab/<key>/            report.json, overview.jpg, row.json and the files asked for; appears as a whole
records/<settings>/ab/<id>.json   an input: done, and under which key, or why not
private/                   inputs.csv, the one place with paths, and the salt of the ids
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
    """The folder of the results cannot be written to, which is no fault of any input."""


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


class Store:
    """The results in one folder, of one set of settings."""

    def __init__(self, folder: Path, settings_digest: str) -> None:
        self.folder = folder
        self._records = folder / "records" / settings_digest

    @classmethod
    def create(cls, folder: str | os.PathLike[str], settings_digest: str) -> Store:
        """The same, made if needed and swept. Raises `InvalidSetting` where it cannot be written to."""
        store = cls(make_folder(folder), settings_digest)
        return store

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Holds the folder for one run, and sweeps what a run that was killed has left.

        The lock goes with the process, however it ends. Raises `NotStored` while another run has it.
        """
        with (self.folder / ".lock").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise NotStored("Another run is writing to the output folder; wait for it to end.") from error
            except OSError:
                pass  # a file system without locks
            self._sweep()
            yield
            self._sweep()  # what a worker has left that was killed on the way

    def _sweep(self) -> None:
        for stage in (self.folder / _WORK).glob("*"):
            shutil.rmtree(stage, ignore_errors=True)

    def salt(self) -> bytes:
        """What the ids of this folder's inputs are made with; made once."""
        path = self.folder / "private" / "salt"
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(path, secrets.token_hex(32).encode(), durable=True)
            path.chmod(0o600)
        return path.read_bytes()

    def record_path(self, id: str) -> Path:
        return self._records / id[:2] / f"{id}.json"

    def scan_folder(self, key: str) -> Path:
        return self.folder / "scans" / key[:2] / key

    def record(self, id: str) -> dict[str, Any] | None:
        """What became of an input; None where it was not tried, or its result is gone."""
        found = read_json(self.record_path(id))
        if found and found.get("state") == "done" and self.row(found["key"]) is None:
            return None
        return found

    def put_record(self, record: dict[str, Any]) -> None:
        write_atomically(
            self.record_path(record["id"]), json.dumps(record, ensure_ascii=False).encode(), durable=True
        )

    def row(self, key: str) -> dict[str, Any] | None:
        """`{scan: {…}, lesions: [{…}]}` of a result that is there."""
        return read_json(self.scan_folder(key) / "row.json")

    @contextmanager
    def staged(self, key: str) -> Iterator[Path]:
        """A folder to write a result into, which becomes that of `key` when the context ends well.

        Where another worker was first with the same content, its result stays. Raises `NotStored`.
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
                shutil.rmtree(target, ignore_errors=True)  # without its row it is no result
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
