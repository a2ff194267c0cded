"""The HTML of the examples: their gallery, and what is said about the one shown. Values are escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape

from liverseg.app.state.example_list import Example
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.truth_dice import TruthDice

ARRIVAL = "An AI outlined this liver and its tumours. Scroll, or try your own CT."
"""The sentence above the example that the page opens with; a volume can be scrolled."""

ARRIVAL_SLICE = "An AI outlined this liver and its tumours. Look at the numbers, or try your own CT."

PREPARING = (
    "The examples are being prepared for the first time; the first appears here as soon as it is ready."
)
NO_LIVER_DICE = "Neither the result nor the truth has any liver."

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
    title = escape(example.title)
    picture = '<span class="ls-no-picture"></span>'
    if thumbnail is not None:
        data = base64.b64encode(thumbnail).decode()
        picture = f'<img alt="" src="data:image/jpeg;base64,{data}">'
    return (
        f'<button type="button" data-example="{escape(example.key)}" aria-label="Example: {title}">'
        f"{picture}<span>{title}</span></button>"
    )


def note(analysis: PageAnalysis | None) -> str:
    """What is said about the example shown: a sentence, the Dice against its truth, its licence and source.

    Empty for an upload.
    """
    if analysis is None or analysis.example is None or analysis.voxels is None:
        return ""
    about = analysis.example.about
    dice = analysis.voxels.truth_dice
    measured = "" if dice is None else f'<span data-fact="truth">{escape(dice_sentence(dice))}</span>'
    origin = [f"<b>{escape(about.title)}</b>", escape(about.licence)]
    if about.citation:
        origin.append(escape(about.citation))
    if about.source:
        origin.append(f'<a href="{escape(about.source)}" target="_blank" rel="noopener">Source</a>')
    return (
        f'<div class="ls-example"><p>{escape(ARRIVAL if len(analysis.ct.hu) > 1 else ARRIVAL_SLICE)}</p>'
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
        return NO_LIVER_DICE
    tumour = "; rightly no tumour" if dice.tumour is None else f", tumour {dice.tumour:.2f}"
    return f"Dice against the truth: liver {dice.liver:.2f}{tumour}."


def preparing() -> str:
    """The sentence of a page whose first example is not ready yet."""
    return f'<p class="ls-example" role="status">{escape(PREPARING)}</p>'
