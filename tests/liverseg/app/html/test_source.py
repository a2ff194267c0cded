"""Where a result comes from: weights, engine, time, and what was assumed; all values are escaped."""

from __future__ import annotations

from dataclasses import replace

from liverseg.analysis.plausibility.messages import CHECK, make_doubt
from liverseg.app.html.source import assumptions, source_section
from liverseg.app.text.catalogue import say


def test_the_source_has_checkpoint_engine_and_network_time(volume_analysis):
    report = volume_analysis.report
    html = source_section(report)
    for fact in (
        f'data-fact="checkpoint">{report.checkpoint.ref}<',
        report.checkpoint.sha256[:12],
        f'data-fact="engine">{report.engine}<',
        'data-fact="slices-run">4 of 4<',
        f'data-fact="network-time">{report.timing_s["network"]:.2f} s<',
    ):
        assert fact in html


def test_assumptions_are_the_warnings_that_are_not_doubts(picture_analysis, volume_analysis):
    assert "40/400" in assumptions(picture_analysis.report)
    doubt = make_doubt(CHECK, "turned")
    report = replace(volume_analysis.report, warnings=(doubt.warning,), doubts=(doubt,))
    assert say("source.nothing_assumed") in assumptions(report)


def test_values_are_escaped(volume_analysis):
    report = replace(volume_analysis.report, warnings=("<script>alert(1)</script>",), engine="<b>torch</b>")
    html = source_section(report)
    assert "<script" not in html and "<b>" not in html


def test_it_does_not_contain_the_file_name(picture_analysis):
    assert "MUSTERMANN" not in source_section(picture_analysis.report)
