"""The HTML of a comparison of two checkpoints, A and B (pure). All values are escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from liverseg.analysis.compare import Agreement, StructureAgreement
from liverseg.analysis.lesion_matching import LesionMatch
from liverseg.analysis.report import Amount
from liverseg.analysis.report_text import NOT_MEASURED, dice_text, number_text, share_text, threshold_text
from liverseg.app.html.lesion_cards import SHOWN_LESIONS
from liverseg.app.html.measures_text import size_and_unit, size_text
from liverseg.app.html.page_text import figure
from liverseg.app.html.results import tile
from liverseg.app.state.session import PageAnalysis
from liverseg.app.text.catalogue import say, say_html

MINUS = "\u2212"

Cell = str | tuple[str, str]
"""Content of a table cell: a text, or a text and a small note after it."""

DISPLAY_MODES = ("side", "slider")

COMPARISON_JS = """
const root = element;
const show = () => {
  const mode = root.dataset.mode || (matchMedia('(max-width: 600px)').matches ? 'slider' : 'side');
  const at = root.dataset.at || '50';
  root.dataset.mode = mode;
  root.style.setProperty('--ls-at', at + '%');
  root.querySelectorAll('[data-show]').forEach(
    button => button.setAttribute('aria-pressed', String(button.dataset.show === mode)));
  const range = root.querySelector('.ls-reveal input');
  if (range) { range.value = at; range.setAttribute('aria-valuetext', at + ' % A, ' + (100 - at) + ' % B'); }
};
root.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.show) { root.dataset.mode = button.dataset.show; show(); }
  if (button.dataset.slice) trigger('select', { index: Number(button.dataset.slice) });
});
root.addEventListener('input', event => { root.dataset.at = event.target.value; show(); });
watch('value', show);
show();
"""
"""Switches between side by side and slider; a narrow screen starts with the slider.

Mode and slider position are attributes of the element, so that they survive new content.
"""


def _slider() -> str:
    """The slider that uncovers A over B."""
    return (
        '<div class="ls-reveal"><input type="range" min="0" max="100" value="50" step="1" '
        f'aria-label="{say_html("compare.share")}">'
        '<span class="ls-divider" aria-hidden="true"><i></i></span></div>'
    )


def short_name(analysis: PageAnalysis) -> str:
    """Name and version of the checkpoint of a result."""
    return analysis.seg.checkpoint.ref.replace("@", " ")


def waiting_note(ref: str) -> str:
    """The content of the comparison while the network of the second checkpoint runs."""
    sentence = say("compare.waiting", ref=ref.replace("@", " "))
    return f'<div class="ls-waiting" role="status">{escape(sentence)}</div>'


def comparison_section(analysis: PageAnalysis, jpegs: Sequence[bytes], label: str) -> str:
    """The whole comparison of an analysis with its `second`.

    Args:
        analysis: has `second` and `agreement`.
        jpegs: pictures of A, of B, and of their difference.
        label: names the slice for screen readers.
    """
    second, agreement = analysis.second, analysis.agreement
    assert second is not None and agreement is not None
    names = (f"A · {short_name(analysis)}", f"B · {short_name(second)}", say("compare.where"))
    picture_a, picture_b, picture_difference = (
        figure(name, jpeg, label, kind)
        for name, jpeg, kind in zip(names, jpegs, ("ls-a", "ls-b", "ls-where"), strict=True)
    )
    return (
        f'<section class="ls-comparison" aria-label="{say_html("downloads.comparison")}">'
        f'<div class="ls-compared">{_toolbar(agreement, len(analysis.ct.hu))}'
        f'<div class="ls-viewer ls-pair">{picture_b}{picture_a}{_slider()}{picture_difference}</div></div>'
        f'<div class="ls-results">{agreement_tiles(agreement)}<div class="ls-columns">'
        f"<section><h2>{say_html('compare.measures')}</h2>{measures_table(analysis, second)}</section>"
        f"<section><h2>{say_html('compare.lesions')}</h2>{lesion_matches_table(agreement)}</section></div>"
        "</div></section>"
    )


def _toolbar(agreement: Agreement, slice_count: int) -> str:
    """The buttons above the pictures: display modes, and for a volume a jump to the largest difference."""
    buttons = "".join(
        f'<button type="button" data-show="{mode}">{say_html(f"compare.{mode}")}</button>'
        for mode in DISPLAY_MODES
    )
    most = agreement.most_different_slice
    jump = ""
    if slice_count > 1 and most is not None:
        text = say_html("compare.most", slice=most + 1)
        jump = f'<button type="button" data-slice="{most}">{text}</button>'
    return (
        f'<div class="ls-bar"><div role="group" aria-label="{say_html("compare.how")}">{buttons}'
        f"</div>{jump}</div>"
    )


def agreement_tiles(agreement: Agreement) -> str:
    """Tiles of the agreement of A and B. This is not accuracy: neither is a reference."""
    both, only_a, only_b = (len(agreement.lesions_found_in(which)) for which in ("both", "a", "b"))
    tiles = (
        tile(
            say("compare.agree_tumour"),
            dice_text(agreement.tumour.dice),
            "Dice",
            _exclusive_sizes(agreement.tumour),
            "agree-tumour",
        ),
        tile(
            say("compare.agree_liver"),
            dice_text(agreement.organ.dice),
            "Dice",
            (*_exclusive_sizes(agreement.organ), say("compare.included")),
            "agree-liver",
        ),
        tile(
            say("compare.differing"),
            *size_and_unit(agreement.differing),
            (_differing_share(agreement),),
            "differing",
        ),
        tile(say("compare.shared"), str(both), "", _only(str(only_a), str(only_b)), "shared-lesions"),
    )
    return f'<div class="ls-tiles">{"".join(tiles)}</div>'


def _exclusive_sizes(overlap: StructureAgreement) -> tuple[str, ...]:
    """The sizes that only one of the two found."""
    if overlap.dice is None:
        return (say("compare.neither"),)
    return _only(size_text(overlap.only_a), size_text(overlap.only_b))


def _only(a: str, b: str) -> tuple[str, str]:
    return say("compare.only_a", size=a), say("compare.only_b", size=b)


def _differing_share(agreement: Agreement) -> str:
    """The pixels labelled differently, as a share of those that either labelled liver or tumour."""
    organ = agreement.organ
    either = organ.both.count + organ.only_a.count + organ.only_b.count
    if not either:
        return say("compare.neither")
    return say("compare.of_either", share=share_text(agreement.differing.count / either))


def measures_table(a: PageAnalysis, b: PageAnalysis) -> str:
    """A table of the measures of A, of B, and of B - A."""
    agreement = a.agreement
    assert agreement is not None
    shares = (agreement.tumour_share_of_liver_a, agreement.tumour_share_of_liver_b)
    lesions_a, lesions_b = len(a.report.likely_lesions), len(b.report.likely_lesions)
    unsure_a, unsure_b = (0 if x.report.decision is None else x.report.decision.unsure for x in (a, b))
    unsure = (say("compare.unsure"), str(unsure_a), str(unsure_b), signed_number(unsure_b - unsure_a))
    rows = [
        (say("size.tumour"), *_size_cells(agreement.tumour)),
        (say("size.liver"), *_size_cells(agreement.liver)),
        (say("compare.tumour_share"), *map(share_text, shares), _points(agreement.share_difference)),
        (say("lesions.title"), str(lesions_a), str(lesions_b), signed_number(lesions_b - lesions_a)),
        *([unsure] if a.own_cut is not None or b.own_cut is not None else []),
        (say("label.threshold"), threshold_text(a.seg.threshold), threshold_text(b.seg.threshold), ""),
        (say("fact.network-time"), *(f"{x.report.timing_s.get('network', 0.0):.2f} s" for x in (a, b)), ""),
    ]
    return _table(("", "A", "B", f"B {MINUS} A"), rows)


def _points(share: float | None) -> str:
    return NOT_MEASURED if share is None else say("compare.points", points=signed_number(100 * share, 1))


def signed_number(value: float, decimals: int = 0) -> str:
    """A difference with its sign.

    >>> signed_number(3), signed_number(-1.25, 1), signed_number(0)
    ('+3', '−1.2', '0')
    """
    if not round(value, decimals):
        return "0"
    return ("+" if value > 0 else MINUS) + f"{abs(value):.{decimals}f}"


def _size_cells(overlap: StructureAgreement) -> tuple[Cell, Cell, Cell]:
    """The size in A, in B, and B - A with its share of A."""
    difference, relative = overlap.difference, overlap.relative_difference
    if not difference.count:
        return size_text(overlap.a), size_text(overlap.b), "0"
    magnitude = Amount(
        difference.kind, abs(difference.count), _abs(difference.area_mm2), _abs(difference.volume_ml)
    )
    sign = "+" if difference.count > 0 else MINUS
    note = "" if relative is None else f"{signed_number(100 * relative, 1)} %"
    return size_text(overlap.a), size_text(overlap.b), (f"{sign}{size_text(magnitude)}", note)


def _abs(value: float | None) -> float | None:
    return None if value is None else abs(value)


def lesion_matches_table(agreement: Agreement) -> str:
    """A table of the lesions of A matched with those of B; at most `SHOWN_LESIONS` rows."""
    if not agreement.lesions:
        return '<p class="ls-none">' + say_html("compare.no_tumour") + "</p>"
    rows = [_lesion_cells(match) for match in agreement.lesions[:SHOWN_LESIONS]]
    table = _table(("A", "B", say("compare.size_a"), say("compare.size_b"), "Dice"), rows)
    more = len(agreement.lesions) - SHOWN_LESIONS
    if more <= 0:
        return table
    return f'{table}<p class="ls-none">{say_html("compare.more", count=number_text(more))}</p>'


def _lesion_cells(match: LesionMatch) -> tuple[Cell, ...]:
    return (
        ", ".join(map(str, match.a)) or NOT_MEASURED,
        ", ".join(map(str, match.b)) or NOT_MEASURED,
        size_text(match.amount_a) if match.a else NOT_MEASURED,
        size_text(match.amount_b) if match.b else NOT_MEASURED,
        f"{match.dice:.2f}"
        if match.found_in == "both"
        else say("compare.found_only", which=match.found_in.upper()),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    heads = "".join(f'<th scope="col"{_column_class(name)}>{escape(name)}</th>' for name in head)
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f'<div class="ls-scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _column_class(name: str) -> str:
    """The class attribute of a column that belongs to A or to B, which gives it the colour of its contour."""
    firsts, seconds = ("A", say("compare.size_a")), ("B", say("compare.size_b"))
    css = "ls-first" if name in firsts else "ls-second" if name in seconds else ""
    return f' class="{css}"' if css else ""


def _cell(cell: Cell) -> str:
    text, note = (cell, "") if isinstance(cell, str) else cell
    return f"<td>{escape(text)}" + (f" <small>{escape(note)}</small>" if note else "") + "</td>"
