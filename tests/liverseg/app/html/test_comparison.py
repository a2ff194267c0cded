"""The HTML of a comparison: agreement, measures of both checkpoints, matched lesions."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from liverseg.analysis.report_text import size_text
from liverseg.app.html import comparison
from liverseg.app.html.lesion_cards import SHOWN_LESIONS
from liverseg.app.state import session
from liverseg.app.state.session import PageAnalysis
from liverseg.core.segmentation import TUMOUR
from liverseg.pipeline import AnalysisSettings
from tests.liverseg.lesion_scenes import ct_of_scan, model_segmenter
from tests.liverseg.volume_checkpoints import slice_segmenter


@pytest.fixture(scope="module")
def compared(checkpoints, nifti, volume_analysis) -> PageAnalysis:
    """The volume with a second checkpoint, on the same image."""
    second = session.analyse_upload([nifti], volume_analysis.ct, checkpoints.segmenter("segformer-b0-fast"))
    return volume_analysis.with_second(second)


def rows(html: str) -> dict[str, list[str]]:
    """The cells of each table row without tags, by the first cell."""
    table = (re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", html))
    cells = [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in table]
    return {row[0]: row[1:] for row in cells if row}


def test_the_agreement_is_the_dice_of_both_labels(compared):
    a, b = (one.seg.labels == TUMOUR for one in (compared, compared.second))
    dice = 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))
    html = comparison.agreement_tiles(compared.agreement)
    assert f'data-measure="agree-tumour">{dice:.3f}<' in html
    assert f"only A: {size_text(compared.agreement.tumour.only_a)}" in html


def test_the_measures_are_those_of_the_reports_and_their_difference(compared):
    table = rows(comparison.measures_table(compared, compared.second))
    a, b = (size_text(one.report.liver) for one in (compared, compared.second))
    assert table["Liver without tumour"][:2] == [a, b]
    gap = compared.second.report.liver.count - compared.report.liver.count
    assert table["Liver without tumour"][2].startswith("+" if gap > 0 else comparison.MINUS)
    assert table["Tumour threshold"] == ["0.40", "0.50", ""]


def test_a_checkpoint_agrees_with_itself(volume_analysis):
    same = volume_analysis.with_second(replace(volume_analysis))
    assert 'data-measure="agree-tumour">1.000<' in comparison.agreement_tiles(same.agreement)
    table = rows(comparison.measures_table(same, same.second))
    assert table["Tumour"][2] == "0" and table["Lesions"][2] == "0"


def test_lesions_beyond_the_limit_are_counted(compared):
    match = compared.agreement.lesions[0]
    many = replace(compared.agreement, lesions=(match,) * (SHOWN_LESIONS + 3))
    html = comparison.lesion_matches_table(many)
    assert html.count("<tr>") == 1 + SHOWN_LESIONS and "and 3 more" in html
    assert "Neither found tumour" in comparison.lesion_matches_table(replace(many, lesions=()))


def test_a_volume_has_a_button_to_the_slice_with_the_largest_difference(compared):
    html = comparison.comparison_section(compared, [b"a", b"b", b"c"], "slice 1 of 4")
    most = compared.agreement.most_different_slice
    assert f'data-slice="{most}">Go to slice {most + 1}' in html and html.count("base64,") == 3
    assert "A · segformer-b0 1.0.0" in html and "B · segformer-b0-fast 0.3.0" in html


def test_unsure_lesions_have_a_row_only_where_a_checkpoint_has_a_lesion_model():
    ct, settings = ct_of_scan(), AnalysisSettings()
    a, b = (session.analyse_upload([], ct, one, settings) for one in (model_segmenter(), slice_segmenter()))
    rows = comparison.measures_table(a.with_second(b), b)
    assert "<td>Lesions</td><td>1</td><td>2</td><td>+1</td>" in rows
    assert f"<td>Unsure lesions</td><td>1</td><td>0</td><td>{comparison.MINUS}1</td>" in rows
    assert "Unsure" not in comparison.measures_table(b.with_second(b), b)
    strict = a.with_second(b).at_threshold(0.5, 0.95)
    assert strict.report.decision.unsure == 2 and strict.second.report.tumour == b.report.tumour
