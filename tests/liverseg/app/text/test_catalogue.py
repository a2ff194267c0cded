"""Every language has the same texts, and every text that the page asks for is there."""

import ast
import re
from pathlib import Path

import pytest

from liverseg.analysis.plausibility.messages import CHECK, DOUBT_SENTENCES, make_doubt
from liverseg.app.html import page_text, waiting_text
from liverseg.app.html.viewer_text import KEYS, script_texts
from liverseg.app.page.marks import I18N
from liverseg.app.text.catalogue import say, speaking, texts
from liverseg.app.text.core_sentences import PREFIX, core_html, translation_of
from liverseg.app.text.languages import ENGLISH, NAMES
from liverseg.core.window import PRESETS

ROOT = Path(__file__).parents[4]
GRAMMAR = {"are", "have"}
"""Placeholders for English verbs, which a translation does not need."""

JOINED = (
    "mm) is shorter",
    "mm) are shorter",
    "precision not defined of tumour pixels",
    "header)",
)
"""Pieces that the core joins from several texts."""

ASKED = re.compile(r"""\b(?:say|say_html|mark|_slider|_label)\(\s*["']([\w.-]+)["']""")


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def strings_of_the_package() -> str:
    """All texts in the code outside the page, with `{}` for every value that is put in."""
    found = []
    for folder in ("analysis", "core", "inference", "io", "rendering", "app/state"):
        for path in (ROOT / "liverseg" / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    found.append((ROOT / "liverseg/errors.py").read_text(encoding="utf-8"))
    return "\n".join(found)


@pytest.mark.parametrize("language", set(NAMES) - {ENGLISH})
def test_a_language_has_the_texts_of_english_with_the_same_placeholders(language):
    english, others = texts(ENGLISH), texts(language)
    assert list(others) == list(english)
    assert all(text.strip() for text in others.values())
    different = [
        key
        for key, text in english.items()
        if placeholders(text) - (GRAMMAR if key.startswith(PREFIX) else set()) != placeholders(others[key])
    ]
    assert not different


def test_every_text_that_the_page_asks_for_exists():
    asked = {
        key
        for path in (ROOT / "liverseg/app").rglob("*.py")
        for key in ASKED.findall(path.read_text(encoding="utf-8"))
        if not key.startswith("part.") and "." in key
    }
    assert len(asked) > 100 and asked <= set(texts(ENGLISH))
    assert all(f"window.{name}" in texts(ENGLISH) for name in PRESETS)
    assert [name for name, _ in script_texts("de")["viewer"]["keys"]][-1] == "?" and len(KEYS) == 20


@pytest.mark.parametrize("language", NAMES)
def test_the_parts_of_the_page_are_in_its_language(language):
    marks = I18N.translations[language]
    assert marks["label.slice"] == texts(language)["label.slice"]
    with speaking(language):
        assert say("tagline") in marks["part.header"] and page_text.header() == marks["part.header"]


def test_sentences_of_the_core_are_those_that_the_core_writes():
    """Pieces between values and punctuation are found in the code, so that a changed sentence is noticed."""
    written = strings_of_the_package()
    lost = [
        (key, piece.strip())
        for key, text in texts(ENGLISH).items()
        if key.startswith(PREFIX)
        for piece in re.split(r"\{\w+\}|[:;.,]|(?:was|were) removed", text)
        if len(piece.strip()) >= 8 and piece.strip() not in written and piece.strip() not in JOINED
    ]
    assert not lost


@pytest.mark.parametrize("language", set(NAMES) - {ENGLISH})
def test_every_doubt_is_translated(language):
    values = {
        "confidence": 0.5,
        "pixels": "0.3 × 0.3",
        "low": 0.4,
        "high": 1.6,
        "distance": 10.0,
        "limit": 8.0,
    }
    named = {"lesions": "Lesions 1, 2 and 3 more", "are": "are", "have": "have"}
    with speaking(language):
        for reason in DOUBT_SENTENCES:
            sentence = make_doubt(CHECK, reason, **values, **named).sentence
            shown = translation_of(sentence)
            assert shown is not None and shown != sentence and "Lesions" not in shown


def test_values_reach_the_translation_and_unknown_sentences_are_marked_as_english():
    doubt = make_doubt(CHECK, "gas lesion", lesions="Lesions 1, 2 and 3 more", have="have").sentence
    with speaking("de"):
        assert translation_of(doubt).startswith("Dichte von Luft oder Gas: Läsionen 1, 2 und 3 weitere.")
        assert core_html("Odd <b>.") == 'Nur auf Englisch: <span lang="en">Odd &lt;b&gt;.</span>'
        assert waiting_text.place_sentence(2, 41).endswith("Ihr Lauf beginnt in etwa 40 s.")
    assert translation_of("Odd.") == "Odd."
