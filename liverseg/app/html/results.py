"""The HTML of the panel beside the pictures: doubts, sizes, lesions, and the counts of the slice shown.

All values are escaped. Nothing in the panel but the slice note changes with the slice, so that what a reader
has unfolded or scrolled to stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from liverseg.analysis.plausibility.messages import DO_NOT_TRUST, Doubt
from liverseg.analysis.report import Amount, Report
from liverseg.analysis.report_text import number_text, share_text
from liverseg.app.html.lesion_cards import lesion_list
from liverseg.app.html.measures_text import size_and_unit
from liverseg.app.state.session import PageAnalysis, SliceCounts
from liverseg.app.text.catalogue import say, say_html
from liverseg.app.text.core_sentences import translation_of

FOLD_FROM = 90
"""Letters from which a doubt shows its first sentence only; the rest unfolds."""

RESULTS_JS = """
const folds = new Map();
let image = null, top = 0, asked = false, reject = null;
const panel = () => element.querySelector('.ls-results');
const scroller = element.closest('#ls-results') || element;
scroller.addEventListener('scroll', () => { top = scroller.scrollTop; });
element.addEventListener('toggle', event => {
  if (event.target.dataset.fold) folds.set(event.target.dataset.fold, event.target.open);
}, true);
element.addEventListener('click', event => {
  const button = event.target.closest('[data-reject]');
  if (!button) return;
  reject = button.dataset.reject;
  trigger('select', { reject: Number(reject) });
});
for (const kind of ['click', 'change', 'drop']) document.addEventListener(kind, event => {
  if (event.isTrusted && event.target.closest && event.target.closest('#ls-input')) asked = true;
}, true);
watch('value', () => {
  const shown = panel(), now = shown ? shown.dataset.image : null, focused = reject;
  reject = null;
  if (!shown) { image = null; return; }
  if (now !== image) {
    image = now;
    folds.clear();
    scroller.scrollTop = top = 0;
    if (asked && matchMedia('(max-width: 1099px)').matches) {
      delete document.querySelector('#ls-controls').dataset.open;
      document.querySelector('#ls-output').scrollIntoView();
    }
    asked = false;
    return;
  }
  element.querySelectorAll('details[data-fold]').forEach(fold => {
    if (folds.has(fold.dataset.fold)) fold.open = folds.get(fold.dataset.fold);
  });
  scroller.scrollTop = top;
  const again = focused && element.querySelector(`[data-reject="${focused}"]`);
  if (again) again.focus({ preventScroll: true });
});
"""
"""Keeps folds, scroll position and focus when the numbers change; sends which lesion is rejected or restored.

On a narrow screen the result of an upload or example closes the settings and scrolls into sight.
"""


def tile(name: str, value: str, unit: str, notes: Sequence[str], kind: str) -> str:
    """A large number with its unit and notes below it; `kind` names the tile."""
    small = "".join(f"<small>{escape(note)}</small>" for note in notes if note)
    return (
        f'<div class="ls-tile ls-{kind}"><h3>{escape(name)}</h3>'
        f'<p><b data-measure="{kind}">{escape(value)}</b> <span>{escape(unit)}</span></p>{small}</div>'
    )


def _size_note(size: Amount) -> str:
    """The pixels of an area, or why a size is in pixels or voxels."""
    if size.kind == "volume":
        return say("size.no_ml") if size.volume_ml is None else ""
    if size.area_mm2 is None:
        return say("size.no_mm2")
    return f"{number_text(size.count)} {say('unit.pixel' if size.count == 1 else 'unit.pixels')}"


def size_tiles(report: Report) -> str:
    """Tiles of tumour, liver without tumour, and the tumour's share of both together."""
    tiles = (
        tile(say("size.tumour"), *size_and_unit(report.tumour), (_size_note(report.tumour),), "tumour"),
        tile(say("size.liver"), *size_and_unit(report.liver), (_size_note(report.liver),), "liver"),
        tile(say("size.share"), share_text(report.tumour_share_of_liver), "", (), "share"),
    )
    return f'<div class="ls-tiles">{"".join(tiles)}</div>'


_SENTENCE_END = re.compile(r"\. |。(?=.)")


def first_sentence(text: str) -> tuple[str, str]:
    """The first sentence of a text, and the rest.

    >>> first_sentence("The pixels are 0.3 mm. Check every outline. Use the original.")
    ('The pixels are 0.3 mm.', 'Check every outline. Use the original.')
    """
    found = _SENTENCE_END.search(text)
    return (text[: found.end()].rstrip(), text[found.end() :]) if found else (text, "")


def _foldable(head: str, text: str, name: str, is_open: bool = False) -> str:
    """A text after a head (HTML); of a long text only the first sentence shows until it is unfolded."""
    first, rest = first_sentence(text)
    if not rest or len(text) < FOLD_FROM:
        return f"<p>{head}{escape(text)}</p>"
    return (
        f'<details data-fold="{escape(name)}"{" open" if is_open else ""}>'
        f"<summary>{head}{escape(first)}</summary> <p>{escape(rest)}</p></details>"
    )


def _doubt_row(doubt: Doubt) -> str:
    severity = say("doubt.severe" if doubt.severity == DO_NOT_TRUST else "doubt.check")
    head = f"<strong>{escape(severity)}</strong> "
    sentence = translation_of(doubt.sentence) or doubt.sentence
    body = _foldable(head, sentence, f"doubt {doubt.reason}", doubt.severity == DO_NOT_TRUST)
    return f'<li data-severity="{doubt.severity.replace(" ", "-")}">{body}</li>'


def doubts_section(report: Report) -> str:
    """The reasons to doubt a result, the severe ones first; `NO_DOUBTS` where there are none."""
    rows = "".join(map(_doubt_row, report.doubts))
    body = f"<ul>{rows}</ul>" if rows else _foldable("", say("doubt.none"), "no doubts")
    return f'<section class="ls-doubts" role="note"><h2>{say_html("doubt.title")}</h2>{body}</section>'


def results_panel(analysis: PageAnalysis) -> str:
    """The panel of a result: doubts, sizes and lesions."""
    report = analysis.report
    image = "" if analysis.voxels is None else analysis.voxels.image
    return (
        f'<div class="ls-results" data-image="{escape(image)}">'
        f"{doubts_section(report)}{size_tiles(report)}{lesion_list(report)}</div>"
    )


def slice_note(analysis: PageAnalysis, counts: SliceCounts) -> str:
    """Tumour and liver in the slice shown; empty for a single slice, whose sizes are those of the panel."""
    ct = analysis.ct
    if ct.kind != "volume":
        return ""

    def size(count: int) -> str:
        area = None if ct.pixel_area_mm2 is None else count * ct.pixel_area_mm2
        number, unit = size_and_unit(Amount("slice", count, area_mm2=area))
        return escape(f"{number} {unit}")

    tumour, liver = (
        f'<b data-measure="slice-{name}">{size(count)}</b>'
        for name, count in (("tumour", counts.tumour), ("liver", counts.liver))
    )
    return f'<p class="ls-slice-note">{say_html("slice.note").format(tumour=tumour, liver=liver)}</p>'
