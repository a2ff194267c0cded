"""The regression guard: ratios against those reached before on a processor of the same kind, never times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.rows import Row
from liverseg.errors import InvalidSetting

TOLERANCE = 0.25
"""How much worse than the baseline a ratio may be: what a busy machine explains."""

BASELINE = Path("benchmarks/baseline.json")


@dataclass(frozen=True)
class Finding:
    """A ratio that is worse than it was."""

    row: str
    ratio: str
    value: float
    baseline: float

    def __str__(self) -> str:
        return f"{self.row}, {self.ratio}: {self.value:.3g}, was {self.baseline:.3g}"


@dataclass(frozen=True)
class Verdict:
    """What a comparison came to."""

    compared: int
    findings: tuple[Finding, ...]
    gone: tuple[str, ...]  # in the baseline and measured no longer, though the row was

    @property
    def holds(self) -> bool:
        """Whether nothing got worse."""
        return not self.findings and not self.gone


def baseline_of(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """The guarded ratios of every row, by row and name."""
    found = {
        row.key: {name: float(f"{ratio.value:.4g}") for name, ratio in row.ratios.items() if ratio.guarded}
        for row in rows
    }
    return {key: ratios for key, ratios in found.items() if ratios}


def compare(
    rows: Iterable[Row], baseline: Mapping[str, Mapping[str, float]], tolerance: float = TOLERANCE
) -> Verdict:
    """Every ratio that both have. What is in only one of them is new, or was not asked for this time;
    a ratio that is gone from a row that was measured counts against it.

    >>> from benchmarks.speed.rows import Ratio
    >>> row = Row("slice", "B0", ratios={"faster": Ratio(5.0), "memory": Ratio(2.0, higher_is_better=False)})
    >>> compare([row], {"slice: B0": {"faster": 8.0, "memory": 1.9}}).findings
    (Finding(row='slice: B0', ratio='faster', value=5.0, baseline=8.0),)
    """
    findings, gone, compared = [], [], 0
    for row in rows:
        for name, before in baseline.get(row.key, {}).items():
            ratio = row.ratios.get(name)
            if ratio is None:
                gone.append(f"{row.key}, {name}")
                continue
            compared += 1
            worse = before / ratio.value if ratio.higher_is_better else ratio.value / before
            if worse > 1 + tolerance:
                findings.append(Finding(row.key, name, ratio.value, before))
    return Verdict(compared, tuple(findings), tuple(gone))


def load_baseline(path: Path) -> dict[str, Any]:
    """Baselines by kind of machine; none where there is no file. Raises `InvalidSetting` for a broken one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{path.name} is no baseline that can be read.") from error


def save_baseline(path: Path, kind: str, rows: Iterable[Row]) -> None:
    """Make the guarded ratios of `rows` the baseline of this kind of machine; other rows keep theirs."""
    baselines = load_baseline(path)
    baselines[kind] = baselines.get(kind, {}) | baseline_of(rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(baselines, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidSetting(f"The baseline cannot be written: {error.strerror}.") from error
