"""The regression guard: compares ratios, not times, with a baseline for the same kind of processor."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.rows import Row
from liverseg.errors import InvalidSetting

TOLERANCE = 0.25
"""The tolerated worsening of a ratio, which a busy machine can cause."""

BASELINE = Path("benchmarks/baseline.json")


@dataclass(frozen=True)
class Finding:
    """A ratio that is worse than its baseline."""

    row: str
    ratio: str
    value: float
    baseline: float

    def __str__(self) -> str:
        return f"{self.row}, {self.ratio}: {self.value:.3g}, was {self.baseline:.3g}"


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison."""

    compared: int
    findings: tuple[Finding, ...]
    gone: tuple[str, ...]  # ratios of measured rows that only the baseline has

    @property
    def holds(self) -> bool:
        """Whether no ratio is worse or gone."""
        return not self.findings and not self.gone


def baseline_of(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """The guarded ratios of all rows: row key -> name -> value."""
    guarded = {
        row.key: {name: float(f"{ratio.value:.4g}") for name, ratio in row.ratios.items() if ratio.guarded}
        for row in rows
    }
    return {key: ratios for key, ratios in guarded.items() if ratios}


def compare(
    rows: Iterable[Row], baseline: Mapping[str, Mapping[str, float]], tolerance: float = TOLERANCE
) -> Verdict:
    """Compare every ratio that is both in the rows and in the baseline.

    New ratios and rows that were not measured this time are ignored. A ratio that is missing in a measured
    row is reported as gone.

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
    """The baselines by kind of machine; empty without a file. Raises `InvalidSetting` for an invalid file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{path.name} cannot be read as a baseline.") from error


def save_baseline(path: Path, kind: str, rows: Iterable[Row]) -> None:
    """Save the guarded ratios of `rows` as the baseline of a kind of machine; other rows keep theirs."""
    baselines = load_baseline(path)
    baselines[kind] = baselines.get(kind, {}) | baseline_of(rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(baselines, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidSetting(f"The baseline cannot be written: {error.strerror}.") from error
