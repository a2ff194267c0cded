"""The summary page of a cohort: one HTML file without references to other files or servers.

It shows counts, distributions, outliers with pictures, warnings by kind, and why inputs have no row.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from liverseg.cohort.plots import histogram
from liverseg.cohort.result_store import Store
from liverseg.cohort.tables import WARNING_SEPARATOR, result_rows
from liverseg.io.files import write_atomically
from liverseg.rendering.colours import LIVER_ON_WHITE_RGB, TUMOUR_ON_WHITE_RGB, css

MAX_SHOWN_OUTLIERS = 12
OUTLIER_SCORE = 3.5
"""Modified z score beyond which a value is an outlier.

Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993).
"""

_PLURALS = (("smaller body was", "smaller bodies were"), ("lesion lies", "lesions lie"))
"""Phrases of warnings (`liverseg.analysis.measure`) in singular and plural."""

_COLUMNS = (
    "key",
    "liver_ml",
    "tumour_ml",
    "tumour_share_of_liver",
    "lesions",
    "longest_diameter_mm",
    "slices",
)
_LIVER_COLOUR, _TUMOUR_COLOUR, _NEUTRAL_COLOUR = css(LIVER_ON_WHITE_RGB), css(TUMOUR_ON_WHITE_RGB), "#5b6b7b"


def robust_scores(values: Sequence[float | None]) -> np.ndarray:
    """The modified z score of each value: 0.6745 (value - median) / MAD, the median absolute deviation.

    0 for None, and for all values where fewer than five are known or the MAD is 0.

    >>> robust_scores([1, 2, 3, 2, 2.5, 30, None]).round(1).tolist()
    [-1.7, -0.3, 1.0, -0.3, 0.3, 37.4, 0.0]
    """
    array = np.array([np.nan if value is None else value for value in values], float)
    known = array[np.isfinite(array)]
    if known.size < 5:
        return np.zeros(len(array))
    median = np.median(known)
    mad = np.median(np.abs(known - median))
    return np.zeros(len(array)) if mad == 0 else np.nan_to_num(0.6745 * (array - median) / mad)


def warning_kind(sentence: str) -> str:
    """A warning with its numbers replaced by "…", so that equal warnings can be counted.

    >>> warning_kind("3 of 12 lesions lie at the edge: 0.5 mL.")
    '… of … lesions lie at the edge: … mL.'
    """
    sentence = re.sub(r"-?\d+([,\u202f]\d{3})*(\.\d+)?", "…", sentence)
    for singular, plural in _PLURALS:
        sentence = sentence.replace(singular, plural)
    return sentence


def find_outliers(rows: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
    """Outlying rows, each with the reason: scans without a liver first, then by descending score."""
    outliers: dict[str, tuple[float, dict[str, Any], str]] = {}
    for row in rows:
        if row["tumour_share_of_liver"] is None:
            outliers[row["key"]] = (np.inf, row, "no liver was found")
    measures = (
        ("liver_ml", "a liver of {:.0f} mL"),
        ("tumour_share_of_liver", "{:.0%} of the liver is tumour"),
        ("lesions", "{:.0f} lesions"),
    )
    for name, template in measures:
        scores = robust_scores([row[name] for row in rows])
        for row, score in zip(rows, scores, strict=True):
            worst = outliers.get(row["key"], (OUTLIER_SCORE, row, ""))[0]
            if abs(score) > worst:
                outliers[row["key"]] = (abs(float(score)), row, template.format(row[name]))
    ranked = sorted(outliers.values(), key=lambda item: (-item[0], item[1]["key"]))
    return [(row, reason) for _, row, reason in ranked]


def write_summary(
    store: Store, keys: Iterable[str], failures: Sequence[dict[str, Any]], facts: dict[str, Any]
) -> None:
    """Writes `summary.html` for the results `keys`; `facts` are those of `cohort.json`."""
    rows, warnings, seconds = [], Counter(), 0.0
    for result in result_rows(store, keys):
        scan = result["scan"]
        rows.append({name: scan[name] for name in _COLUMNS})
        texts = (scan["warnings"] or "").split(WARNING_SEPARATOR)
        warnings.update({warning_kind(text) for text in texts if text})
        seconds += sum(scan[name] or 0 for name in ("read_s", "network_s", "measure_s", "write_s"))
    html = render_page(store, rows, warnings, failures, facts, seconds)
    write_atomically(store.folder / "summary.html", html.encode(), durable=True)


def render_page(
    store: Store,
    rows: Sequence[dict[str, Any]],
    warnings: Counter[str],
    failures: Sequence[dict[str, Any]],
    facts: dict[str, Any],
    seconds: float,
) -> str:
    """The page as HTML; `seconds` is the working time of all scans together."""
    settings = facts["settings"]
    with_tumour = sum(row["lesions"] > 0 for row in rows)
    no_liver = sum(row["tumour_share_of_liver"] is None for row in rows)
    tiles = [
        (facts["inputs"], "inputs found"),
        (len(rows), "scans in the table"),
        (with_tumour, "with tumour"),
        (no_liver, "no liver found"),
        (facts["failures"], "refused or failed"),
        (facts["left_aside"], "left aside"),
    ]
    shares = [
        None if row["tumour_share_of_liver"] is None else 100 * row["tumour_share_of_liver"] for row in rows
    ]
    plots = [
        histogram([row["liver_ml"] for row in rows], "Liver without tumour, mL", _LIVER_COLOUR),
        histogram(
            [row["tumour_ml"] for row in rows if row["lesions"]],
            "Tumour volume in scans with tumour, mL",
            _TUMOUR_COLOUR,
        ),
        histogram(
            [s for s, row in zip(shares, rows, strict=True) if row["lesions"]],
            "Tumour share of the liver in scans with tumour, %",
            _TUMOUR_COLOUR,
        ),
        histogram([row["lesions"] for row in rows], "Lesions per scan", _TUMOUR_COLOUR),
        histogram(
            [row["longest_diameter_mm"] for row in rows if row["lesions"]],
            "Longest lesion diameter per scan, mm",
            _TUMOUR_COLOUR,
        ),
        histogram([row["slices"] for row in rows], "Slices per scan", _NEUTRAL_COLOUR),
    ]
    outliers = find_outliers(rows)
    reasons = Counter((failure["kind"], failure["reason"]) for failure in failures)
    checkpoint = f"{settings['checkpoint']}, sha256 {settings['checkpoint_sha256'][:12]}…"
    per_scan = f", {seconds / len(rows):.1f} s of work per scan" if rows else ""
    return "\n".join(
        [
            _PAGE_HEAD,
            "<h1>Liver and liver tumours in a cohort</h1>",
            f'<p class="lead">{escape(checkpoint)}; liverseg {escape(facts["liverseg"])}{per_scan}. '
            "Research software, not a medical device.</p>",
            '<div class="tiles">',
            *(f"<div><b>{value}</b><span>{escape(name)}</span></div>" for value, name in tiles),
            "</div>",
            "<h2>Distributions</h2>",
            '<p>The dashed line is the median. Values per scan are in <a href="scans.csv">scans.csv</a>, '
            'values per lesion in <a href="lesions.csv">lesions.csv</a>.</p>',
            '<div class="plots">',
            *(f"<figure>{plot}</figure>" for plot in plots),
            "</div>",
            *_outlier_section(store, outliers),
            *_count_table(
                "Warnings by kind", ("Scans", "Warning"), [(n, t) for t, n in warnings.most_common()]
            ),
            *_count_table(
                "Inputs without a row",
                ("Inputs", "Kind", "Reason"),
                [(n, kind, reason) for (kind, reason), n in reasons.most_common()],
            ),
            '<p class="foot">This page names no patient and no file. A key is the name of a folder in '
            "<code>scans/</code>; only <code>private/inputs.csv</code> says which file it comes from.</p>",
            "</main></html>",
        ]
    )


def _outlier_section(store: Store, outliers: list[tuple[dict[str, Any], str]]) -> Iterable[str]:
    yield "<h2>Scans to look at</h2>"
    if not outliers:
        yield '<p class="none">There are no outliers.</p>'
        return
    shown = min(len(outliers), MAX_SHOWN_OUTLIERS)
    yield (
        f"<p>{shown} of {len(outliers)} scans without a liver, or with a liver volume, tumour share or "
        f"number of lesions far from the median (modified z score above {OUTLIER_SCORE}).</p>"
    )
    yield '<div class="scans">'
    for row, reason in outliers[:MAX_SHOWN_OUTLIERS]:
        key = row["key"]
        picture = store.scan_folder(key) / "overview.jpg"
        source = base64.b64encode(picture.read_bytes()).decode() if picture.exists() else ""
        caption = f"{reason[0].upper()}{reason[1:]}"
        yield (
            f'<figure><img alt="Slice, segmentation and tumour probability of {key}" '
            f'src="data:image/jpeg;base64,{source}"><figcaption>{escape(caption)}'
            f"<code>{key}</code></figcaption></figure>"
        )
    yield "</div>"


def _count_table(title: str, names: tuple[str, ...], rows: list[tuple]) -> Iterable[str]:
    yield f"<h2>{escape(title)}</h2>"
    if not rows:
        yield '<p class="none">None.</p>'
        return
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    yield f'<div class="wide"><table><tr>{heads}</tr>'
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
    yield "</table></div>"


_PAGE_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>liverseg: cohort</title>
<style>
body{margin:0;background:#f4f6f8;color:#16202b;font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1160px;margin:0 auto;padding:24px 20px 48px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 4px}h2{font-size:1.2rem;margin:36px 0 8px}
.lead,.none,.foot{color:#5b6b7b}.foot{margin-top:36px;font-size:.9rem}
p{margin:0 0 12px}a{color:#0b5cad}code{font:.85em ui-monospace,monospace;color:#5b6b7b}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:12px;margin:20px 0}
.tiles div,figure,.wide{background:#fff;border:1px solid #dde3e9;border-radius:8px}
.tiles div{padding:12px 14px}.tiles b{display:block;font-size:1.6rem;line-height:1.2}
.tiles span{color:#5b6b7b;font-size:.9rem}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:16px}
.scans{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:16px}
figure{margin:0;padding:12px;overflow:hidden}figure img{display:block;width:100%;border-radius:4px}
figcaption{margin-top:8px;display:flex;flex-wrap:wrap;justify-content:space-between;gap:4px 12px}
svg{width:100%;display:block}svg text{font:12px system-ui,sans-serif;fill:#5b6b7b}
.grid{stroke:#e6ebf0}.median{stroke:#16202b;stroke-dasharray:4 3}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.95rem}
th,td{padding:8px 14px;text-align:left;vertical-align:top;border-bottom:1px solid #e6ebf0}
tr:last-child td{border-bottom:0}th{color:#5b6b7b;font-weight:600}
td:first-child{font-variant-numeric:tabular-nums;width:5em}
</style><main>"""
