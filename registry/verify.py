"""Everything that can be checked of a checkpoint without running it, check by check."""

from __future__ import annotations

import csv
import functools
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from registry.archive.archive import check_archive
from registry.archive.safetensors_header import check_safetensors
from registry.checkpoint import Checkpoint, read_plain
from registry.errors import CheckpointDamaged, ManifestInvalid, RegistryError
from registry.folder import MANIFEST_FILE
from registry.manifest import MODEL_FILE, Manifest
from registry.schema import MAX_MANIFEST_BYTES, parse_json
from registry.text import one_line

CARD_FILE, METRICS_FILE, WEIGHTS_FILE, CONFIG_FILE = (
    "README.md",
    "metrics.csv",
    "model.safetensors",
    "config.json",
)
EXPECTED_FILES = (CARD_FILE, MODEL_FILE, WEIGHTS_FILE, CONFIG_FILE, METRICS_FILE)
"""What a published checkpoint holds beside `manifest.json`."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one named check."""

    name: str
    ok: bool
    detail: str  # what was found, or the one sentence saying what is wrong


def verify(checkpoint: Checkpoint) -> list[CheckResult]:
    """Runs every check and returns their results in a fixed order; none stops the others.

    The checks: `schema`, `files` (listed and present, none unlisted), `size` and `sha256` of
    every file, `archive` (structure of `model.pt`), `embedded manifest`, `safetensors`,
    `config`, `card`, `metrics`.
    """
    content: dict[str, bytes] = {}
    # one look into the archive serves two checks
    embedded = functools.cache(lambda: check_archive(_get(content, MODEL_FILE)))
    checks: list[tuple[str, Callable[[], str]]] = [
        ("schema", lambda: _schema(checkpoint)),
        ("files", lambda: _files(checkpoint)),
        *[(f"sha256 {n}", lambda n=n: _digest(checkpoint, n, content)) for n in checkpoint.manifest.files],
        ("archive", lambda: _archive(embedded())),
        ("embedded manifest", lambda: _embedded(checkpoint, embedded())),
        ("safetensors", lambda: _safetensors(_get(content, WEIGHTS_FILE))),
        ("config", lambda: _config(checkpoint.manifest, _get(content, CONFIG_FILE))),
        ("card", lambda: _card(checkpoint.manifest, _get(content, CARD_FILE))),
        ("metrics", lambda: _metrics(_get(content, METRICS_FILE))),
    ]
    return [_run(name, check) for name, check in checks]


def _run(name: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, True, check())
    except RegistryError as error:
        return CheckResult(name, False, str(error))


def _get(content: dict[str, bytes], name: str) -> bytes:
    if name not in content:
        raise CheckpointDamaged(f"There is no intact {name} to look into.")
    return content[name]


def _schema(checkpoint: Checkpoint) -> str:
    text = read_plain(checkpoint.folder / MANIFEST_FILE, MAX_MANIFEST_BYTES)
    now = Manifest.from_json(text)
    if now != checkpoint.manifest:
        raise ManifestInvalid("The manifest changed while it was being verified.")
    return "keeps the schema"


def _files(checkpoint: Checkpoint) -> str:
    listed = set(checkpoint.manifest.files)
    there = checkpoint.names()
    for name in EXPECTED_FILES:
        if name not in listed:
            raise CheckpointDamaged(f"The manifest does not list {name}.")
    for name in sorted(listed - there):
        raise CheckpointDamaged(f"The file {name} is missing.")
    for name in sorted(there - listed - {MANIFEST_FILE}):
        raise CheckpointDamaged(f"The file {one_line(name, 60)} is not listed in the manifest.")
    return f"{len(listed)} files, all listed"


def _digest(checkpoint: Checkpoint, name: str, content: dict[str, bytes]) -> str:
    content[name] = checkpoint.read_verified(name)
    return f"{checkpoint.manifest.files[name].sha256[:12]}…, {len(content[name])} bytes"


def _archive(embedded: bytes | None) -> str:
    return "TorchScript with tensors and computing only"


def _embedded(checkpoint: Checkpoint, embedded: bytes | None) -> str:
    checkpoint.check_embedded(embedded)
    return "equals the outer one"


def _safetensors(weights: bytes) -> str:
    return f"{check_safetensors(weights)} parameters"


def _config(manifest: Manifest, config: bytes) -> str:
    try:
        parsed = parse_json(config)
    except ManifestInvalid as error:
        raise CheckpointDamaged(str(error).replace("The manifest", "The file config.json", 1)) from None
    named = parsed.get("architecture", manifest.architecture)
    if named != manifest.architecture:
        raise CheckpointDamaged("The file config.json names another architecture than the manifest.")
    return "a JSON object"


def _card(manifest: Manifest, card: bytes) -> str:
    import yaml

    text = _utf8(card, CARD_FILE)
    match = re.match(r"---\n(.*?)\n---\n(.*)", text, re.DOTALL)
    try:
        front = yaml.safe_load(match.group(1)) if match else None
    except yaml.YAMLError:
        front = None
    if not match or not isinstance(front, dict) or not front.get("license"):
        raise CheckpointDamaged("The model card has no front matter with a license.")
    if manifest.licence.lower() not in match.group(2).lower():
        raise CheckpointDamaged(f"The model card does not mention the licence {manifest.licence}.")
    return f"license: {one_line(front['license'], 40)}"


def _metrics(table: bytes) -> str:
    try:
        rows = list(csv.reader(io.StringIO(_utf8(table, METRICS_FILE), newline=""), strict=True))
    except csv.Error:
        raise CheckpointDamaged("The file metrics.csv is no CSV table.") from None
    if len(rows) < 2 or "scan" not in rows[0] or len(set(rows[0])) != len(rows[0]):
        raise CheckpointDamaged("The file metrics.csv needs a header with a column scan, and a row per scan.")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            raise CheckpointDamaged(f"Row {number} of metrics.csv has not as many columns as its header.")
        for column, value in zip(rows[0], row, strict=True):
            if "dice" in column and not _is_share(value):
                raise CheckpointDamaged(f"Row {number} of metrics.csv has a Dice that is not from 0 to 1.")
    return f"{len(rows) - 1} rows"


def _is_share(value: str) -> bool:
    """Whether the text is a number from 0 to 1, or says that there is none."""
    if value.strip().lower() in ("", "nan"):
        return True
    try:
        return 0 <= float(value) <= 1
    except ValueError:
        return False


def _utf8(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise CheckpointDamaged(f"The file {name} is not UTF-8 text.") from None
