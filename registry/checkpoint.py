"""One checkpoint in a registry, and the only way to its bytes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from registry.archive.archive import check_archive
from registry.errors import ArchiveRefused, CheckpointDamaged
from registry.manifest import MODEL_FILE, Manifest
from registry.reference import Reference
from registry.schema import parse_json


class FileSource(Protocol):
    """Where the files of a checkpoint come from that are fetched when they are needed."""

    def provide(
        self, checkpoint: Checkpoint, name: str, progress: Callable[[str, int, int], None] | None = None
    ) -> None:
        """Puts a file into the checkpoint's folder unless it is there; raises `RegistryError`."""
        ...

    def renew(
        self, checkpoint: Checkpoint, name: str, progress: Callable[[str, int, int], None] | None = None
    ) -> None:
        """The same, in place of a damaged copy."""
        ...

    def names(self, checkpoint: Checkpoint) -> set[str]:
        """The names of the files that the source has, hidden ones aside."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose manifest was read and is valid; its other files were not read yet."""

    folder: Path
    manifest: Manifest
    registry: str  # "bundled", a folder's name, or "hf://owner"
    revision: str | None = None  # full commit hash when it came from the Hub
    source: FileSource | None = field(default=None, compare=False, repr=False)  # of files not there yet

    @property
    def ref(self) -> str:
        """`name@version`."""
        return self.manifest.ref

    @property
    def reference(self) -> Reference:
        """The same as a parsed reference."""
        return Reference(self.manifest.name, self.manifest.version)

    @property
    def sha256(self) -> str:
        """Of `model.pt`, as the manifest has it."""
        return self.manifest.files[MODEL_FILE].sha256

    def read_verified(self, name: str) -> bytes:
        """The bytes of a file, read once and checked against the manifest.

        What is returned is what was checked: there is no second read in which the file
        could have changed. Raises `CheckpointDamaged`, with the file's name, when it is not
        in the manifest, missing, a link, not a plain file, or of another size or sha256. A file
        that its source has and this machine has not is fetched first.
        """
        record = self.manifest.files.get(name)
        if record is None:
            raise CheckpointDamaged(f"The manifest of {self.ref} does not list {name}.")
        self.fetch(name)
        data = read_plain(self.folder / name, record.bytes)
        if len(data) != record.bytes:
            raise CheckpointDamaged(
                f"The file {name} of {self.ref} has not the {record.bytes} bytes its manifest says; "
                "it is truncated or was swapped."
            )
        if hashlib.sha256(data).hexdigest() != record.sha256:
            raise CheckpointDamaged(
                f"The file {name} of {self.ref} is not the one its manifest describes (its sha256 differs); "
                "it was not opened."
            )
        return data

    def fetch(self, name: str = MODEL_FILE, progress: Callable[[str, int, int], None] | None = None) -> None:
        """Fetches a file of the manifest that is not on this machine yet; it is not checked here."""
        if self.source is not None and name in self.manifest.files:
            self.source.provide(self, name, progress)

    def names(self) -> set[str]:
        """The names of the files that are there, hidden ones aside."""
        if self.source is not None:
            return self.source.names(self)
        return {entry.name for entry in self.folder.iterdir() if not entry.name.startswith(".")}

    def read_model(self) -> bytes:
        """The bytes of `model.pt`, safe to hand to torch: `torch.jit.load(io.BytesIO(data))`.

        Beyond `read_verified`, every other file of the manifest must be what it says, as far as it is on this
        machine (those of the Hub are fetched when they are needed), the structure of the archive is checked
        (`registry.archive.archive`) and the manifest inside it must be the one beside it, `files` aside. So a
        checkpoint of which a byte was changed anywhere is never loaded.
        """
        data = self.read_verified(MODEL_FILE)
        for name in self.manifest.files:
            if name != MODEL_FILE and (self.source is None or os.path.lexists(self.folder / name)):
                self.read_verified(name)
        self.check_embedded(check_archive(data))
        return data

    def check_embedded(self, embedded: bytes | None) -> None:
        """Raises `ArchiveRefused` unless the manifest inside `model.pt` says what the outer one says."""
        if embedded is None:
            raise ArchiveRefused(f"The archive model.pt of {self.ref} has no manifest inside.")
        inner = parse_json(embedded)
        inner.pop("files", None)
        outer = parse_json(self.manifest.to_json(with_files=False))
        if _normal(inner) != _normal(outer):
            raise ArchiveRefused(f"The manifest inside model.pt of {self.ref} is not the one beside it.")


def read_plain(path: Path, limit_bytes: int) -> bytes:
    """At most `limit_bytes + 1` bytes of a plain file.

    Raises `CheckpointDamaged` when it is missing, a link, or no plain file: a named pipe or a
    device is never read.
    """
    name = path.name
    try:
        # Not followed if a link; not blocking, so that a named pipe cannot hold the caller.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        what = "is a link" if path.is_symlink() else "is missing" if not path.exists() else "cannot be read"
        raise CheckpointDamaged(f"The file {name} of the checkpoint {what}.") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise CheckpointDamaged(f"The file {name} of the checkpoint is not a plain file.")
        with open(handle, "rb", closefd=False) as file:
            return file.read(limit_bytes + 1)
    finally:
        os.close(handle)


def _normal(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest with what may be left out filled in, so that equal ones compare equal."""
    return {"title": "", "tumour_threshold": 0.5} | manifest
