"""What is announced, and what the page's scripts read."""

from __future__ import annotations

import copy

from liverseg.app.html import waiting_text
from liverseg.app.state import session
from liverseg.core.window import DEFAULT_WINDOW
from tests.liverseg.lesion_scenes import model_segmenter


def test_a_result_is_announced_with_its_lesions(volume_analysis, checkpoints, nifti):
    assert waiting_text.result_sentence(volume_analysis) == "Result ready: 1 lesion."
    assert waiting_text.result_sentence(volume_analysis.at_threshold(1.0)) == "Result ready: no lesions."
    rejected = volume_analysis.with_rejected([1])
    assert waiting_text.result_sentence(rejected) == "Result ready: no lesions."
    segmenter = copy.copy(checkpoints.segmenter(None))
    segmenter.rules = model_segmenter().rules
    ct = session.read_input([nifti], DEFAULT_WINDOW)
    modelled = session.analyse_upload([nifti], ct, segmenter)
    assert [lesion.likely for lesion in modelled.report.lesions].count(True) == 1
    unsure = len(modelled.report.lesions) - 1
    said = f"Result ready: 1 likely lesion, {unsure or 'no'} unsure."
    assert waiting_text.result_sentence(modelled) == said
    none_likely = modelled.at_threshold(modelled.seg.threshold, 1.0)
    said = f"Result ready: no likely lesions, {unsure + 1} unsure."
    assert waiting_text.result_sentence(none_likely) == said
    assert 'data-cut="1.0"' in waiting_text.stamped("", none_likely)


def test_what_scripts_read_is_escaped_and_results_carry_their_threshold(volume_analysis):
    data = waiting_text.session_data("abc", "k-_", 'say "this" <b>')
    assert data == '<i data-session="abc" data-key="k-_" data-said="say &quot;this&quot; &lt;b&gt;"></i>'
    stamped = waiting_text.stamped("<p>", volume_analysis)
    assert stamped == '<div class="ls-levels" data-threshold="0.4"><p></div>'
