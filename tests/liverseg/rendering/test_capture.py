"""What is written below the overlay of a secondary capture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liverseg.analysis.plausibility.messages import CHECK
from liverseg.core.window import Window
from liverseg.rendering import capture as module
from liverseg.rendering.slice_view import slice_overlay
from tests.liverseg.io.dicom.conftest import build
from tests.liverseg.io.dicom.edited_scene import edited_scene

WINDOW = Window(40, 400)


@pytest.fixture
def drawn(monkeypatch):
    """The texts drawn below a picture, in order."""
    texts = []
    draw = module.draw_text

    def keep(rgb, text, position, style):
        texts.append(text)
        draw(rgb, text, position, style)

    monkeypatch.setattr(module, "draw_text", keep)
    return texts


def test_the_overlay_stands_above_rows_of_text(drawn):
    ct, seg, report = edited_scene(build())
    picture = module.capture(ct, seg, report, 4, WINDOW)
    above = slice_overlay(ct, seg, 4, WINDOW, module.OUTLINES_ONLY)
    np.testing.assert_array_equal(picture[: len(above)], above)
    assert drawn[0] == "Research, not for clinical use    Slice 5 / 7    Do not trust this result"
    assert drawn[1].startswith("Liver ") and "tumour " in drawn[1]
    assert drawn[2].startswith("1: ") and " mm, " in drawn[2]
    assert drawn[-1].startswith("liverseg ") and "segformer-b0@1.0.1" in drawn[-1]
    assert all(text.isascii() for text in drawn), "Pillow's built-in font has few other characters"


def test_unsure_and_rejected_lesions_are_called_so(drawn):
    ct, seg, report = edited_scene(build())
    for z in range(len(ct.hu)):
        module.capture(ct, seg, report, z, WINDOW)
    text = " ".join(drawn)
    assert "2 rejected: " in text and "3 unsure: " in text


def test_the_notice_is_on_every_slice_and_pictures_have_one_size(drawn):
    ct, seg, report = edited_scene(build())
    shapes = {module.capture(ct, seg, report, z, WINDOW).shape for z in range(len(ct.hu))}
    assert len(shapes) == 1
    assert sum(text.startswith(module.RESEARCH_ONLY) for text in drawn) == len(ct.hu)


def test_a_result_without_doubts_has_no_word_on_them(drawn):
    ct, seg, report = edited_scene(build())
    doubt = replace(report.doubts[0], severity=CHECK)
    for doubts, word in (((), "Slice 5 / 7"), ((doubt,), "Slice 5 / 7    Check this result")):
        drawn.clear()
        module.capture(ct, seg, replace(report, doubts=doubts), 4, WINDOW)
        assert drawn[0].endswith(word)


def test_lesions_beyond_the_rows_are_counted():
    facts = [f"{k}: 10.0 x 8.00 mm, 1.00 mL" for k in range(1, 13)]
    rows = module._rows(facts, 420, 12)
    shown = sum(row.count("mm,") for row in rows)
    assert 2 <= shown < 12 and rows[-1].endswith(f"{12 - shown} more")
    assert all(module.text_width(row, 12) <= 460 for row in rows)
    assert module._rows(facts[:1], 420, 12) == [facts[0], ""]


def test_a_picture_without_spacing_gives_pixels(drawn):
    ct, seg, report = edited_scene(build())
    lesions = tuple(
        replace(one, longest_diameter_mm=None, perpendicular_diameter_mm=None) for one in report.lesions
    )
    module.capture(ct, seg, replace(report, lesions=lesions), 4, WINDOW)
    assert " px, " in drawn[2]
