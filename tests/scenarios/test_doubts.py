"""Doubts from the plausibility checks reach the report, the page and the command line."""

from __future__ import annotations

import re

import numpy as np

from liverseg.analysis.measure import measure
from liverseg.analysis.plausibility.messages import CHECK, DO_NOT_TRUST
from liverseg.app.html.results import doubts_section
from liverseg.app.text.catalogue import say
from liverseg.cli.output import report_summary
from tests.liverseg.analysis.plausibility.scenes import certain_segmentation, good_slices


def test_doubts_reach_the_report_the_page_and_the_command_line():
    hu, organ = good_slices()[0]
    report = measure(
        *certain_segmentation(np.ascontiguousarray(hu[:, ::-1]), np.ascontiguousarray(organ[:, ::-1]))
    )
    assert report.doubts and report.warnings[0] == report.doubts[0].warning
    assert report.to_dict()["doubts"][0]["severity"] in (DO_NOT_TRUST, CHECK)
    page = doubts_section(report)
    text = re.sub(r"<[^>]*>", "", page)
    assert all(doubt.sentence in text for doubt in report.doubts) and "data-severity" in page
    assert f"note        {report.warnings[0]}" in report_summary(report)
    assert say("doubt.none") in re.sub(
        r"<[^>]*>", "", doubts_section(measure(*certain_segmentation(hu, organ)))
    )
