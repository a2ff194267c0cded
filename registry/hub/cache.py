"""The files fetched from the Hub, on this machine's disk.

They are in the cache of the Hub's client, `models--<owner>--<name>/snapshots/<commit>/`, where every program
that uses the client finds them: in `HF_HUB_CACHE`, or `hub` in `LIVERSEG_CACHE` if that is set. The client
may have stored a file as a link, which is followed within the cache. A file that is fetched here is there
completely and verified, or not at all; the client itself stores what the Hub sends.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from registry.checkpoint import Checkpoint
from registry.errors import CacheUnwritable, CheckpointDamaged, HubUnreachable
from registry.files import write_atomically
from registry.hub.client import endpoint, is_offline
from registry.hub.errors import translate_hub_errors
from registry.hub.index import is_commit
from registry.manifest import CONFIG_FILE, MODEL_FILE
from registry.progress import Progress, no_progress
from registry.reference import is_name

CACHE_VARIABLE = "LIVERSEG_CACHE"

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


def hub_folder() -> Path:
    """The folder that files from the Hub are stored in, in the layout of the Hub's client."""
    if os.environ.get(CACHE_VARIABLE):
        return cache_folder() / "hub"
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _searched_folders() -> list[Path]:
    """The caches in which files are looked for: a Space is built with files in the client's default one."""
    from huggingface_hub import constants

    default = Path("~/.cache/huggingface/hub").expanduser()
    return list(dict.fromkeys([hub_folder(), Path(constants.HF_HUB_CACHE), default]))


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
class HubCache:
    """The part of the cache for one owner. It is the `FileSource` of the owner's checkpoints."""

    owner: str

    @property
    def folder(self) -> Path:
        """`<cache>/<host>/<owner>`, which holds the index."""
        host = re.sub(r"^\w+://(?:[^/@]*@)?", "", endpoint())
        return cache_folder() / re.sub(r"[^A-Za-z0-9.-]", "_", host) / self.owner.lower()

    def checkpoint_folder(self, name: str, commit: str) -> Path:
        """The folder for the files of a commit. Name and commit come from the Hub and are checked here."""
        from huggingface_hub.file_download import repo_folder_name

        if not is_name(name) or not is_commit(commit):
            raise CheckpointDamaged("The Hub gives a repository or a commit a name that is not allowed.")
        repository: str = repo_folder_name(repo_id=f"{self.owner}/{name}", repo_type="model")
        return hub_folder() / repository / "snapshots" / commit

    def find(self, name: str, commit: str, file: str) -> Path | None:
        """The file of a commit on this machine, with the links of the cache resolved; None: not fetched.

        A link that leads out of the cache is returned as it is, and is refused when it is read.
        """
        from huggingface_hub import try_to_load_from_cache

        for cache in _searched_folders():
            found = try_to_load_from_cache(f"{self.owner}/{name}", file, cache, commit)
            if isinstance(found, str):
                target = Path(found).resolve()
                return target if target.is_relative_to(cache.resolve()) else Path(found)
        former = self.folder / name / commit / file  # the store of earlier versions
        return former if former.is_file() else None

    # The methods of a `FileSource`

    def path(self, checkpoint: Checkpoint, name: str) -> Path | None:
        """The file on this machine, which is not verified; None if it was not fetched."""
        return self.find(checkpoint.manifest.name, checkpoint.revision or "", name)

    def provide(self, checkpoint: Checkpoint, name: str, progress: Progress | None = None) -> None:
        """Fetch a file of the checkpoint unless it is there; a file that is there is not verified.

        `config.json` is fetched along with `model.pt`, because the Hub counts its downloads as those of the
        repository. Raises `CheckpointDamaged` with the file's name when the Hub's file is not the one that
        the manifest describes; it is not kept. Raises `HubRefused` or `HubUnreachable` when the file cannot
        be fetched, `CacheUnwritable` when it cannot be stored.
        """
        if name == MODEL_FILE and CONFIG_FILE in checkpoint.manifest.files:
            self.provide(checkpoint, CONFIG_FILE, progress)
        if self.path(checkpoint, name) is None:
            self._fetch(checkpoint, name, progress or no_progress, anew=False)

    def renew(self, checkpoint: Checkpoint, name: str, progress: Progress | None = None) -> None:
        """Fetch a file again in place of a damaged one."""
        self._fetch(checkpoint, name, progress or no_progress, anew=True)

    def names(self, checkpoint: Checkpoint) -> set[str]:
        """The files of the commit, without hidden ones; offline, the files that were fetched."""
        if is_offline():
            return {name for name in checkpoint.manifest.files if self.path(checkpoint, name) is not None}
        from registry.hub.client import api

        repository = self._repository(checkpoint)
        with translate_hub_errors(repository):
            tree = api().list_repo_tree(repository, revision=checkpoint.revision, recursive=True)
            return {entry.path for entry in tree if not entry.path.startswith(".")}

    def _repository(self, checkpoint: Checkpoint) -> str:
        return f"{self.owner}/{checkpoint.manifest.name}"

    def _fetch(self, checkpoint: Checkpoint, name: str, progress: Progress, anew: bool) -> None:
        """Download a file, verify it, and move it into the cache, once for all processes.

        The unfinished file and the lock have the places and endings of the client's own, so that
        `hf cache prune` finds the one, and both take turns where they want the same large file.
        """
        from huggingface_hub.utils import WeakFileLock

        subject = f"The file {name} of {checkpoint.ref}"
        if is_offline():
            raise HubUnreachable(f"{subject} was not fetched yet, and HF_HUB_OFFLINE is set.")
        folder, digest = checkpoint.folder.parents[1], checkpoint.manifest.files[name].sha256
        part = folder / "blobs" / f"{digest}.liverseg.incomplete"
        lock = folder.parent / ".locks" / folder.name / f"{digest}.lock"
        with translate_disk_errors(subject):
            for parent in (checkpoint.folder, part.parent, lock.parent):
                parent.mkdir(parents=True, exist_ok=True)
            with WeakFileLock(lock):
                if anew or self.path(checkpoint, name) is None:
                    self._download_verified(checkpoint, name, part, progress)
                    os.replace(part, checkpoint.folder / name)

    def _download_verified(self, checkpoint: Checkpoint, name: str, part: Path, progress: Progress) -> None:
        """Download the file to `part`; it is deleted where it is not the one of the manifest."""
        from huggingface_hub import hf_hub_url

        from registry.hub.client import api
        from registry.hub.download import WrongSize, download

        record = checkpoint.manifest.files[name]
        repository = self._repository(checkpoint)
        api()
        url = hf_hub_url(repository, name, revision=checkpoint.revision, endpoint=endpoint())
        is_resumed = part.exists()
        subject = f"The file {name} of {checkpoint.ref} on the Hub"
        try:
            with translate_hub_errors(f"{name} of {repository}"), translate_disk_errors(subject):
                download(url, part, record.bytes, lambda done: progress(name, done, record.bytes))
                if _sha256(part) != record.sha256 and is_resumed:
                    part.unlink()  # the part of an earlier download may be damaged
                    download(url, part, record.bytes, lambda done: None)
        except WrongSize as error:
            part.unlink(missing_ok=True)
            raise CheckpointDamaged(
                f"{subject} does not have the {record.bytes} bytes that its manifest says "
                f"({error}); it is truncated or was replaced, and was not kept."
            ) from None
        if _sha256(part) != record.sha256:
            part.unlink()
            raise CheckpointDamaged(
                f"{subject} is not the one its manifest describes (its sha256 differs); it was not kept."
            )


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
