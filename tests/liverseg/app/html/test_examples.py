"""The gallery of the examples, and what is said about the one shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liverseg.app.html import examples as examples_html
from liverseg.app.state.example_case import ExampleCase
from liverseg.app.state.example_list import Example, ExampleFiles
from liverseg.app.state.prepared_results import digest_of_image
from liverseg.app.state.truth_dice import TruthDice
from liverseg.app.text.catalogue import say

FILES = ExampleFiles(("ct.nii.gz",))
QUOTED = Example(
    "1",
    'Liver & "tumour" <1>',
    lambda: FILES,
    licence="CC BY <4.0>",
    citation="A & B",
    source="https://example.org/?a=1&b=<2>",
)


@pytest.fixture
def shown(volume_analysis):
    """The result of the volume as that of an example whose truth is the result's own tumour as liver."""
    truth = np.minimum(volume_analysis.seg.labels, 1)
    case = ExampleCase(QUOTED, FILES, volume_analysis.ct, truth, digest_of_image(volume_analysis.ct))
    return replace(volume_analysis, example=case)


def test_every_example_has_a_button_with_its_name_and_its_picture():
    other = Example("two", "Other", lambda: FILES)
    html = examples_html.gallery([QUOTED, other], {"two": b"jpeg"})
    assert html.count("<button") == html.count("aria-label=") == 2
    assert 'aria-label="Example: Liver &amp; &quot;tumour&quot; &lt;1&gt;"' in html
    first, second = html.split("</button>")[:2]
    assert "<img" not in first and 'data-example="1"' in first
    assert '<img alt="" src="data:image/jpeg;base64,anBlZw==">' in second
    assert examples_html.gallery([], {}) == ""


def test_the_note_has_the_dice_the_licence_and_the_source_escaped(shown, picture_analysis):
    html = examples_html.note(shown)
    assert say("example.arrival") in html
    assert "liver 1.00, tumour 0.00" in html
    assert "CC BY &lt;4.0&gt;" in html and "A &amp; B" in html
    assert 'href="https://example.org/?a=1&amp;b=&lt;2&gt;"' in html
    assert "<4.0>" not in html and "<2>" not in html


def test_the_note_of_an_upload_is_empty_and_an_unknown_truth_has_no_dice(shown, volume_analysis):
    assert examples_html.note(None) == examples_html.note(volume_analysis) == ""
    case = replace(shown.example, truth=None)
    assert "Dice" not in examples_html.note(replace(volume_analysis, example=case))


def test_a_healthy_liver_without_any_tumour_is_right():
    assert "rightly no tumour" in examples_html.dice_sentence(TruthDice(0.97, None))
    assert "tumour 0.00" in examples_html.dice_sentence(TruthDice(0.97, 0.0))
