from __future__ import annotations

from benchmarks.speed.running import run_sections


def test_a_failing_section_does_not_stop_the_others(fake_sections):
    lines = []
    outcomes = run_sections(list(fake_sections.values()), 1, True, lines.append)
    assert [outcome.failed for outcome in outcomes] == [False, False, True]
    assert outcomes[1].rows[0].not_measured == "transformers is not installed."
    assert "ZeroDivisionError" in outcomes[2].rows[0].not_measured
    assert any("Traceback" in line for line in lines)
