"""Results of the benchmark: rows of variants with their spread, and ratios with their goals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


class NotMeasured(Exception):
    """A row or section cannot be measured on this machine; the message is the reason shown in the table."""


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of repeated measurements, in the row's unit."""

    median: float
    low: float  # lower quartile
    high: float  # upper quartile
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one measurement.

        >>> Spread.of([3.0, 1.0, 2.0, 5.0, 4.0])
        Spread(median=3.0, low=2.0, high=4.0, n=5)
        >>> Spread.of([7.0])
        Spread(median=7.0, low=7.0, high=7.0, n=1)
        """
        if not values:
            raise ValueError("no measurements")
        if len(values) == 1:
            return cls(values[0], values[0], values[0], 1)
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high, len(values))

    def scaled(self, factor: float) -> Spread:
        """The spread multiplied by a factor, for another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor, self.n)


@dataclass(frozen=True)
class Ratio:
    """One variant against another, or a share. It is quoted, guarded and compared with a goal."""

    value: float
    goal: float | None = None
    higher_is_better: bool = True
    guarded: bool = True  # False: varies too much between runs to show a regression

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none.

        >>> Ratio(8.4, goal=8).met, Ratio(0.7, goal=0.6, higher_is_better=False).met, Ratio(3.0).met
        (True, False, None)
        """
        if self.goal is None:
            return None
        return self.value >= self.goal if self.higher_is_better else self.value <= self.goal


@dataclass(frozen=True)
class Row:
    """One row of a section.

    The names of `ratios` are full phrases, such as "default engine, times faster than transformers eager".
    """

    section: str
    name: str
    unit: str = "ms"
    variants: Mapping[str, Spread] = field(default_factory=dict)
    ratios: Mapping[str, Ratio] = field(default_factory=dict)
    note: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)  # variant or ratio not measured -> why
    not_measured: str = ""  # the reason why the row has no figures; empty if it has

    @classmethod
    def unmeasured(cls, section: str, name: str, reason: str) -> Row:
        """A row that says why it has no figures."""
        return cls(section, name, not_measured=reason)

    @property
    def key(self) -> str:
        """The unique key of the row in the baseline: section and name."""
        return f"{self.section}: {self.name}"

    @property
    def met(self) -> bool | None:
        """Whether every goal of the row is reached; None where it has none."""
        goals = [ratio.met for ratio in self.ratios.values() if ratio.met is not None]
        return all(goals) if goals else None

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON data, rounded to five significant digits, without empty fields."""
        data = asdict(self)
        for name, ratio in self.ratios.items():
            if ratio.met is not None:
                data["ratios"][name]["met"] = ratio.met
        return {key: _rounded(value) for key, value in data.items() if value not in ("", {})}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Row:
        """The row from the data of `to_dict`."""
        ratios = {
            name: Ratio(**{key: value for key, value in ratio.items() if key != "met"})
            for name, ratio in data.get("ratios", {}).items()
        }
        variants = {name: Spread(**spread) for name, spread in data.get("variants", {}).items()}
        return cls(**{**data, "variants": variants, "ratios": ratios})


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, float) and math.isfinite(value) and value:
        return round(value, 4 - math.floor(math.log10(abs(value))))
    return value
