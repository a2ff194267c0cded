"""Check a checkpoint without running it: manifest, digests, archive, weights, card and metrics."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Callable
from dataclasses import dataclass

from registry.archive.archive import check_archive
from registry.archive.safetensors_header import check_safetensors
from registry.card.front_matter import split_front_matter
from registry.checkpoint import WEIGHTS_FILE, Checkpoint, read_regular_file
from registry.errors import CheckpointDamaged, ManifestInvalid, RegistryError
from registry.folder import MANIFEST_FILE
from registry.manifest import CONFIG_FILE, MODEL_FILE, Manifest
from registry.schema import MAX_MANIFEST_BYTES, parse_json
from registry.text import one_line

CARD_FILE, METRICS_FILE = "README.md", "metrics.csv"
EXPECTED_FILES = (CARD_FILE, MODEL_FILE, WEIGHTS_FILE, CONFIG_FILE, METRICS_FILE)
"""The files that a published checkpoint must have besides `manifest.json`."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one named check."""

    name: str
    ok: bool
    detail: str  # a few words, or one sentence that says what is wrong


def verify(checkpoint: Checkpoint) -> list[CheckResult]:
    """Run every check and return their results in a fixed order; a failure does not stop the others.

    A file that the installed package does without is not checked, which the detail of `files` says.

    The checks are `schema`, `files` (each listed file exists, no other does), `sha256` with the size of every
    file, `archive` (structure of `model.pt`), `embedded manifest`, `safetensors`, `config`, `card` and
    `metrics`.
    """
    content: dict[str, bytes] = {}
    left_out = checkpoint.left_out()
    names = [name for name in checkpoint.manifest.files if name not in left_out]
    # Cached, since two checks need it.
    embedded = functools.cache(lambda: check_archive(_verified(content, MODEL_FILE)))
    checks: list[tuple[str, Callable[[], str]]] = [
        ("schema", lambda: _schema(checkpoint)),
        ("files", lambda: _files(checkpoint)),
        *[(f"sha256 {n}", lambda n=n: _digest(checkpoint, n, content)) for n in names],
        ("archive", lambda: _archive(embedded())),
        ("embedded manifest", lambda: _embedded(checkpoint, embedded())),
        *([] if left_out else [("safetensors", lambda: _safetensors(_verified(content, WEIGHTS_FILE)))]),
        ("config", lambda: _config(checkpoint.manifest, _verified(content, CONFIG_FILE))),
        ("card", lambda: _card(checkpoint.manifest, _verified(content, CARD_FILE))),
        ("metrics", lambda: _metrics(_verified(content, METRICS_FILE))),
    ]
    return [_run(name, check) for name, check in checks]


def _run(name: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, True, check())
    except RegistryError as error:
        return CheckResult(name, False, str(error))


def _verified(content: dict[str, bytes], name: str) -> bytes:
    if name not in content:
        raise CheckpointDamaged(f"There is no intact {name} to check.")
    return content[name]


def _schema(checkpoint: Checkpoint) -> str:
    path = checkpoint.path(MANIFEST_FILE) or checkpoint.folder / MANIFEST_FILE
    text = read_regular_file(path, MAX_MANIFEST_BYTES)
    if Manifest.from_json(text) != checkpoint.manifest:
        raise ManifestInvalid("The manifest changed while it was being verified.")
    return "matches the schema"


def _files(checkpoint: Checkpoint) -> str:
    listed = set(checkpoint.manifest.files)
    present = checkpoint.names()
    for name in EXPECTED_FILES:
        if name not in listed:
            raise CheckpointDamaged(f"The manifest does not list {name}.")
    left_out = checkpoint.left_out()
    for name in sorted(listed - present - left_out):
        raise CheckpointDamaged(f"The file {name} is missing.")
    for name in sorted(present - listed - {MANIFEST_FILE}):
        raise CheckpointDamaged(f"The file {one_line(name, 60)} is not listed in the manifest.")
    note = "".join(f"; {name} is not part of the installed package" for name in sorted(left_out))
    return f"{len(listed - left_out)} files, all listed{note}"


def _digest(checkpoint: Checkpoint, name: str, content: dict[str, bytes]) -> str:
    content[name] = checkpoint.read_verified(name)
    return f"{checkpoint.manifest.files[name].sha256[:12]}…, {len(content[name])} bytes"


def _archive(embedded: bytes | None) -> str:
    return "TorchScript of tensors and computations only"


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
    if parsed.get("architecture", manifest.architecture) != manifest.architecture:
        raise CheckpointDamaged("The file config.json names another architecture than the manifest.")
    return "a JSON object"


def _card(manifest: Manifest, card: bytes) -> str:
    front, body = split_front_matter(_utf8(card, CARD_FILE)) or ({}, "")
    if not front.get("license"):
        raise CheckpointDamaged("The model card has no front matter with a license.")
    if manifest.licence.lower() not in body.lower():
        raise CheckpointDamaged(f"The model card does not mention the licence {manifest.licence}.")
    return f"license: {one_line(front['license'], 40)}"


def _metrics(table: bytes) -> str:
    try:
        rows = list(csv.reader(io.StringIO(_utf8(table, METRICS_FILE), newline=""), strict=True))
    except csv.Error:
        raise CheckpointDamaged("The file metrics.csv is not a CSV table.") from None
    if len(rows) < 2 or "scan" not in rows[0] or len(set(rows[0])) != len(rows[0]):
        raise CheckpointDamaged("The file metrics.csv needs a header with a column scan, and a row per scan.")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            raise CheckpointDamaged(
                f"Row {number} of metrics.csv does not have as many columns as its header."
            )
        for column, value in zip(rows[0], row, strict=True):
            if "dice" in column and not _is_share(value):
                raise CheckpointDamaged(f"Row {number} of metrics.csv has a Dice that is not from 0 to 1.")
    return f"{len(rows) - 1} rows"


def _is_share(value: str) -> bool:
    """Whether the text is a number from 0 to 1, empty, or nan."""
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
