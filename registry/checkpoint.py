"""A checkpoint of a registry. Its files are read through it only, and verified each time."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from registry.archive.archive import check_archive
from registry.delta import SUFFIX, parse_delta
from registry.errors import ArchiveRefused, CheckpointDamaged
from registry.manifest import MODEL_FILE, Manifest
from registry.progress import Progress
from registry.reference import Reference
from registry.schema import parse_json

BUNDLED_FOLDER = Path(__file__).with_name("bundled")
"""The folder with the checkpoints that come with liverseg."""

WEIGHTS_FILE = "model.safetensors"


class FileSource(Protocol):
    """Where the files of a checkpoint are fetched from, and where they are on this machine."""

    def path(self, checkpoint: Checkpoint, name: str) -> Path | None:
        """The file on this machine, not verified; None if it was not fetched."""
        ...

    def provide(self, checkpoint: Checkpoint, name: str, progress: Progress | None = None) -> None:
        """Fetch a file unless it is on this machine; raises `RegistryError`."""
        ...

    def renew(self, checkpoint: Checkpoint, name: str, progress: Progress | None = None) -> None:
        """Fetch a file again in place of a damaged copy; raises `RegistryError`."""
        ...

    def names(self, checkpoint: Checkpoint) -> set[str]:
        """The names of the source's files, without hidden ones."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint with a valid manifest. Its other files are read, and verified, on demand."""

    folder: Path
    manifest: Manifest
    registry: str  # "bundled", a folder's name, or "hf://owner"
    revision: str | None = None  # full commit hash when it came from the Hub
    source: FileSource | None = field(
        default=None, compare=False, repr=False
    )  # None: every file is in the folder

    @property
    def ref(self) -> str:
        """`name@version`."""
        return self.manifest.ref

    @property
    def reference(self) -> Reference:
        """The name and version as a parsed reference."""
        return Reference(self.manifest.name, self.manifest.version)

    @property
    def sha256(self) -> str:
        """The sha256 of `model.pt` according to the manifest."""
        return self.manifest.files[MODEL_FILE].sha256

    def read_verified(self, name: str) -> bytes:
        """The bytes of a file, fetched if necessary, read once and checked against the manifest.

        The file cannot change between check and use, since it is not read a second time. Raises
        `CheckpointDamaged` with the file's name when it is not in the manifest, missing, a link, not a
        regular file, or differs in size or sha256. A file that the folder stores as a delta
        (`registry.delta`) is put together first.
        """
        record = self.manifest.files.get(name)
        if record is None:
            raise CheckpointDamaged(f"The manifest of {self.ref} does not list {name}.")
        self.fetch(name)
        if name in self.left_out():
            raise CheckpointDamaged(
                f"The file {name} of {self.ref} is not part of the installed package, which has only what "
                "the app opens; use a copy of the project's repository."
            )
        data = self._read(name, record.bytes)
        if len(data) != record.bytes:
            raise CheckpointDamaged(
                f"The file {name} of {self.ref} does not have the {record.bytes} bytes its manifest says; "
                "it is truncated or was replaced."
            )
        if hashlib.sha256(data).hexdigest() != record.sha256:
            raise CheckpointDamaged(
                f"The file {name} of {self.ref} is not the one its manifest describes (its sha256 differs); "
                "it was not opened."
            )
        return data

    def fetch(self, name: str = MODEL_FILE, progress: Progress | None = None) -> None:
        """Fetch a file of the manifest unless it is on this machine. The file is not verified."""
        if self.source is not None and name in self.manifest.files:
            self.source.provide(self, name, progress)

    def path(self, name: str) -> Path | None:
        """The file on this machine; None if it is not there. `read_verified` reads it safely."""
        if self.source is not None:
            return self.source.path(self, name)
        path = self.folder / name
        return path if os.path.lexists(path) else None

    def names(self) -> set[str]:
        """The names of the checkpoint's files, without hidden ones."""
        if self.source is not None:
            return self.source.names(self)
        names = {entry.name for entry in self.folder.iterdir() if not entry.name.startswith(".")}
        return {name.removesuffix(SUFFIX) for name in names}

    def left_out(self) -> frozenset[str]:
        """The files of the manifest that an installed package does without: a bundled `model.safetensors`."""
        stored = (self.folder / WEIGHTS_FILE, self.folder / (WEIGHTS_FILE + SUFFIX))
        if WEIGHTS_FILE not in self.manifest.files or any(map(os.path.lexists, stored)):
            return frozenset()
        is_bundled = self.folder.parent.resolve() == BUNDLED_FOLDER.resolve()
        return frozenset({WEIGHTS_FILE} if is_bundled else ())

    def stored_paths(self, name: str) -> tuple[Path, ...]:
        """Where the bytes of a file are: in the file itself, or in its delta and the file that it refers to.

        Raises `CheckpointDamaged` when there is a delta that cannot be read.
        """
        path, delta = self.folder / name, self.folder / (name + SUFFIX)
        if self.source is not None:
            return (self.source.path(self, name) or path,)
        if os.path.lexists(path) or not os.path.lexists(delta):
            return (path,)
        limit = self.manifest.files[name].bytes
        base = parse_delta(read_regular_file(delta, limit), limit).base
        return (delta, self.folder.parent / base / name)

    def _read(self, name: str, limit_bytes: int) -> bytes:
        """At most `limit_bytes + 1` bytes of a file, not verified yet; raises `CheckpointDamaged`."""
        paths = self.stored_paths(name)
        if len(paths) == 1:
            return read_regular_file(paths[0], limit_bytes)
        delta = parse_delta(read_regular_file(paths[0], limit_bytes), limit_bytes)
        if not paths[1].is_file():
            raise CheckpointDamaged(
                f"The file {name} of {self.ref} is stored as its differences from that of {delta.base}, "
                "which is missing beside this folder; `python -m registry push` writes a complete folder."
            )
        return delta.apply(read_regular_file(paths[1], delta.reach()))

    def read_model(self) -> bytes:
        """The bytes of `model.pt`, safe to open: `torch.jit.load(io.BytesIO(data))`.

        Beyond `read_verified`, all files of the checkpoint that are on this machine are verified, the
        structure of the archive is checked (`registry.archive.archive`), and the manifest inside the archive
        must equal the one beside it, `files` aside. A checkpoint with a changed byte in any file is never
        loaded.
        """
        data = self.read_verified(MODEL_FILE)
        left_out = self.left_out()
        for name in self.manifest.files:
            is_here = name not in left_out and (self.source is None or self.path(name) is not None)
            if is_here and name != MODEL_FILE:
                self.read_verified(name)
        self.check_embedded(check_archive(data))
        return data

    def check_embedded(self, embedded: bytes | None) -> None:
        """Raises `ArchiveRefused` unless the manifest inside `model.pt` equals this one, `files` aside."""
        if embedded is None:
            raise ArchiveRefused(f"The archive model.pt of {self.ref} has no manifest inside.")
        inner = parse_json(embedded)
        inner.pop("files", None)
        outer = parse_json(self.manifest.to_json(with_files=False))
        if _with_defaults(inner) != _with_defaults(outer):
            raise ArchiveRefused(f"The manifest inside model.pt of {self.ref} is not the one beside it.")


def read_regular_file(path: Path, limit_bytes: int) -> bytes:
    """At most `limit_bytes + 1` bytes of a regular file.

    Raises `CheckpointDamaged` when it is missing, a link, or not a regular file: a named pipe or a device is
    never read.
    """
    name = path.name
    try:
        # Does not follow links, and does not block on a named pipe.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        fault = "is a link" if path.is_symlink() else "is missing" if not path.exists() else "cannot be read"
        raise CheckpointDamaged(f"The file {name} of the checkpoint {fault}.") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise CheckpointDamaged(f"The file {name} of the checkpoint is not a regular file.")
        with open(handle, "rb", closefd=False) as file:
            return file.read(limit_bytes + 1)
    finally:
        os.close(handle)


def _with_defaults(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest with its optional keys filled in, so that equal manifests compare equal."""
    return {"title": "", "tumour_threshold": 0.5} | manifest
