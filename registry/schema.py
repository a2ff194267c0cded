"""Parse the text of a manifest and check it against `manifest.schema.json`."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from registry.errors import ManifestInvalid
from registry.reference import is_version
from registry.text import one_line

SCHEMA_ID = "liverseg-checkpoint/1"
SCHEMA_FILE = Path(__file__).with_name("manifest.schema.json")
MAX_MANIFEST_BYTES = 1024**2
"""A larger manifest is refused before it is parsed."""


def parse_json(text: str | bytes) -> dict[str, Any]:
    """The JSON object in the text.

    Raises `ManifestInvalid` when the text is too large, not UTF-8, not JSON, not an object, has a duplicate
    key, or holds NaN or infinity.

    >>> parse_json('{"name": "b0"}')
    {'name': 'b0'}
    """
    if len(text) > MAX_MANIFEST_BYTES:
        raise ManifestInvalid(f"The manifest is larger than {MAX_MANIFEST_BYTES} bytes.")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise ManifestInvalid("The manifest is not UTF-8 text.") from None
    except RecursionError:
        raise ManifestInvalid("The manifest is nested too deeply.") from None
    except ValueError as error:
        raise ManifestInvalid(f"The manifest is not JSON: {one_line(error)}.") from None
    if not isinstance(value, dict):
        raise ManifestInvalid("The manifest is not a JSON object.")
    return value


def check_schema(manifest: dict[str, Any]) -> None:
    """Raises `ManifestInvalid` with the most relevant violation of `manifest.schema.json`.

    Also checked, beyond the schema: the version can be ordered, `created` is an ISO 8601 date and time, a
    volume has one context slice, and the thresholds of a curve rise.
    """
    schema_id = manifest.get("schema")
    if isinstance(schema_id, str) and schema_id != SCHEMA_ID and schema_id.startswith("liverseg-checkpoint/"):
        raise ManifestInvalid(
            f"The manifest has the schema {one_line(schema_id, 40)} and this liverseg reads {SCHEMA_ID}; "
            "update liverseg."
        )
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(manifest))
    if error is not None:
        where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path).lstrip(".")
        location = f"at {one_line(where, 80)}" if where else "at its top level"
        raise ManifestInvalid(f"The manifest is invalid {location}: {one_line(error.message, 200)}.")
    if not is_version(manifest["version"]):
        raise ManifestInvalid("The manifest is invalid at version: write numbers, for instance 1.0.0.")
    try:
        datetime.fromisoformat(manifest["created"])
    except ValueError:
        raise ManifestInvalid("The manifest is invalid at created: not an ISO 8601 date and time.") from None
    for entry in manifest["metrics"]:
        check_curve(entry.get("curve"))
    if manifest["input"]["kind"] == "volume" and manifest["input"]["context_slices"] != 1:
        raise ManifestInvalid("The manifest is invalid at input: a volume has context_slices 1.")


def check_curve(curve: dict[str, Any] | None) -> None:
    """Raises `ManifestInvalid` unless the thresholds rise and each has a sensitivity and a precision."""
    if curve is None:
        return
    thresholds = curve["threshold"]
    if len({len(curve[key]) for key in ("threshold", "sensitivity", "precision")}) != 1:
        raise ManifestInvalid("The manifest is invalid at metrics: a curve's lists differ in length.")
    if any(low >= high for low, high in zip(thresholds, thresholds[1:], strict=False)):
        raise ManifestInvalid("The manifest is invalid at metrics: a curve's thresholds do not rise.")


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice")
    return result


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
