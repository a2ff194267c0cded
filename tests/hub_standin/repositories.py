"""The repositories of the Hub stand-in, of models and Spaces, and its storage of large files.

They follow the Hub's documentation: a commit is applied completely or not at all, a commit whose parent is
not the head of the branch is refused, and a tag never moves.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any

import yaml

LARGE_FILES = (".pt", ".safetensors", ".png")
"""File name endings that the Hub's default `.gitattributes` puts into the large file storage."""

SPACES = "spaces/"
DATASETS = "datasets/"


class HubRefusal(Exception):
    """A status that is not 2xx, with the code and message that the client reads from the headers."""

    def __init__(self, status: int, code: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.body = {"error": message, **more}


def owner_of(repo_id: str) -> str:
    """The owner in `owner/name`, which may have the prefix of a Space or dataset."""
    return repo_id.removeprefix(SPACES).removeprefix(DATASETS).split("/")[0]


@dataclass(frozen=True)
class Blob:
    """A file of a commit."""

    data: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def git_oid(self) -> str:
        data = self.data
        if self.large:
            data = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\n".encode()
            data += f"size {len(self.data)}\n".encode()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.git_oid


@dataclass
class Repository:
    """A repository: its branch `main`, commits and tags; for a Space also variables and hardware."""

    id: str  # owner/name of a model, spaces/owner/name of a Space
    private: bool
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    head: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    hardware: str = "cpu-basic"

    @property
    def owner(self) -> str:
        return owner_of(self.id)

    def add(self, files: dict[str, Blob], message: str) -> str:
        text = json.dumps([self.head, message, {name: blob.git_oid for name, blob in files.items()}])
        self.head = hashlib.sha1(text.encode()).hexdigest()
        self.commits[self.head] = files
        self.messages.append(message)
        return self.head

    def resolve(self, revision: str) -> str:
        """The commit hash of a branch, a tag or a hash."""
        commit = self.head if revision in ("main", "refs/heads/main") else self.tags.get(revision, revision)
        if commit not in self.commits:
            raise HubRefusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def card_tags(self) -> list[str]:
        readme = self.commits[self.head].get("README.md")
        match = re.match(rb"---\n(.*?)\n---\n", readme.data, re.DOTALL) if readme else None
        front = yaml.safe_load(match.group(1)) if match else {}
        return [*front.get("tags", []), *([front["library_name"]] if "library_name" in front else [])]


class Repositories:
    """All repositories of the stand-in. The methods are thread-safe."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.all: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.url = ""

    def get(self, repo_id: str, reader: str | None) -> Repository:
        """The repository as `reader` sees it (the owner of the request's token; None without one)."""
        repository = self.all.get(repo_id)
        if repository is None or (repository.private and reader != repository.owner):
            raise HubRefusal(404 if reader else 401, "RepoNotFound", "Repository not found")
        return repository

    def create(self, repo_id: str, private: bool) -> Repository:
        with self.lock:
            if repo_id in self.all:
                raise HubRefusal(409, "", "You already created this repo", url=f"{self.url}/{repo_id}")
            repository = self.all[repo_id] = Repository(repo_id, private)
            attributes = "".join(f"*{end} filter=lfs diff=lfs merge=lfs -text\n" for end in LARGE_FILES)
            repository.add({".gitattributes": Blob(attributes.encode(), False)}, "initial commit")
            return repository

    def commit(self, repository: Repository, lines: list[dict[str, Any]]) -> str:
        """Apply the lines of a commit request in one step; returns the commit's hash."""
        with self.lock:
            header = next(line["value"] for line in lines if line["key"] == "header")
            if header.get("parentCommit") not in (None, repository.head):
                raise HubRefusal(412, "", "A commit has happened since. Please refresh and try again.")
            files = dict(repository.commits[repository.head])
            for line in lines:
                self._apply(files, line["key"], line["value"])
            return repository.add(files, header["summary"])

    def _apply(self, files: dict[str, Blob], key: str, value: dict[str, Any]) -> None:
        if key == "file":
            files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
        elif key == "lfsFile":
            if value["oid"] not in self.large:
                raise HubRefusal(400, "", f"The large file {value['path']} was not uploaded")
            files[value["path"]] = Blob(self.large[value["oid"]], True)
        elif key == "deletedFile":
            if files.pop(value["path"], None) is None:
                raise HubRefusal(400, "", f"There is no file {value['path']}")

    def tag(self, repository: Repository, revision: str, name: str) -> None:
        with self.lock:
            commit = repository.resolve(revision)
            if name in repository.tags:
                raise HubRefusal(409, "", "Tag reference exists already")
            repository.tags[name] = commit
