"""Run sections one after the other. A section that fails does not stop the others."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.rows import NotMeasured, Row
from benchmarks.speed.sections import Context, Section


@dataclass(frozen=True)
class Outcome:
    """The result of a section."""

    section: Section
    rows: tuple[Row, ...]
    failed: bool = False  # True for an unexpected error; False where only a requirement is missing


def run_sections(
    sections: Sequence[Section], threads: int, quick: bool, tell: Callable[[str], object]
) -> list[Outcome]:
    """The rows of every section; a section that cannot be measured or fails has one row with the reason."""
    outcomes = []
    for section in sections:
        tell(f"{section.title} …")
        with tempfile.TemporaryDirectory(prefix="liverseg-bench-") as folder:
            context = Context(Path(folder), threads, quick, lambda line: tell(f"  {line}"))
            outcomes.append(_run(section, context))
    return outcomes


def _run(section: Section, context: Context) -> Outcome:
    try:
        return Outcome(section, tuple(section.measure(context)))
    except NotMeasured as reason:
        return Outcome(section, (Row.unmeasured(section.name, section.title, str(reason)),))
    except Exception as error:  # shown in the table, and by the exit status
        context.tell("".join(traceback.format_exception(error)))
        reason = f"it failed ({type(error).__name__})"
        return Outcome(section, (Row.unmeasured(section.name, section.title, reason),), failed=True)
