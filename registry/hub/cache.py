"""What was fetched from the Hub, on this machine's disk.

`<store>/<host>/<owner>/index.json` says which commit each version of the owner's checkpoints is, as it was
first listed, and `<store>/<host>/<owner>/<name>/<commit>/` holds the files of that commit that were fetched.
A file is there whole and checked, or not at all. The store is `LIVERSEG_CACHE`, else `liverseg` in the Hub
client's own folder (`HF_HOME`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from registry.checkpoint import Checkpoint, read_plain
from registry.errors import CheckpointDamaged, HubUnreachable
from registry.files import write_atomically
from registry.hub.client import endpoint, headers, is_offline, storing, told
from registry.manifest import MODEL_FILE
from registry.progress import Progress
from registry.reference import is_name, is_version

ENVIRONMENT = "LIVERSEG_CACHE"
MAX_INDEX_BYTES = 16 * 1024**2
CONFIG_FILE = "config.json"
"""The Hub counts how often this file is fetched as the downloads of the repository."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


def store_folder() -> Path:
    """Where liverseg keeps what it fetched or made on this machine."""
    if given := os.environ.get(ENVIRONMENT):
        return Path(given).expanduser()
    home = os.environ.get("HF_HOME")
    if not home:
        from huggingface_hub import constants

        home = constants.HF_HOME
    return (Path(home) / "liverseg").expanduser()


@dataclass(frozen=True)
class Entry:
    """A version of a checkpoint as it was first listed."""

    name: str
    version: str
    commit: str  # full hash
    manifest_sha256: str


@dataclass(frozen=True)
class HubStore:
    """The part of the store for one owner; also the source of the files of the owner's checkpoints."""

    owner: str

    @property
    def folder(self) -> Path:
        """`<store>/<host>/<owner>`."""
        host = re.sub(r"^\w+://(?:[^/@]*@)?", "", endpoint())
        return store_folder() / re.sub(r"[^A-Za-z0-9.-]", "_", host) / self.owner.lower()

    def checkpoint_folder(self, name: str, commit: str) -> Path:
        """Where the files of a commit are; both parts come from the Hub and are checked here."""
        if not is_name(name) or not is_commit(commit):
            raise CheckpointDamaged("The Hub names a repository or a commit in a way that is not allowed.")
        return self.folder / name / commit

    def read_index(self) -> list[Entry]:
        """What was listed; empty where nothing was, or where the file is not readable any more."""
        try:
            data = json.loads(read_plain(self.folder / "index.json", MAX_INDEX_BYTES))
            entries = [Entry(**entry) for entry in data["entries"]]
        except (CheckpointDamaged, ValueError, KeyError, TypeError):
            return []
        return [e for e in entries if is_name(e.name) and is_version(e.version) and is_commit(e.commit)]

    def write_index(self, entries: list[Entry]) -> None:
        """Replaces the index in one step, unless it says the same. Raises `CacheUnwritable`."""
        if entries == self.read_index():
            return
        data: dict[str, Any] = {"entries": [asdict(entry) for entry in entries]}
        write_kept(self.folder / "index.json", json.dumps(data, indent=1).encode())

    # As the source of a checkpoint's files

    def provide(self, checkpoint: Checkpoint, name: str, progress: Progress | None = None) -> None:
        """Fetches a file of the checkpoint unless it is there; what is there is not looked into.

        With `model.pt` comes `config.json`. Raises `CheckpointDamaged`, with the file's name, when what the
        Hub has is not what the manifest describes: it is not kept, so that it is refused again next time.
        Raises `HubRefused` or `HubUnreachable` when it cannot be fetched, `CacheUnwritable` when it cannot be
        stored.
        """
        if name == MODEL_FILE and CONFIG_FILE in checkpoint.manifest.files:
            self.provide(checkpoint, CONFIG_FILE, progress)
        target = checkpoint.folder / name
        if os.path.lexists(target):
            return
        from huggingface_hub.utils import WeakFileLock

        if is_offline():
            what = f"The file {name} of {checkpoint.ref} was not fetched yet"
            raise HubUnreachable(f"{what}, and HF_HUB_OFFLINE is set.")
        with storing(f"The file {name} of {checkpoint.ref}"):
            checkpoint.folder.mkdir(parents=True, exist_ok=True)
            with WeakFileLock(checkpoint.folder / f".{name}.lock"):
                if not os.path.lexists(target):
                    self._fetch(checkpoint, name, target, progress)

    def renew(self, checkpoint: Checkpoint, name: str, progress: Progress | None = None) -> None:
        """Fetches a file anew whose copy on this machine is damaged."""
        target = checkpoint.folder / name
        if target.is_symlink() or target.is_file():
            target.unlink()
        self.provide(checkpoint, name, progress)

    def names(self, checkpoint: Checkpoint) -> set[str]:
        """The files of the commit, hidden ones aside; offline, those that were fetched."""
        if is_offline():
            return {entry.name for entry in checkpoint.folder.iterdir() if not entry.name.startswith(".")}
        from registry.hub.client import api

        with told(self._repository(checkpoint)):
            tree = api().list_repo_tree(
                self._repository(checkpoint), revision=checkpoint.revision, recursive=True
            )
            return {entry.path for entry in tree if not entry.path.startswith(".")}

    def _repository(self, checkpoint: Checkpoint) -> str:
        return f"{self.owner}/{checkpoint.manifest.name}"

    def _fetch(self, checkpoint: Checkpoint, name: str, target: Path, progress: Progress | None) -> None:
        """Downloads, or copies from the client's cache; puts the file in its place if it is the right one."""
        from registry.hub.client import api
        from registry.hub.download import WrongSize, download

        record = checkpoint.manifest.files[name]
        part = target.with_name(f".{name}.part")
        repository = self._repository(checkpoint)
        if self._copy_from_cache(checkpoint, name, part) and _sha256(part) == record.sha256:
            os.replace(part, target)
            return
        from huggingface_hub import constants, hf_hub_url

        api()
        url = hf_hub_url(repository, name, revision=checkpoint.revision, endpoint=endpoint())
        asked = headers() | {constants.X_HF_DOWNLOAD_COUNTER: "1"}
        resumed = part.exists()
        try:
            with told(f"{name} of {repository}"), storing(f"The file {name} of {checkpoint.ref}"):
                download(
                    url, asked, part, record.bytes, lambda done: _report(progress, name, done, record.bytes)
                )
                if _sha256(part) != record.sha256 and resumed:
                    part.unlink()  # its beginning may have been damaged on this machine
                    download(url, asked, part, record.bytes, lambda done: None)
        except WrongSize as error:
            part.unlink(missing_ok=True)
            raise CheckpointDamaged(
                f"The file {name} of {checkpoint.ref} on the Hub has not the {record.bytes} bytes that its "
                f"manifest says ({error}); it is truncated or was swapped, and was not kept."
            ) from None
        if _sha256(part) != record.sha256:
            part.unlink()
            raise CheckpointDamaged(
                f"The file {name} of {checkpoint.ref} on the Hub is not the one its manifest describes "
                "(its sha256 differs); it was not kept."
            )
        os.replace(part, target)

    def _copy_from_cache(self, checkpoint: Checkpoint, name: str, part: Path) -> bool:
        """Whether the client's own cache has the file, as on a Space that preloads it."""
        from huggingface_hub import constants, try_to_load_from_cache

        for cache in {str(constants.HF_HUB_CACHE), os.path.expanduser("~/.cache/huggingface/hub")}:
            found = try_to_load_from_cache(
                self._repository(checkpoint), name, cache_dir=cache, revision=checkpoint.revision
            )
            if isinstance(found, str):
                size = checkpoint.manifest.files[name].bytes
                try:
                    part.write_bytes(read_plain(Path(found).resolve(), size))
                except CheckpointDamaged:
                    continue
                return True
        return False


def is_commit(text: object) -> bool:
    """Whether the text is a full commit hash.

    >>> is_commit("0" * 40), is_commit("main"), is_commit("../" + "0" * 37)
    (True, False, False)
    """
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None


def write_kept(path: Path, data: bytes, mode: int | None = None) -> None:
    """`write_atomically` for what is kept on disk to save time. Raises `CacheUnwritable`."""
    with storing(f"The file {path.name}"):
        write_atomically(path, data, mode)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _report(progress: Progress | None, name: str, done: int, total: int) -> None:
    if progress is not None:
        progress(name, done, total)
