"""The HTML of the results: sizes, units, lesions, provenance, and that all values are escaped."""

from __future__ import annotations

import re
from dataclasses import replace

from liverseg.analysis import report_text
from liverseg.app.html import page_text
from liverseg.app.html import results as results_html
from liverseg.app.state import session


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
