"""The latest rows of each section in `benchmarks/results.json`, and BENCHMARKS.md made from them.

Only the sections that were measured are replaced.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.machine import Machine
from benchmarks.speed.rows import Row
from benchmarks.speed.running import Outcome
from benchmarks.speed.sections import SECTIONS
from benchmarks.speed.tables import rows_text
from liverseg.errors import InvalidSetting

STORE = Path("benchmarks/results.json")
"""The path relative to the folder of BENCHMARKS.md."""

PREAMBLE = """# Benchmarks

Written by `python -m liverseg bench --write BENCHMARKS.md`, which also stores the figures in
`benchmarks/results.json`. The variants run alternately in one process with the same number of threads, unless
a section says otherwise. A ratio is the median over the rounds of the quotient of two times of one round.
Quote ratios: times depend on what else the machine is doing. The peers are installed by
`pip install --constraint constraints.txt '.[train,bench]'`.
"""


def write(page: Path, outcomes: Sequence[Outcome], machine: Machine, command: str) -> None:
    """Put the rows of `outcomes` into the store, and write `page` with all sections of the store.

    Raises `InvalidSetting` where the store cannot be read or the files cannot be written.
    """
    path = page.parent / STORE
    sections = load(path)
    for outcome in outcomes:
        sections[outcome.section.name] = {
            "command": command,
            "machine": machine.to_dict(),
            "rows": [row.to_dict() for row in outcome.rows],
        }
    ordered = {name: sections[name] for name in [*SECTIONS, *sections] if name in sections}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        page.write_text(page_text(ordered), encoding="utf-8")
    except OSError as error:
        raise InvalidSetting(f"The results cannot be written: {error.strerror}.") from error


def load(path: Path) -> dict[str, Any]:
    """The sections of a store; none without a file. Raises `InvalidSetting` for an invalid file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{path.name} does not hold results; remove it to start again.") from error


def page_text(sections: dict[str, Any]) -> str:
    """The text of BENCHMARKS.md. The machine is described where it differs from the section before."""
    parts, described = [PREAMBLE], None
    for name, stored in sections.items():
        section = SECTIONS.get(name)
        parts.append(f"## {section.title if section else name}\n")
        if section and section.about:
            parts.append(section.about + "\n")
        machine = Machine.from_dict(stored["machine"])
        if machine != described:
            parts.append("\n".join(f"- {line}" for line in machine.lines()) + "\n")
            described = machine
        parts.append(f"```\n{stored['command']}\n```\n")
        parts.append(rows_text([Row.from_dict(row) for row in stored["rows"]]) + "\n")
    return "\n".join(parts)
