"""Rows as Markdown tables, ratios first. They are also printed on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.speed.rows import Ratio, Row, Spread


def number(value: float) -> str:
    """Three significant digits, without an exponent.

    >>> number(8.4361), number(0.51249), number(1234.5), number(0.00012), number(99.96), number(0.0)
    ('8.44', '0.512', '1234', '0.00012', '100', '0')
    """
    if value and abs(value) < 0.001:
        return f"{value:.6f}".rstrip("0").rstrip(".")
    if abs(value) >= 99.95:
        return f"{value:.0f}"
    return f"{value:.3g}"


def goal(ratio: Ratio) -> str:
    """The goal in words; empty where there is none.

    >>> goal(Ratio(8.4, goal=8)), goal(Ratio(0.5, goal=0.6, higher_is_better=False)), goal(Ratio(2.0))
    ('at least 8', 'at most 0.6', '')
    """
    if ratio.goal is None:
        return ""
    return f"{'at least' if ratio.higher_is_better else 'at most'} {ratio.goal:g}"


def verdict(ratio: Ratio) -> str:
    """Whether the goal is met: "met", "short", or empty where there is no goal."""
    return {True: "met", False: "short", None: ""}[ratio.met]


def table(header: Sequence[str], body: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table with aligned columns; the columns `right` are aligned to the right.

    >>> print(table(("what", "n"), [("one", "1"), ("two | three", "23")], right=[1]))
    | what         |  n |
    | ------------ | -: |
    | one          |  1 |
    | two \\| three | 23 |
    """
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *body)]
    columns = zip(*cells, strict=True)
    widths = [max(2 if i in right else 3, *map(len, column)) for i, column in enumerate(columns)]
    lines = [_line(row, widths, right) for row in cells]
    rule = ["-" * (width - 1) + ":" if i in right else "-" * width for i, width in enumerate(widths)]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if i in right else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "| " + " | ".join(padded) + " |"


def rows_text(rows: Sequence[Row]) -> str:
    """The tables of a section: the ratios of all rows, their times, then notes and unmeasured rows."""
    parts = []
    ratios = [
        (row.name, name, number(ratio.value), goal(ratio), verdict(ratio))
        for row in rows
        for name, ratio in row.ratios.items()
    ]
    if ratios:
        parts.append(table(("", "ratio", "value", "goal", ""), ratios, right=[2]))
    for unit in dict.fromkeys(row.unit for row in rows if row.variants):
        chosen = [row for row in rows if row.unit == unit]
        body = [(row.name, name, *_spread(s)) for row in chosen for name, s in row.variants.items()]
        parts.append(table(("", "variant", f"median, {unit}", "quartiles", "n"), body, right=[2, 3, 4]))
    notes = [f"- {row.name}: {row.note}" for row in rows if row.note]
    notes += [f"- {row.name}, {name}: not measured, {why}." for row in rows for name, why in _missing(row)]
    notes += [f"- {row.name}: not measured, {_bare(row.not_measured)}." for row in rows if row.not_measured]
    if notes:
        parts.append("\n".join(notes))
    return "\n\n".join(parts)


def _spread(spread: Spread) -> tuple[str, str, str]:
    return number(spread.median), f"{number(spread.low)} to {number(spread.high)}", str(spread.n)


def _missing(row: Row) -> list[tuple[str, str]]:
    return [(name, _bare(why)) for name, why in row.missing.items()]


def _bare(reason: str) -> str:
    return reason.rstrip(". ")
