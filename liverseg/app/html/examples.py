"""The HTML of the examples: their gallery, and what is said about the one shown. Values are escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

from liverseg.app.state.example_list import Example
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.truth_dice import TruthDice
from liverseg.app.text.catalogue import say, say_html
from liverseg.app.text.core_sentences import translation_of

GALLERY_JS = """
element.addEventListener('click', event => {
  const button = event.target.closest('[data-example]');
  if (button) trigger('select', { example: button.dataset.example });
});
"""
"""A click on an example shows it."""


def gallery(examples: Sequence[Example], thumbnails: Mapping[str, bytes]) -> str:
    """A button for each example, with its title and, where it is prepared, a picture (JPEG) of its result."""
    if not examples:
        return ""
    return (
        f'<div class="ls-gallery">{"".join(_button(one, thumbnails.get(one.key)) for one in examples)}</div>'
    )


def _button(example: Example, thumbnail: bytes | None) -> str:
    title = escape(shown_title(example.title))
    picture = '<span class="ls-no-picture"></span>'
    if thumbnail is not None:
        data = base64.b64encode(thumbnail).decode()
        picture = f'<img alt="" src="data:image/jpeg;base64,{data}">'
    return (
        f'<button type="button" data-example="{escape(example.key)}" '
        f'aria-label="{say_html("example.button")} {title}">'
        f"{picture}<span>{title}</span></button>"
    )


def shown_title(title: str) -> str:
    """The title or licence of an example; that of a built-in one in the language of the visitor."""
    return translation_of(title) or title


def note(analysis: PageAnalysis | None) -> str:
    """What is said about the example shown: a sentence, the Dice against its truth, its licence and source.

    Empty for an upload.
    """
    if analysis is None or analysis.example is None or analysis.voxels is None:
        return ""
    about = analysis.example.about
    dice = analysis.voxels.truth_dice
    measured = "" if dice is None else f'<span data-fact="truth">{escape(dice_sentence(dice))}</span>'
    origin = [f"<b>{escape(shown_title(about.title))}</b>", escape(shown_title(about.licence))]
    if about.citation:
        origin.append(escape(about.citation))
    if about.source:
        origin.append(
            f'<a href="{escape(about.source)}" target="_blank" rel="noopener">{say("example.source")}</a>'
        )
    sentence = say("example.arrival" if len(analysis.ct.hu) > 1 else "example.arrival_slice")
    return (
        f'<div class="ls-example"><p>{escape(sentence)}</p>'
        f'<p class="ls-label">{measured} <span data-fact="origin">{" · ".join(origin)}</span></p></div>'
    )


def dice_sentence(dice: TruthDice) -> str:
    """The Dice of a result against the truth, in one sentence.

    >>> dice_sentence(TruthDice(0.962, 0.81))
    'Dice against the truth: liver 0.96, tumour 0.81.'
    >>> dice_sentence(TruthDice(0.97, None))
    'Dice against the truth: liver 0.97; rightly no tumour.'
    """
    if dice.liver is None:
        return say("example.no_liver")
    liver = f"{dice.liver:.2f}"
    if dice.tumour is None:
        return say("example.dice_liver", liver=liver)
    return say("example.dice", liver=liver, tumour=f"{dice.tumour:.2f}")


def preparing() -> str:
    """The sentence of a page whose first example is not ready yet."""
    return f'<p class="ls-example" role="status">{say_html("example.preparing")}</p>'
