"""The cache of files fetched from the Hub, on this machine's disk.

`<cache>/<host>/<owner>/index.json` lists the versions of the owner's checkpoints, each with the commit that
it had when it was first listed. `<cache>/<host>/<owner>/<name>/<commit>/` holds the fetched files of a
commit. A file is there completely and verified, or not at all. The cache is `LIVERSEG_CACHE`, else the folder
`liverseg` in the folder of the Hub's client (`HF_HOME`).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from registry.checkpoint import Checkpoint, read_regular_file
from registry.errors import CacheUnwritable, CheckpointDamaged, HubUnreachable
from registry.files import write_atomically
from registry.hub.client import endpoint, headers, is_offline
from registry.hub.errors import translate_hub_errors
from registry.manifest import CONFIG_FILE, MODEL_FILE
from registry.progress import Progress, no_progress
from registry.reference import is_name, is_version

CACHE_VARIABLE = "LIVERSEG_CACHE"
MAX_INDEX_BYTES = 16 * 1024**2

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DISK_ERRORS = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EFBIG", "EIO", "ENOTDIR", "EEXIST")
    if hasattr(errno, name)
}
"""Error numbers of a disk that is full, damaged or may not be written to."""


def cache_folder() -> Path:
    """The folder of liverseg's cache on this machine."""
    if folder := os.environ.get(CACHE_VARIABLE):
        return Path(folder).expanduser()
    home = os.environ.get("HF_HOME")
    if not home:
        from huggingface_hub import constants

        home = constants.HF_HOME
    return (Path(home) / "liverseg").expanduser()


def write_cached(path: Path, data: bytes, mode: int | None = None) -> None:
    """`write_atomically` for a file of the cache. Raises `CacheUnwritable`."""
    with translate_disk_errors(f"The file {path.name}"):
        write_atomically(path, data, mode)


@contextmanager
def translate_disk_errors(subject: str) -> Iterator[None]:
    """Raise errors of the disk as `CacheUnwritable`, about `subject`. Other errors pass unchanged."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        reason = os.strerror(error.errno or 0).lower()
        raise CacheUnwritable(
            f"{subject} cannot be stored on this machine ({reason}); LIVERSEG_CACHE can name another folder."
        ) from None


@dataclass(frozen=True)
class IndexEntry:
    """A version of a checkpoint as it was first listed."""

    name: str
    version: str
    commit: str  # full hash
    manifest_sha256: str


@dataclass(frozen=True)
class HubCache:
    """The part of the cache for one owner. It is the `FileSource` of the owner's checkpoints."""

    owner: str

    @property
    def folder(self) -> Path:
        """`<cache>/<host>/<owner>`."""
        host = re.sub(r"^\w+://(?:[^/@]*@)?", "", endpoint())
        return cache_folder() / re.sub(r"[^A-Za-z0-9.-]", "_", host) / self.owner.lower()

    def checkpoint_folder(self, name: str, commit: str) -> Path:
        """The folder for the files of a commit. Name and commit come from the Hub and are checked here."""
        if not is_name(name) or not is_commit(commit):
            raise CheckpointDamaged("The Hub gives a repository or a commit a name that is not allowed.")
        return self.folder / name / commit

    def read_index(self) -> list[IndexEntry]:
        """The entries of the index; none where it is missing or cannot be read."""
        try:
            data = json.loads(read_regular_file(self.folder / "index.json", MAX_INDEX_BYTES))
            entries = [IndexEntry(**entry) for entry in data["entries"]]
        except (CheckpointDamaged, ValueError, KeyError, TypeError):
            return []
        return [e for e in entries if is_name(e.name) and is_version(e.version) and is_commit(e.commit)]

    def write_index(self, entries: list[IndexEntry]) -> None:
        """Replace the index in one step, if it differs. Raises `CacheUnwritable`."""
        if entries == self.read_index():
            return
        data: dict[str, Any] = {"entries": [asdict(entry) for entry in entries]}
        write_cached(self.folder / "index.json", json.dumps(data, indent=1).encode())

    # The methods of a `FileSource`

    def provide(self, checkpoint: Checkpoint, name: str, progress: Progress | None = None) -> None:
        """Fetch a file of the checkpoint unless it is there; a file that is there is not verified.

        `config.json` is fetched along with `model.pt`, because the Hub counts its downloads as those of the
        repository. Raises `CheckpointDamaged` with the file's name when the Hub's file is not the one that
        the manifest describes; it is not kept. Raises `HubRefused` or `HubUnreachable` when the file cannot
        be fetched, `CacheUnwritable` when it cannot be stored.
        """
        if name == MODEL_FILE and CONFIG_FILE in checkpoint.manifest.files:
            self.provide(checkpoint, CONFIG_FILE, progress)
        target = checkpoint.folder / name
        if os.path.lexists(target):
            return
        from huggingface_hub.utils import WeakFileLock

        if is_offline():
            raise HubUnreachable(
                f"The file {name} of {checkpoint.ref} was not fetched yet, and HF_HUB_OFFLINE is set."
            )
        with translate_disk_errors(f"The file {name} of {checkpoint.ref}"):
            checkpoint.folder.mkdir(parents=True, exist_ok=True)
            with WeakFileLock(checkpoint.folder / f".{name}.lock"):
                if not os.path.lexists(target):
                    self._fetch(checkpoint, name, target, progress or no_progress)

    def renew(self, checkpoint: Checkpoint, name: str, progress: Progress | None = None) -> None:
        """Delete a damaged file of the cache and fetch it again."""
        target = checkpoint.folder / name
        if target.is_symlink() or target.is_file():
            target.unlink()
        self.provide(checkpoint, name, progress)

    def names(self, checkpoint: Checkpoint) -> set[str]:
        """The files of the commit, without hidden ones; offline, the files that were fetched."""
        if is_offline():
            return {entry.name for entry in checkpoint.folder.iterdir() if not entry.name.startswith(".")}
        from registry.hub.client import api

        repository = self._repository(checkpoint)
        with translate_hub_errors(repository):
            tree = api().list_repo_tree(repository, revision=checkpoint.revision, recursive=True)
            return {entry.path for entry in tree if not entry.path.startswith(".")}

    def _repository(self, checkpoint: Checkpoint) -> str:
        return f"{self.owner}/{checkpoint.manifest.name}"

    def _fetch(self, checkpoint: Checkpoint, name: str, target: Path, progress: Progress) -> None:
        """Copy the file from the client's cache or download it, verify it, and move it to `target`."""
        from registry.hub.client import api
        from registry.hub.download import WrongSize, download

        record = checkpoint.manifest.files[name]
        part = target.with_name(f".{name}.part")
        repository = self._repository(checkpoint)
        if self._copy_from_client(checkpoint, name, part) and _sha256(part) == record.sha256:
            os.replace(part, target)
            return
        from huggingface_hub import constants, hf_hub_url

        api()
        url = hf_hub_url(repository, name, revision=checkpoint.revision, endpoint=endpoint())
        request_headers = headers() | {constants.X_HF_DOWNLOAD_COUNTER: "1"}
        is_resumed = part.exists()
        subject = f"The file {name} of {checkpoint.ref}"
        try:
            with translate_hub_errors(f"{name} of {repository}"), translate_disk_errors(subject):
                download(
                    url, request_headers, part, record.bytes, lambda done: progress(name, done, record.bytes)
                )
                if _sha256(part) != record.sha256 and is_resumed:
                    part.unlink()  # the part of an earlier download may be damaged
                    download(url, request_headers, part, record.bytes, lambda done: None)
        except WrongSize as error:
            part.unlink(missing_ok=True)
            raise CheckpointDamaged(
                f"{subject} on the Hub does not have the {record.bytes} bytes that its manifest says "
                f"({error}); it is truncated or was replaced, and was not kept."
            ) from None
        if _sha256(part) != record.sha256:
            part.unlink()
            raise CheckpointDamaged(
                f"{subject} on the Hub is not the one its manifest describes (its sha256 differs); "
                "it was not kept."
            )
        os.replace(part, target)

    def _copy_from_client(self, checkpoint: Checkpoint, name: str, part: Path) -> bool:
        """Copy the file from the client's own cache, which a Space preloads; False if it is missing."""
        from huggingface_hub import constants, try_to_load_from_cache

        for cache in {str(constants.HF_HUB_CACHE), os.path.expanduser("~/.cache/huggingface/hub")}:
            cached = try_to_load_from_cache(
                self._repository(checkpoint), name, cache_dir=cache, revision=checkpoint.revision
            )
            if isinstance(cached, str):
                size = checkpoint.manifest.files[name].bytes
                try:
                    part.write_bytes(read_regular_file(Path(cached).resolve(), size))
                except CheckpointDamaged:
                    continue
                return True
        return False


def is_commit(text: object) -> bool:
    """Whether the value is a full commit hash.

    >>> is_commit("0" * 40), is_commit("main"), is_commit("../" + "0" * 37)
    (True, False, False)
    """
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
