"""A JSON file with the rules for volumes and lesions that a manifest would hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from liverseg.inference.rules import RULE_KEYS
from train.errors import TrainError


def read_rules(path: Path | None) -> dict[str, Any] | None:
    """The manifest keys in the file; None without a file.

    The file holds an object with the keys `volume_rules`, `slice_rules` and `lesion_model`, or only the
    content of `volume_rules`. Raises `TrainError` if it is missing or no JSON object.
    """
    if path is None:
        return None
    try:
        rules = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(f"The rules in {path} cannot be read: {error}.") from error
    if not isinstance(rules, dict):
        raise TrainError(f"The rules in {path} are not a JSON object.")
    if not rules.keys() & set(RULE_KEYS):
        return {"volume_rules": rules}
    unknown = sorted(rules.keys() - set(RULE_KEYS))
    if unknown:
        raise TrainError(f"The rules in {path} have the unknown key {unknown[0]!r}.")
    return rules
