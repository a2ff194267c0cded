"""The scripts and style sheets in `static/`, read from the disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STATIC_FOLDER = Path(__file__).parents[1] / "static"


def script_after(constants: Mapping[str, Any], *names: str) -> str:
    """Files of `static/` as one script, after constants with the given names and values.

    >>> script_after({"STEPS": [1, 2]})
    'const STEPS = [1, 2];'
    """
    lines = [f"const {name} = {json.dumps(value, ensure_ascii=False)};" for name, value in constants.items()]
    return "\n".join([*lines, *((STATIC_FOLDER / name).read_text(encoding="utf-8") for name in names)])
