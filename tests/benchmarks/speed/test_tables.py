from __future__ import annotations

from benchmarks.speed.rows import Ratio, Row
from benchmarks.speed.tables import rows_text
from tests.benchmarks.speed.sample_rows import ROW


def test_tables_show_goals_shortfalls_and_missing_variants():
    short = Row("slice", "B2", ratios={"faster": Ratio(2.0, goal=10)})
    text = rows_text([ROW, short, Row.unmeasured("slice", "GPU", "there is none.")])
    assert text.index("at least 8") < text.index("9 to 11")  # ratios first
    assert "| met" in text and "| short" in text
    assert "- B0, ours, bf16: not measured, the processor lacks it." in text
    assert "- GPU: not measured, there is none." in text
