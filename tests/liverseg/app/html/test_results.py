"""The HTML of the results: sizes, units, lesions, provenance, and that all values are escaped."""

from __future__ import annotations

import re
from dataclasses import replace

from liverseg.analysis import report_text
from liverseg.app.html import page_text
from liverseg.app.html import results as results_html
from liverseg.app.state import session
from liverseg.pipeline import AnalysisSettings
from tests.liverseg.lesion_scenes import LIKELY_P, UNSURE_P, ct_of_scan, model_segmenter


def shown(html: str, kind: str) -> str:
    return re.search(rf'data-measure="{kind}">([^<]*)<', html).group(1).replace("\u202f", "")


def test_the_sizes_of_a_picture_are_pixels_as_the_spacing_is_unknown(picture_analysis):
    html = results_html.results_section(picture_analysis, session.slice_counts(picture_analysis.seg, 0))
    assert shown(html, "tumour") == str(picture_analysis.report.tumour.count)
    assert shown(html, "liver") == str(picture_analysis.report.liver.count)
    assert "pixels" in html and "spacing unknown" in html
    assert " mL" not in html and not re.search(r"\d mm²", html)
    assert "40/400" in html  # the assumed window


def test_the_sizes_of_a_volume_are_ml_and_mm2_in_the_slice(volume_analysis):
    html = results_html.results_section(volume_analysis, session.slice_counts(volume_analysis.seg, 2))
    assert shown(html, "tumour") == report_text.number_text(volume_analysis.report.tumour.volume_ml)
    assert shown(html, "liver") == report_text.number_text(volume_analysis.report.liver.volume_ml)
    in_slice = session.slice_counts(volume_analysis.seg, 2).tumour * 0.8 * 0.8
    assert f"in this slice: {report_text.number_text(in_slice)} mm²" in html
    assert shown(html, "share") == report_text.share_text(volume_analysis.report.tumour_share_of_liver)


def test_the_results_have_checkpoint_engine_and_network_time(volume_analysis):
    html = results_html.results_section(volume_analysis, session.slice_counts(volume_analysis.seg, 0))
    for fact in (
        volume_analysis.report.checkpoint.ref,
        volume_analysis.report.checkpoint.sha256[:12],
        volume_analysis.report.engine,
    ):
        assert fact in html
    assert f"{volume_analysis.report.timing_s['network']:.2f} s" in html


def test_the_lesion_table_has_a_limited_number_of_rows(volume_analysis):
    lesion = volume_analysis.report.lesions[0]
    html = results_html.lesion_table(volume_analysis.report)
    assert html.count("<tr") == 1 + len(volume_analysis.report.lesions)
    assert f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm" in html
    assert f"{lesion.mean_probability:.2f} / {lesion.peak_probability:.2f}" in html
    many = replace(volume_analysis.report, lesions=(lesion,) * (results_html.SHOWN_LESIONS + 3))
    assert results_html.lesion_table(many).count("<tr") == 1 + results_html.SHOWN_LESIONS
    assert "3 smaller" in results_html.lesion_table(many)


def test_the_lesion_table_has_mean_hu_and_explains_its_marks(volume_analysis):
    report = volume_analysis.report
    html = results_html.lesion_table(report)
    lesion = report.lesions[0]
    assert f"<td>{lesion.mean_hu:.0f}</td>" in html and "Mean HU" in html
    assert ("†" in html) is not lesion.measurable
    assert "‡" in html and "cut off at the edge" in html, "it reaches the last slice"
    assert 'data-fact="slices-run">4 of 4<' in results_html.provenance(report)


def test_values_are_escaped(volume_analysis):
    report = replace(volume_analysis.report, warnings=("<script>alert(1)</script>",), engine="<b>torch</b>")
    html = (
        results_html.assumptions(report) + results_html.provenance(report) + page_text.problem("<img src=x>")
    )
    assert "<script" not in html and "<b>" not in html and "<img" not in html


def test_results_do_not_contain_the_file_name(picture_analysis, volume_analysis):
    for analysis in (picture_analysis, volume_analysis):
        html = results_html.results_section(analysis, session.slice_counts(analysis.seg, 0))
        assert "MUSTERMANN" not in html and "MUSTERMANN" not in analysis.report.to_json()


def page_result(**cut):
    ct = ct_of_scan()
    return session.analyse_upload([], ct, model_segmenter(), AnalysisSettings(**cut))


def test_likely_lesions_are_the_headline_and_unsure_ones_stand_beside_it():
    analysis = page_result()
    html = results_html.results_section(analysis, session.slice_counts(analysis.seg, 1))
    assert shown(html, "lesions") == "1" and shown(html, "tumour") == "0.230"
    assert "<small>1 unsure, 0.029 mL</small>" in html
    likely, unsure = results_html.lesion_table(analysis.report).split('<tbody class="ls-unsure">')
    assert f"<td>{LIKELY_P:.2f}</td></tr>" in likely and 'data-lesion="1"' in likely
    assert f"<td>{UNSURE_P:.2f}</td></tr>" in unsure and 'data-lesion="2"' in unsure
    assert "1 unsure, 0.029 mL: labelled liver, not counted as tumour" in unsure
    heads = re.findall(r'<th scope="col">([^<]*)', likely)
    assert heads[-1] == "Lesion probability" and f'colspan="{len(heads)}"' in unsure


def test_a_result_with_unsure_lesions_only_says_that_none_is_likely():
    html = results_html.lesion_table(page_result(lesion_cut=0.95).report)
    assert "No likely lesion. 2 unsure, 0.259 mL" in html and html.count("data-lesion") == 2


def test_rows_of_unsure_lesions_are_limited_too():
    report = page_result().report
    many = replace(
        report, lesions=(report.lesions[0],) + (report.lesions[1],) * (results_html.SHOWN_LESIONS + 4)
    )
    html = results_html.lesion_table(many)
    assert html.count("data-lesion") == 1 + results_html.SHOWN_LESIONS
    assert "and 4 more unsure ones; report.csv lists all." in html


def test_without_a_model_nothing_is_unsure(volume_analysis):
    html = results_html.results_section(volume_analysis, session.slice_counts(volume_analysis.seg, 2))
    assert "unsure" not in html and "Lesion probability" not in html
