from __future__ import annotations

from benchmarks.speed import scan
from benchmarks.speed.steps import STEPS

RUN = dict(zip(STEPS, (0.1, 8.0, 0.1, 0.1, 0.5), strict=True))


FACTS = {"peak_gb": 0.9, "product": 0.1, "engine": "any", "slices": 119, "run": 81}


def test_a_scan_is_compared_with_matrix_products_and_with_the_network():
    row = scan._row("B0", [RUN | FACTS, RUN | FACTS | {"peak_gb": 1.1}], is_scan=True)
    values = {name: round(ratio.value, 3) for name, ratio in row.ratios.items()}
    assert list(values.values()) == [0.1, 88.0, round(1250 / 88, 3), 1.1]
    assert [ratio.met for ratio in row.ratios.values()] == [True, False, False, True]
    assert "81 of 119" in row.note and list(row.variants) == list(STEPS)
    assert list(scan._row("slice", [RUN | FACTS], is_scan=False).ratios) == ["memory at the peak, GB"]
