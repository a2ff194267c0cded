"""The visitor's state and the words of the page, without gradio."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import liverseg
from liverseg.analysis import report_text
from liverseg.app.html import page_text
from liverseg.app.html import results as results_html
from liverseg.app.state import session
from liverseg.app.state.checkpoints import MAX_LOADED, Checkpoints
from liverseg.app.state.view import View
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import CheckpointRefused, UnreadableInput
from registry import open_registries


@pytest.fixture(scope="module")
def volume(checkpoints, nifti):
    ct = session.read_input([nifti], DEFAULT_WINDOW)
    return session.analyse([nifti], ct, checkpoints.segmenter(None))


@pytest.fixture(scope="module")
def picture(checkpoints, png):
    ct = session.read_input([png], DEFAULT_WINDOW)
    return session.analyse([png], ct, checkpoints.segmenter(None))


def test_starts_on_the_slice_with_most_tumour_and_keeps_the_window_for_hu(volume):
    view = session.initial_view(volume, View(window=Window(60, 200)))
    assert (view.slice_index, view.window) == (2, Window(60, 200))


def test_a_picture_starts_in_the_window_it_was_made_with(checkpoints, png):
    ct = session.read_input([png], Window(60, 200))
    analysis = session.analyse([png], ct, checkpoints.segmenter(None))
    assert analysis.is_picture
    assert session.initial_view(analysis, View()).window == Window(60, 200)
    wide = replace(analysis, ct=replace(analysis.ct, assumed_window=Window(1024, 4096)))
    assert session.initial_view(wide, View()).window == Window(1000, 3000)


def test_another_threshold_measures_anew_and_keeps_the_probabilities(volume):
    low, high = volume.at_threshold(0.1), volume.at_threshold(0.95)
    assert low.report.tumour.count > volume.report.tumour.count > high.report.tumour.count
    assert low.seg.tumour_probability is volume.seg.tumour_probability
    assert low.report == replace(low.report, timing_s=low.report.timing_s)
    assert volume.at_threshold(volume.seg.threshold) is volume


def test_three_jpegs_of_one_size_that_show_the_pictures(volume):
    drawn = session.draw_pictures(volume, View(slice_index=2))
    for rgb in drawn:
        decoded = np.asarray(Image.open(io.BytesIO(session.as_jpeg(rgb))))
        assert decoded.shape == drawn[0].shape
        assert np.abs(decoded.astype(int) - rgb).mean() < 3


def test_slice_counts_add_up_to_the_report(volume):
    counts = [session.slice_counts(volume.seg, index) for index in range(4)]
    assert sum(c.tumour for c in counts) == volume.report.tumour.count > 0
    assert sum(c.liver for c in counts) == volume.report.liver.count > 0
    assert counts[0].tumour < counts[2].tumour


def test_an_upload_that_was_deleted_is_refused(tmp_path):
    with pytest.raises(UnreadableInput, match="Upload it again"):
        session.read_input([str(tmp_path / "gone.png")], DEFAULT_WINDOW)
    with pytest.raises(UnreadableInput, match="Choose a file"):
        session.read_input([], DEFAULT_WINDOW)


def shown(html: str, kind: str) -> str:
    return re.search(rf'data-measure="{kind}">([^<]*)<', html).group(1).replace("\u202f", "")


def test_the_numbers_of_a_picture_are_pixels_and_it_says_so(picture):
    html = results_html.results_section(picture, session.slice_counts(picture.seg, 0))
    assert shown(html, "tumour") == str(picture.report.tumour.count)
    assert shown(html, "liver") == str(picture.report.liver.count)
    assert "pixels" in html and "spacing unknown" in html
    assert " mL" not in html and not re.search(r"\d mm²", html)
    assert "40/400" in html  # what was assumed


def test_the_numbers_of_a_volume_are_ml_and_mm2_of_the_slice(volume):
    html = results_html.results_section(volume, session.slice_counts(volume.seg, 2))
    assert shown(html, "tumour") == report_text.number(volume.report.tumour.volume_ml)
    assert shown(html, "liver") == report_text.number(volume.report.liver.volume_ml)
    in_slice = session.slice_counts(volume.seg, 2).tumour * 0.8 * 0.8
    assert f"in this slice: {report_text.number(in_slice)} mm²" in html
    assert shown(html, "share") == report_text.share(volume.report.tumour_share_of_liver)


def test_the_result_says_where_it_comes_from(volume):
    html = results_html.results_section(volume, session.slice_counts(volume.seg, 0))
    for fact in (volume.report.checkpoint.ref, volume.report.checkpoint.sha256[:12], volume.report.engine):
        assert fact in html
    assert f"{volume.report.timing_s['network']:.2f} s" in html


def test_every_lesion_has_its_row_up_to_a_limit(volume):
    lesion = volume.report.lesions[0]
    html = results_html.lesion_table(volume.report)
    assert html.count("<tr") == 1 + len(volume.report.lesions)
    assert f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm" in html
    assert f"{lesion.mean_probability:.2f} / {lesion.peak_probability:.2f}" in html
    many = replace(volume.report, lesions=(lesion,) * (results_html.SHOWN_LESIONS + 3))
    assert results_html.lesion_table(many).count("<tr") == 1 + results_html.SHOWN_LESIONS
    assert "3 smaller" in results_html.lesion_table(many)


def test_what_is_put_into_html_is_escaped(volume):
    report = replace(volume.report, warnings=("<script>alert(1)</script>",), engine="<b>torch</b>")
    html = (
        results_html.assumptions(report) + results_html.provenance(report) + page_text.problem("<img src=x>")
    )
    assert "<script" not in html and "<b>" not in html and "<img" not in html


def test_nothing_on_the_page_tells_the_file_name(picture, volume):
    for analysis in (picture, volume):
        html = results_html.results_section(analysis, session.slice_counts(analysis.seg, 0))
        assert "MUSTERMANN" not in html and "MUSTERMANN" not in analysis.report.to_json()


def test_entries_tell_name_version_dice_and_licence_default_first(checkpoints):
    labels = checkpoints.choices()
    assert labels[0] == (
        "segformer-b0 1.0.0 · liver 0.945 · tumour 0.463 · CC BY-NC-SA 4.0",
        "segformer-b0@1.0.0",
    )
    assert labels[1][1] == "segformer-b0-fast@0.3.0"
    card = page_text.checkpoint_card(checkpoints.find(None))
    assert "0.945 (n = 26)" in card and "LiTS val" in card and "every slice at full resolution" in card


def test_a_loaded_checkpoint_is_shared_and_an_unknown_one_refused(checkpoints):
    assert checkpoints.segmenter("segformer-b0") is checkpoints.segmenter(None)
    assert len(checkpoints.list()) <= MAX_LOADED
    with pytest.raises(CheckpointRefused, match="nothing-like-it"):
        checkpoints.segmenter("nothing-like-it")


def test_a_tampered_checkpoint_is_refused(registry_folder, tmp_path):
    import shutil

    copy = shutil.copytree(registry_folder, tmp_path / "registry")
    model = copy / "segformer-b0" / "model.pt"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    own = Checkpoints(open_registries(str(copy)), engine="torch")
    with pytest.raises(CheckpointRefused):
        own.segmenter("segformer-b0")
    assert own.segmenter("segformer-b0-fast").identity.ref == "segformer-b0-fast@0.3.0"


def test_the_page_agrees_with_the_library(checkpoints, png, picture):
    segmenter = checkpoints.segmenter(None)
    ct = liverseg.read(png)
    expected = liverseg.measure(ct, segmenter.segment(ct))
    assert (expected.liver, expected.tumour) == (picture.report.liver, picture.report.tumour)
