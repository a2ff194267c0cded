"""The HTML of where a result comes from: input, weights, engine, assumptions. Values are escaped."""

from __future__ import annotations

from html import escape

from liverseg.analysis.report import Report
from liverseg.analysis.report_text import provenance_rows
from liverseg.app.text.catalogue import say_html
from liverseg.app.text.core_sentences import core_html, translation_of


def assumptions(report: Report) -> str:
    """A list of the warnings of a report that are not doubts."""
    doubts = {doubt.warning for doubt in report.doubts}
    warnings = [warning for warning in report.warnings if warning not in doubts]
    if not warnings:
        return f'<p class="ls-none">{say_html("source.nothing_assumed")}</p>'
    return "<ul>" + "".join(f"<li>{core_html(sentence)}</li>" for sentence in warnings) + "</ul>"


def provenance(report: Report) -> str:
    """Input, weights and engine behind the sizes, and the time that the network took."""
    rows = [*provenance_rows(report), ("Network time", f"{report.timing_s.get('network', 0.0):.2f} s")]
    return "<dl>" + "".join(_fact(name, value) for name, value in rows) + "</dl>"


def _fact(name: str, value: str) -> str:
    key = name.lower().replace(" ", "-")
    parts = value.split(", ") if key == "input" else [value]  # "NIfTI, 74 × 256 × 256 voxels"
    shown = ", ".join(translation_of(part) or part for part in parts)
    return f'<dt>{say_html(f"fact.{key}")}</dt><dd data-fact="{key}">{escape(shown)}</dd>'


def source_section(report: Report) -> str:
    """Provenance and assumptions of a result, side by side where there is room."""
    return (
        f'<div class="ls-results ls-source"><section><h2>{say_html("source.provenance")}'
        f"</h2>{provenance(report)}</section>"
        f"<section><h2>{say_html('source.assumptions')}</h2>{assumptions(report)}</section></div>"
    )
