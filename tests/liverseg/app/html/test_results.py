"""The HTML of the panel beside the pictures: sizes, units, doubts, the slice's counts, escaping."""

from __future__ import annotations

import re
from dataclasses import replace

from liverseg.analysis import report_text
from liverseg.analysis.plausibility.messages import CHECK, DO_NOT_TRUST, make_doubt
from liverseg.app.html import results as results_html
from liverseg.app.state import session


def shown(html: str, kind: str) -> str:
    return re.search(rf'data-measure="{kind}">([^<]*)<', html).group(1).replace("\u202f", "")


def test_the_sizes_of_a_picture_are_pixels_as_the_spacing_is_unknown(picture_analysis):
    html = results_html.results_panel(picture_analysis)
    assert shown(html, "tumour") == str(picture_analysis.report.tumour.count)
    assert shown(html, "liver") == str(picture_analysis.report.liver.count)
    assert "pixels" in html and "spacing unknown: no mm²" in html
    assert " mL" not in html and not re.search(r"\d mm²", html)


def test_the_sizes_of_a_volume_are_ml(volume_analysis):
    html = results_html.results_panel(volume_analysis)
    report = volume_analysis.report
    assert shown(html, "tumour") == report_text.number_text(report.tumour.volume_ml)
    assert shown(html, "liver") == report_text.number_text(report.liver.volume_ml)
    assert shown(html, "share") == report_text.share_text(report.tumour_share_of_liver)
    assert shown(html, "lesions") == str(len(report.lesions))


def test_the_slice_note_alone_has_what_changes_with_the_slice(volume_analysis, picture_analysis):
    counts = [session.slice_counts(volume_analysis.seg, index) for index in (1, 2)]
    first, second = (results_html.slice_note(volume_analysis, one) for one in counts)
    area = report_text.number_text(counts[1].tumour * 0.8 * 0.8).replace("\u202f", "")
    assert shown(second, "slice-tumour") == f"{area} mm²" and first != second
    counts = session.slice_counts(picture_analysis.seg, 0)
    assert results_html.slice_note(picture_analysis, counts) == "", "the panel has the sizes of the slice"


def test_a_long_doubt_shows_its_first_sentence_and_unfolds(volume_analysis):
    severe, long, short = (
        make_doubt(DO_NOT_TRUST, "not_ct"),
        make_doubt(CHECK, "turned"),
        make_doubt(CHECK, "one-slice lesion", lesions="Lesion 1", are="is"),
    )
    html = results_html.doubts_section(replace(volume_analysis.report, doubts=(severe, long, short)))
    summaries = re.findall(r"<details([^>]*)><summary>(.*?)</summary>", html)
    assert [text for _, text in summaries] == [
        "<strong>Do not trust</strong> This does not look like a CT slice of the abdomen.",
        "<strong>Check</strong> The slice seems to be rotated, upside down or not axial.",
    ]
    assert [" open" in attributes for attributes, _ in summaries] == [True, False]
    assert f"<p><strong>Check</strong> {short.sentence}</p>" in html
    for doubt in (severe, long, short):
        assert doubt.sentence in re.sub(r"<[^>]*>", "", html)


def test_values_are_escaped(volume_analysis):
    doubt = replace(make_doubt(CHECK, "turned"), sentence="<script>alert(1)</script>")
    assert "<script" not in results_html.doubts_section(replace(volume_analysis.report, doubts=(doubt,)))
    assert "<b>1" not in results_html.tile("<b>1</b>", "<b>1</b>", "<b>1</b>", ("<b>1</b>",), "liver")


def test_results_do_not_contain_the_file_name(picture_analysis, volume_analysis):
    for analysis in (picture_analysis, volume_analysis):
        assert "MUSTERMANN" not in results_html.results_panel(analysis)
        assert "MUSTERMANN" not in analysis.report.to_json()
