"""The cards of the lesions: values, order, folds, marks, and the buttons that scripts look for."""

from __future__ import annotations

import re
from dataclasses import replace

from liverseg.app.html.lesion_cards import SHOWN_LESIONS, lesion_card, lesion_list
from liverseg.app.state import session
from liverseg.pipeline import AnalysisSettings
from tests.liverseg.lesion_scenes import LIKELY_P, UNSURE_P, ct_of_scan, model_segmenter


def report_of_scan(**cut):
    return session.analyse_upload([], ct_of_scan(), model_segmenter(), AnalysisSettings(**cut)).report


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def test_a_card_has_number_size_diameters_hu_slices_and_probabilities(volume_analysis):
    report = volume_analysis.report
    lesion = report.lesions[0]
    html = lesion_card(lesion, report)
    assert f'data-lesion="{lesion.id}" data-at="{lesion.diameter_slice}" class="ls-lesion"' in html
    assert re.search(rf'class="ls-number" data-go [^>]*>{lesion.id}</button>', html)
    assert f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm" in html
    first, last = lesion.slice_range
    for fact in (
        f"mean {lesion.mean_hu:.0f} HU",
        f"slices {first + 1}–{last + 1}",
        f"tumour probability {lesion.mean_probability:.2f}, peak {lesion.peak_probability:.2f}",
    ):
        assert f"<span>{fact}</span>" in html
    assert f'<button type="button" data-reject="{lesion.id}" aria-pressed="false"' in html


def test_a_picture_has_no_hu_and_nothing_to_go_to(picture_analysis):
    html = lesion_list(picture_analysis.report)
    assert "data-reject" in html and "data-go" not in html
    assert " HU<" not in html and "slice" not in text_of(html) and "pixels" in html


def test_marks_are_explained_where_they_are_used(volume_analysis):
    report = volume_analysis.report
    html = lesion_list(report)
    assert ("†" in html) is any(not lesion.measurable for lesion in report.lesions)
    assert "‡" in html and "cut off at the edge" in html, "it reaches the last slice"
    inside = replace(report, lesions=(replace(report.lesions[0], touches_edge=False, measurable=True),))
    assert "ls-marks" not in lesion_list(inside)


def test_the_number_of_cards_is_limited(volume_analysis):
    lesion = volume_analysis.report.lesions[0]
    many = replace(volume_analysis.report, lesions=(lesion,) * (SHOWN_LESIONS + 3))
    html = lesion_list(many)
    assert html.count("<article") == SHOWN_LESIONS
    assert "and 3 smaller ones; report.csv lists all." in html
    assert f'data-measure="lesions">{SHOWN_LESIONS + 3}<' in html


def test_likely_lesions_come_first_and_unsure_ones_are_folded():
    html = lesion_list(report_of_scan())
    assert 'data-measure="lesions">1</b> <small>1 unsure, 0.029 mL</small>' in html
    likely, unsure = html.split('<details class="ls-unsure-lesions" data-fold="unsure">')
    assert f"lesion probability {LIKELY_P:.2f}" in likely and 'data-lesion="1"' in likely
    assert f"lesion probability {UNSURE_P:.2f}" in unsure and 'data-lesion="2"' in unsure
    assert 'class="ls-lesion ls-unsure"' in unsure and "ls-unsure" not in likely
    assert "1 unsure, 0.029 mL: labelled liver, not counted as tumour" in text_of(unsure)


def test_a_result_with_unsure_lesions_only_says_that_none_is_likely():
    html = lesion_list(report_of_scan(lesion_cut=0.95))
    assert "No likely lesion." in html and 'data-measure="lesions">0<' in html
    assert "2 unsure, 0.259 mL" in html and html.count("<article") == 2


def test_no_lesion_at_all_is_said(volume_analysis):
    html = lesion_list(replace(volume_analysis.report, lesions=()))
    assert "No tumour at this threshold." in html and "<article" not in html


def test_without_a_model_nothing_is_unsure(volume_analysis):
    html = lesion_list(volume_analysis.report)
    assert "unsure" not in html and "lesion probability" not in html


def test_a_rejected_lesion_stays_in_sight_and_can_be_restored():
    report = report_of_scan()
    first = replace(report.lesions[0], likely=False, rejected=True)
    html = lesion_list(replace(report, lesions=(first, report.lesions[1])))
    card, _ = html.split("<details")
    assert 'class="ls-lesion ls-rejected"' in card and "Rejected by you: not counted" in card
    assert re.search(r'data-reject="1" aria-pressed="true" [^>]*>Restore</button>', card)
    assert 'data-measure="lesions">0<' in card
