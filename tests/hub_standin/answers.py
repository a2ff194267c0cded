"""The answers of the Hub stand-in to each kind of request."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub_standin import xet
from tests.hub_standin.faults import Faults
from tests.hub_standin.repositories import (
    DATASETS,
    LARGE_FILES,
    SPACES,
    Blob,
    HubRefusal,
    Repositories,
    Repository,
    owner_of,
)

REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"


@dataclass(frozen=True)
class Seen:
    """A request that the stand-in received."""

    origin: str  # "hub" or "storage"
    request: str  # "METHOD /path?query"
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """A response, before a fault changes it."""

    status: int
    body: bytes
    headers: dict[str, str]


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON response."""
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


class Answers:
    """The state of the stand-in, with one method for each kind of request."""

    def __init__(self) -> None:
        self.repositories = Repositories()
        self.faults = Faults()
        self.tokens: dict[str, str] = {}  # token -> the owner whose repositories it can read and write
        self.seen: list[Seen] = []
        self.page_size = 100
        self.xet_tokens_at: str | None = None  # where the tokens of the Xet storage are; None: there is none
        self.url = self.storage_url = ""
        # by name, so that a test can replace one
        self.actions = {action: getattr(self, action) for routes in _ROUTES.values() for *_, action in routes}

    def answer(self, origin: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """The response to a request. Raises `HubRefusal` for a status that is not 2xx."""
        parts = urlsplit(target)
        path, query = unquote(parts.path), parse_qs(parts.query)
        authorization = headers.get("authorization", "")
        token = authorization.removeprefix("Bearer ")
        user = self.tokens.get(token)
        if authorization and user is None and token != "xet":
            raise HubRefusal(401, "", "Invalid credentials in Authorization header")
        for verb, pattern, action in _ROUTES[origin]:
            match = re.fullmatch(pattern, path)
            if match and method in verb:
                arguments = match.groupdict()
                kind = arguments.pop("kind", None)
                if kind in ("spaces", "datasets"):
                    arguments["repo"] = f"{kind}/{arguments['repo']}"
                return self.actions[action](user, body, query | arguments, headers)
        raise HubRefusal(404, "", "Sorry, we can't find the page you are looking for.")

    # One method for each kind of request: token's owner, body, query and path arguments, headers

    def create(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        request = json.loads(body)
        owner = request.get("organization") or user
        self._may_write(user, f"{owner}/")
        repo_id = f"{SPACES if request.get('type') == 'space' else ''}{owner}/{request['name']}"
        if repo_id.startswith(SPACES) and request.get("sdk") != "gradio":
            raise HubRefusal(400, "", "A Space needs an SDK")
        repository = self.repositories.create(repo_id, request.get("visibility") == "private")
        repository.variables |= {v["key"]: v["value"] for v in request.get("variables", [])}
        repository.hardware = request.get("hardware", repository.hardware)
        return as_json({"url": f"{self.url}/{repo_id}", "id": repo_id})

    def models(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        wanted, author = set(query.get("filter", [])), query.get("author", [""])[0]
        entries = [
            {"id": r.id, "modelId": r.id, "sha": r.head, "private": r.private, "tags": r.card_tags()}
            for r in self.repositories.all.values()
            if r.id.startswith(f"{author}/" if author else "")
            and not r.id.startswith(SPACES)
            and wanted <= set(r.card_tags())
            and (not r.private or user == r.owner)
        ]
        start = int(query.get("cursor", ["0"])[0])
        more = {}
        if start + self.page_size < len(entries):
            rest = f"author={author}&filter={'&filter='.join(wanted)}&cursor={start + self.page_size}"
            more["Link"] = f'<{self.url}/api/models?{rest}>; rel="next"'
        return as_json(entries[start : start + self.page_size], **more)

    def info(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        repository = self.repositories.get(query["repo"], user)
        commit = repository.resolve(query.get("revision") or "main")
        siblings = [{"rfilename": name} for name in repository.commits[commit]]
        info = {
            "id": repository.id.removeprefix(SPACES).removeprefix(DATASETS),
            "sha": commit,
            "private": repository.private,
            "siblings": siblings,
        }
        return as_json(info | {"tags": repository.card_tags()})

    def refs(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        repository = self.repositories.get(query["repo"], user)
        head = {"name": "main", "ref": "refs/heads/main", "targetCommit": repository.head}
        tags = [
            {"name": name, "ref": f"refs/tags/{name}", "targetCommit": commit}
            for name, commit in repository.tags.items()
        ]
        return as_json({"branches": [head], "converts": [], "tags": tags})

    def tree(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        repository = self.repositories.get(query["repo"], user)
        folder = f"{query['folder']}/" if query.get("folder") else ""
        commit_files = repository.commits[repository.resolve(query["revision"])]
        listed = {path: blob for path, blob in commit_files.items() if path.startswith(folder)}
        if folder and not listed:
            raise HubRefusal(404, "EntryNotFound", f"{folder} does not exist")
        return as_json([_entry(path, blob) for path, blob in listed.items()])

    def paths_info(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        repository = self.repositories.get(query["repo"], user)
        commit_files = repository.commits[repository.resolve(query["revision"])]
        entries = []
        for path in parse_qs(body.decode()).get("paths", []):
            if path in commit_files:
                entries.append(_entry(path, commit_files[path]))
            elif any(name.startswith(f"{path}/") for name in commit_files):
                entries.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
        return as_json(entries)

    def validate(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        front = re.match(r"---\n(.*?)\n---\n", json.loads(body)["content"], re.DOTALL)
        if front is None:
            return as_json({"errors": [], "warnings": [{"message": "empty or missing yaml metadata"}]})
        return as_json({"errors": [], "warnings": []})

    def preupload(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        repository = self._writable(user, query["repo"])
        commit_files = repository.commits[repository.resolve(query["revision"])]
        files = []
        for file in json.loads(body)["files"]:
            mode = "lfs" if file["path"].endswith(LARGE_FILES) else "regular"
            entry = {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
            if file["path"] in commit_files:
                entry["oid"] = commit_files[file["path"]].etag
            files.append(entry)
        return as_json({"files": files})

    def batch(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        self._writable(user, query["repo"])
        objects = []
        for item in json.loads(body)["objects"]:
            entry = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in self.repositories.large:
                verify = f"{self.url}/{query['repo']}.git/info/lfs/verify"
                upload = f"{self.storage_url}/upload/{item['oid']}?signature=x"
                entry["actions"] = {"upload": {"href": upload}, "verify": {"href": verify}}
            objects.append(entry)
        return as_json({"transfer": "basic", "objects": objects})

    def upload(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        if Blob(body, True).sha256 != query["oid"]:
            raise HubRefusal(400, "", "XAmzContentSHA256Mismatch")
        self.repositories.large[query["oid"]] = body
        return Answer(200, b"", {})

    def verify(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        item = json.loads(body)
        if len(self.repositories.large.get(item["oid"], b"")) != item["size"]:
            raise HubRefusal(404, "", "The object is not there")
        return as_json({})

    def commit(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        repository = self._writable(user, query["repo"])
        oid = self.repositories.commit(repository, [json.loads(line) for line in body.splitlines()])
        return as_json(
            {"success": True, "commitOid": oid, "commitUrl": f"{self.url}/{repository.id}/commit/{oid}"}
        )

    def tag(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        repository = self._writable(user, query["repo"])
        self.repositories.tag(repository, query["revision"], json.loads(body)["tag"])
        return as_json({})

    def variables(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        space = self._writable(user, query["repo"])
        if body:
            variable = json.loads(body)
            space.variables[variable["key"]] = variable["value"]
        return as_json({key: {"key": key, "value": value} for key, value in space.variables.items()})

    def runtime(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        space = self.repositories.get(query["repo"], user)
        if body:
            space = self._writable(user, query["repo"])
            space.hardware = json.loads(body)["flavor"]
        return as_json({"stage": "BUILDING", "hardware": {"current": None, "requested": space.hardware}})

    def resolve(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        repository = self.repositories.get(query["repo"], user)
        commit = repository.resolve(query["revision"])
        blob = repository.commits[commit].get(query["path"])
        if blob is None:
            raise HubRefusal(404, "EntryNotFound", "Entry not found")
        common = {"X-Repo-Commit": commit, "ETag": f'"{blob.git_oid}"'}
        if blob.large:
            linked = {"X-Linked-Etag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.data))}
            if self.xet_tokens_at is not None:
                route = f"{self.xet_tokens_at}/api/models/{query['repo']}/xet-read-token/{commit}"
                linked |= {"X-Xet-Hash": blob.sha256, "X-Xet-Refresh-Route": route}
            location = f"{self.storage_url}/files/{blob.sha256}?signature=x"
            return Answer(302, b"", common | linked | {"Location": location})
        return _ranged(blob.data, headers, common)

    def stored(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        return _ranged(self.repositories.large[query["oid"]], headers, {"ETag": f'"{query["oid"]}"'})

    def xet_token(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        self.repositories.get(query["repo"], user)
        return as_json({"accessToken": "xet", "exp": int(time.time()) + 3600, "casUrl": self.storage_url})

    def reconstruct(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        data = self.repositories.large[query["oid"]]
        found = xet.reconstruction(data, query["oid"], self.storage_url, headers.get("range", ""))
        return Answer(416, b"", {}) if found is None else as_json(found)

    def block(self, user: str | None, body: bytes, query: dict, headers: dict) -> Answer:
        return _ranged(xet.block(self.repositories.large[query["oid"]]), headers, {})

    def _writable(self, user: str | None, repo_id: str) -> Repository:
        self._may_write(user, repo_id)
        return self.repositories.get(repo_id, user)

    def _may_write(self, user: str | None, repo_id: str) -> None:
        if user is None:
            raise HubRefusal(401, "", "Invalid username or password.")
        if owner_of(repo_id) != user:
            raise HubRefusal(403, "", "You don't have the rights to write to this namespace")


def _entry(path: str, blob: Blob) -> dict[str, Any]:
    entry = {"type": "file", "path": path, "oid": blob.git_oid, "size": len(blob.data)}
    if blob.large:
        entry["lfs"] = {"oid": blob.sha256, "size": len(blob.data), "pointerSize": 134}
    return entry


def _ranged(data: bytes, headers: dict[str, str], more: dict[str, str]) -> Answer:
    more = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream", **more}
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
    if not match:
        return Answer(200, data, more)
    start, end = int(match[1]), min(int(match[2] or len(data) - 1), len(data) - 1)
    if start >= len(data):
        return Answer(416, b"", more | {"Content-Range": f"bytes */{len(data)}"})
    return Answer(206, data[start : end + 1], more | {"Content-Range": f"bytes {start}-{end}/{len(data)}"})


_API = f"/api/(?P<kind>models|spaces|datasets)/{REPO}"
_SPACE = f"/api/(?P<kind>spaces)/{REPO}"
_FILES = f"/(?:(?P<kind>spaces|datasets)/)?{REPO}"
_ROUTES: dict[str, list[tuple[tuple[str, ...], str, str]]] = {
    "hub": [
        (("POST",), "/api/repos/create", "create"),
        (("GET",), "/api/models", "models"),
        (("POST",), "/api/validate-yaml", "validate"),
        (("GET",), f"{_API}/refs", "refs"),
        (("GET",), f"{_API}/tree/(?P<revision>[^/]+)(?:/(?P<folder>.+))?", "tree"),
        (("POST",), f"{_API}/paths-info/(?P<revision>[^/]+)", "paths_info"),
        (("GET",), f"{_API}(?:/revision/(?P<revision>[^/]+))?", "info"),
        (("POST",), f"{_API}/preupload/(?P<revision>[^/]+)", "preupload"),
        (("POST",), f"{_API}/commit/(?P<revision>[^/]+)", "commit"),
        (("POST",), f"{_API}/tag/(?P<revision>[^/]+)", "tag"),
        (("POST",), rf"{_FILES}\.git/info/lfs/objects/batch", "batch"),
        (("POST",), rf"{_FILES}\.git/info/lfs/verify", "verify"),
        (("GET",), f"{_API}/xet-read-token/(?P<revision>[^/]+)", "xet_token"),
        (("GET", "HEAD"), f"{_FILES}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "resolve"),
        (("GET", "POST"), f"{_SPACE}/variables", "variables"),
        (("GET",), f"{_SPACE}/runtime", "runtime"),
        (("POST",), f"{_SPACE}/hardware", "runtime"),
    ],
    "storage": [
        (("PUT",), "/upload/(?P<oid>[0-9a-f]{64})", "upload"),
        (("GET", "HEAD"), "/files/(?P<oid>[0-9a-f]{64})", "stored"),
        (("GET",), "/v1/reconstructions/(?P<oid>[0-9a-f]{64})", "reconstruct"),
        (("GET",), "/blocks/(?P<oid>[0-9a-f]{64})", "block"),
    ],
}
