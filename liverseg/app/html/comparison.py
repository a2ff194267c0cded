"""The HTML of a comparison of two checkpoints (pure). Everything that is put into it is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from liverseg.analysis.compare import Agreement, StructureAgreement
from liverseg.analysis.lesion_matching import LesionMatch
from liverseg.analysis.report import Amount
from liverseg.analysis.report_text import number_text, share_text, size_and_unit, threshold_text
from liverseg.app.html.page_text import figure
from liverseg.app.html.results import SHOWN_LESIONS, tile
from liverseg.app.state.session import PageAnalysis

WHERE = "Where they differ"
Cell = str | tuple[str, str]
"""What stands in a table: a text, or one with a small one after it."""

MINUS = "\u2212"

REVEAL = (
    '<div class="ls-reveal"><input type="range" min="0" max="100" value="50" step="1" '
    'aria-label="How much of A is shown, over B">'
    '<span class="ls-divider" aria-hidden="true"><i></i></span></div>'
)
MODES = (("side", "Side by side"), ("slider", "Slider"))

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
"""Side by side or as a slider (first on a narrow screen), and how far it is drawn: kept by the element,
so that a redraw keeps them."""


def short_name(analysis: PageAnalysis) -> str:
    """Name and version of the checkpoint of a result."""
    return analysis.seg.checkpoint.ref.replace("@", " ")


def waiting(ref: str) -> str:
    """What stands in the comparison's place while its network runs."""
    return f'<div class="ls-waiting" role="status">Comparing with {escape(ref.replace("@", " "))} …</div>'


def comparison(analysis: PageAnalysis, jpegs: Sequence[bytes], label: str) -> str:
    """The whole comparison of an analysis with its `second`: pictures of A, of B and of the difference."""
    second, agreement = analysis.second, analysis.agreement
    assert second is not None and agreement is not None
    names = (f"A · {short_name(analysis)}", f"B · {short_name(second)}", WHERE)
    one, other, where = (
        figure(name, jpeg, label, kind)
        for name, jpeg, kind in zip(names, jpegs, ("ls-a", "ls-b", "ls-where"), strict=True)
    )
    return (
        '<section class="ls-comparison" aria-label="Comparison of two checkpoints">'
        f'<div class="ls-compared">{_bar(agreement, len(analysis.ct.hu))}'
        f'<div class="ls-viewer ls-pair">{other}{one}{REVEAL}{where}</div></div>'
        f'<div class="ls-results">{tiles(agreement)}<div class="ls-columns">'
        f"<section><h2>Numbers of both</h2>{numbers(analysis, second)}</section>"
        f"<section><h2>Lesions of both</h2>{lesions(agreement)}</section></div>"
        f'<h2 class="ls-alone">{escape(names[0])} alone</h2></div></section>'
    )


def _bar(agreement: Agreement, slices: int) -> str:
    buttons = "".join(f'<button type="button" data-show="{mode}">{name}</button>' for mode, name in MODES)
    most = agreement.most_different_slice
    jump = ""
    if slices > 1 and most is not None:
        jump = f'<button type="button" data-slice="{most}">Differ most in slice {most + 1}: go there</button>'
    return f'<div class="ls-bar"><div role="group" aria-label="How to compare">{buttons}</div>{jump}</div>'


def tiles(agreement: Agreement) -> str:
    """How far the two agree. It is no accuracy: neither is a reference."""
    both, only_a, only_b = (len(agreement.lesions_found_in(which)) for which in ("both", "a", "b"))
    parts = (
        tile("Agreement on tumour", _dice(agreement.tumour), "Dice", _only(agreement.tumour), "agree-tumour"),
        tile(
            "Agreement on liver",
            _dice(agreement.organ),
            "Dice",
            (*_only(agreement.organ), "tumours included"),
            "agree-liver",
        ),
        tile("Labelled differently", *size_and_unit(agreement.differing), (_part(agreement),), "differing"),
        tile("Lesions in both", str(both), "", (f"only A: {only_a}", f"only B: {only_b}"), "shared-lesions"),
    )
    return f'<div class="ls-tiles">{"".join(parts)}</div>'


def _dice(overlap: StructureAgreement) -> str:
    return "–" if overlap.dice is None else f"{overlap.dice:.3f}"


def _only(overlap: StructureAgreement) -> tuple[str, ...]:
    if overlap.dice is None:
        return ("neither found any",)
    return tuple(f"only {n}: {_size(part)}" for n, part in (("A", overlap.only_a), ("B", overlap.only_b)))


def _size(value: Amount) -> str:
    return " ".join(size_and_unit(value))


def _part(agreement: Agreement) -> str:
    """The differing pixels as a share of what either calls liver or tumour."""
    organ = agreement.organ
    either = organ.both.count + organ.only_a.count + organ.only_b.count
    return (
        f"{share_text(agreement.differing.count / either)} of what either found"
        if either
        else "neither found any"
    )


def numbers(a: PageAnalysis, b: PageAnalysis) -> str:
    """The reports beside each other, and B - A."""
    agreement = a.agreement
    assert agreement is not None
    between = agreement.share_difference
    found = (len(a.report.lesions), len(b.report.lesions))
    rows = [
        ("Tumour", *_sizes(agreement.tumour)),
        ("Liver, without tumour", *_sizes(agreement.liver)),
        (
            "Tumour share",
            share_text(agreement.tumour_share_of_liver_a),
            share_text(agreement.tumour_share_of_liver_b),
            "–" if between is None else f"{signed(100 * between, 1)} points",
        ),
        ("Lesions", str(found[0]), str(found[1]), signed(found[1] - found[0])),
        ("Tumour threshold", threshold_text(a.seg.threshold), threshold_text(b.seg.threshold), ""),
        ("Network time", *(f"{x.report.timing_s.get('network', 0.0):.2f} s" for x in (a, b)), ""),
    ]
    return _table(("", "A", "B", f"B {MINUS} A"), rows)


def signed(value: float, digits: int = 0) -> str:
    """A difference with its sign.

    >>> signed(3), signed(-1.25, 1), signed(0)
    ('+3', '−1.2', '0')
    """
    if not round(value, digits):
        return "0"
    return ("+" if value > 0 else MINUS) + f"{abs(value):.{digits}f}"


def _sizes(overlap: StructureAgreement) -> tuple[Cell, Cell, Cell]:
    gap, relative = overlap.difference, overlap.relative_difference
    if not gap.count:
        return _size(overlap.a), _size(overlap.b), "0"
    size, unit = size_and_unit(Amount(gap.kind, abs(gap.count), _abs(gap.area_mm2), _abs(gap.volume_ml)))
    sign = "+" if gap.count > 0 else MINUS
    part = "" if relative is None else f"{signed(100 * relative, 1)} %"
    return _size(overlap.a), _size(overlap.b), (f"{sign}{size} {unit}", part)


def _abs(value: float | None) -> float | None:
    return None if value is None else abs(value)


def lesions(agreement: Agreement) -> str:
    """Which lesion of A is which of B; those that only one of them found."""
    if not agreement.lesions:
        return '<p class="ls-none">Neither found tumour at this threshold.</p>'
    table = _table(
        ("A", "B", "Size in A", "Size in B", "Dice"), [_lesion(m) for m in agreement.lesions[:SHOWN_LESIONS]]
    )
    more = len(agreement.lesions) - SHOWN_LESIONS
    rest = (
        f'<p class="ls-none">and {number_text(more)} more; comparison.json has them all.</p>'
        if more > 0
        else ""
    )
    return table + rest


def _lesion(match: LesionMatch) -> tuple[Cell, ...]:
    a, b = (", ".join(map(str, numbers)) or "–" for numbers in (match.a, match.b))
    size_a, size_b = (
        _size(size) if numbers else "–"
        for numbers, size in ((match.a, match.amount_a), (match.b, match.amount_b))
    )
    return (
        a,
        b,
        size_a,
        size_b,
        f"{match.dice:.2f}" if match.found_in == "both" else f"only {match.found_in.upper()}",
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    heads = "".join(f'<th scope="col"{_side(name)}>{escape(name)}</th>' for name in head)
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f'<div class="ls-scroll"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _side(name: str) -> str:
    """The class of a column that is A's or B's alone."""
    side = {"A": "ls-first", "Size in A": "ls-first", "B": "ls-second", "Size in B": "ls-second"}.get(name)
    return f' class="{side}"' if side else ""


def _cell(cell: Cell) -> str:
    text, note = (cell, "") if isinstance(cell, str) else cell
    return f"<td>{escape(text)}" + (f" <small>{escape(note)}</small>" if note else "") + "</td>"
