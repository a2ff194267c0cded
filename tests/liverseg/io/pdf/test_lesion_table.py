"""The table of lesions: as many rows as fit, a summary of the others, and flags."""

from __future__ import annotations

import re

import numpy as np
import pytest

from liverseg.analysis.measure import measure
from liverseg.io.pdf.lesion_table import LESION_ROW_PT, draw_lesions, fitting_rows
from liverseg.io.pdf.report import report_pdf
from liverseg.io.pdf.style import INK, QUIET
from tests.liverseg.io.pdf.pages import read_back, result, scan
from tests.liverseg.lesion_scenes import LIKELY_P, UNSURE_P, decided


def test_lesions_that_do_not_fit_are_counted_and_summed():
    ct, seg, report = result(scan(80, 20))
    assert len(report.lesions) == 80
    _, text = read_back(report_pdf(ct, seg, report))
    left_out, total, unit = re.search(r"and (\d+) more, ([\d.]+) (\w+) together", text).groups()
    shown = 80 - int(left_out)
    assert 5 <= shown < 80 and unit == "mL"
    ids = [line for line in text.splitlines() if line.isdigit()]
    assert {str(k) for k in range(1, shown + 1)} <= set(ids) and str(shown + 1) not in ids
    assert float(total) == pytest.approx(sum(x.volume_ml for x in report.lesions[shown:]), rel=0.01)


def test_results_without_tumour_or_liver_say_so():
    ct, seg, report = result((scan() > 0).astype(np.uint8))
    assert "No tumour at the threshold of 0.40." in read_back(report_pdf(ct, seg, report))[1]
    ct, seg, report = result(np.zeros_like(scan()))
    text = read_back(report_pdf(ct, seg, report))[1]
    assert "No liver was found" in text and "–" in text


def test_flags_of_lesions_are_explained():
    labels = scan(1)
    labels[5, 90:93, 60:64] = 2  # apart from the liver
    labels[5, 40:44, 125:] = 2  # at the edge
    text = read_back(report_pdf(*result(labels)))[1]
    for words in ("at the edge of the image", "apart from the liver", "shorter than 10 mm"):
        assert words in text
    large = scan(0)
    large[5:7, 20:40, 30:60] = 2
    assert "shorter than" not in read_back(report_pdf(*result(large)))[1]


def test_rows_fill_the_height_and_are_never_fewer_than_one():
    report = result(scan(80, 20))[2]
    assert fitting_rows(report, 0) == 1 and fitting_rows(report, 10_000) == 80
    one_more = [fitting_rows(report, 200 + k * LESION_ROW_PT) for k in range(4)]
    assert np.diff(one_more).tolist() == [1, 1, 1]


def test_unsure_lesions_follow_in_grey_with_their_probability():
    ct, seg = decided()
    _, text = read_back(report_pdf(ct, seg, measure(ct, seg)))
    assert "1 lesion, 0.230 mL; 1 unsure, 0.029 mL (likely from a lesion probability of 0.50)" in text
    assert "u: unsure, not counted as tumour" in text
    assert text.count("1 unsure, 0.029 mL") == 2  # below the number of lesions, and above the table
    assert f"{LIKELY_P:.2f}" in text and f"{UNSURE_P:.2f}" in text
    sheet = DrawnText()
    draw_lesions(sheet, measure(ct, seg), 0, 2)
    assert sheet.colours[f"{LIKELY_P:.2f}"] == INK and sheet.colours[f"{UNSURE_P:.2f}"] == QUIET


class DrawnText:
    """A sheet that keeps the colour of each text."""

    def __init__(self):
        self.colours = {}

    def text(self, x, y, text, style):
        self.colours[text] = style.colour

    def rule(self, *points):
        pass


def test_without_a_model_the_table_has_no_lesion_probability():
    text = read_back(report_pdf(*result(scan(2))))[1]
    assert "Lesion probability" not in text and "unsure" not in text


def test_rejected_lesions_are_grey_flagged_and_named_in_the_head():
    ct, seg = decided()
    report = measure(ct, seg.with_rejected([1]))
    _, text = read_back(report_pdf(ct, seg.with_rejected([1]), report))
    assert "Edited by the user: 1 rejected, 0.230 mL" in text
    assert "x: rejected by the user, not counted as tumour" in text
    assert "Edited by the user: lesion 1 was rejected" in text.replace("\n", " ")
    sheet = DrawnText()
    draw_lesions(sheet, report, 0, 2)
    assert sheet.colours[f"{LIKELY_P:.2f}"] == QUIET
    assert "Edited" not in read_back(report_pdf(ct, seg, measure(ct, seg)))[1]
