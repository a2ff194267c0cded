"""`statistics.png`: one page of plots about the scans of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from registry.files import atomic_path

# Colours of the palette by Okabe and Ito, which is safe for colour-blind readers.
_SPLIT_COLOURS = {"train": "#0072b2", "val": "#e69f00", "test": "#009e73"}
_LIGHT = ("val",)  # splits whose colour needs dark text
_OTHER_COLOURS = ("#cc79a7", "#56b4e9", "#d55e00")
_INK, _FAINT, _GRID = "#222222", "#666666", "#e4e4e4"
_STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _FAINT,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": _INK,
    "axes.axisbelow": True,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "legend.frameon": False,
}
_LESION_BINS = {
    "0": (0, 0),
    "1": (1, 1),
    "2": (2, 2),
    "3–5": (3, 5),
    "6–10": (6, 10),
    "11–20": (11, 20),
    ">20": (21, np.inf),
}


def statistics_page(rows: Sequence[Mapping], name: str, path: Path) -> None:
    """Plot the rows of `scans.csv` (see `train.data.prepare.tables.scan_row`) to the PNG `path`.

    `name` is the name of the dataset.
    """
    # Imported here, because the worker processes do not need it.
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    used = {r["split"] for r in rows}
    splits = [s for s in dict.fromkeys([*_SPLIT_COLOURS, *sorted(used)]) if s in used]
    others = iter(_OTHER_COLOURS * len(splits))
    colours = {s: _SPLIT_COLOURS.get(s) or next(others) for s in splits}
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(12, 7.6), dpi=130, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.subplots(2, 3)
        figure.subplots_adjust(left=0.06, right=0.975, top=0.85, bottom=0.075, hspace=0.4, wspace=0.3)
        _draw_heading(figure, rows, name, colours)
        _draw_volume(axes[0, 0], rows, colours)
        _draw_burden(axes[0, 1], rows, colours)
        _draw_lesions(axes[0, 2], rows, colours)
        _draw_slices(axes[1, 0], rows)
        _draw_hu(axes[1, 1], rows, colours)
        _draw_balance(axes[1, 2], rows, colours)
        with atomic_path(path) as partial:
            figure.savefig(partial, format="png", metadata={"Software": None})


def _draw_heading(figure, rows: Sequence[Mapping], name: str, colours: Mapping[str, str]) -> None:
    """The name of the dataset, its counts, and the legend of the splits."""
    from matplotlib.patches import Patch

    figure.text(0.02, 0.955, name, fontsize=16, fontweight="bold", color=_INK, va="center")
    with_tumour = sum(r["tumour_voxels"] > 0 for r in rows)
    false = sum(r["geometry"] == "false" for r in rows)
    facts = [
        f"{len(rows)} scans",
        f"{with_tumour} with tumour",
        f"{sum(r['kept_slices'] for r in rows):,} slices kept of {sum(r['slices'] for r in rows):,}",
    ]
    if false:
        facts.append(f"{false} with a false geometry, left out of everything in millilitres")
    figure.text(0.02, 0.915, "  ·  ".join(facts), fontsize=10, color=_FAINT, va="center")
    handles = [Patch(color=colour, label=split) for split, colour in colours.items()]
    corner = (0.985, 0.985)
    figure.legend(handles=handles, loc="upper right", ncols=len(handles), bbox_to_anchor=corner, fontsize=10)


def _draw_volume(ax, rows: Sequence[Mapping], colours: Mapping[str, str]) -> None:
    known = [r for r in rows if r["organ_ml"] is not None and r["organ_voxels"]]
    ax.set_title("Liver volume, tumours included")
    if not known or all(r["slices"] == 1 for r in known):
        _draw_empty(ax, "no scan with a known voxel size" if not known else "single slices have no volume")
        return
    _draw_histogram(ax, known, [r["organ_ml"] for r in known], colours)
    ax.set_xlabel("mL" + _scan_count_note(known, rows))


def _draw_burden(ax, rows: Sequence[Mapping], colours: Mapping[str, str]) -> None:
    with_tumour = [r for r in rows if r["tumour_voxels"]]
    ax.set_title("Tumour burden, where there is any")
    if not with_tumour:
        _draw_empty(ax, "no scan shows a tumour")
        return
    percent = [100 * r["tumour_share_of_organ"] if r["tumour_share_of_organ"] else 0.01 for r in with_tumour]
    low = np.floor(np.log10(max(min(percent), 0.001)))
    high = max(np.ceil(np.log10(max(percent))), low + 1)
    _draw_histogram(ax, with_tumour, percent, colours, np.logspace(low, high, 4 * int(high - low) + 1))
    ax.set_xscale("log")
    ax.minorticks_off()
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    ax.set_xlabel("tumour as a share of the liver" + _scan_count_note(with_tumour, rows))


def _draw_lesions(ax, rows: Sequence[Mapping], colours: Mapping[str, str]) -> None:
    known = [r for r in rows if r["lesions"] is not None]
    ax.set_title("Lesions a scan")
    if not known:
        _draw_empty(ax, "slices are missing in every scan")
        return
    base = np.zeros(len(_LESION_BINS))
    for split, colour in colours.items():
        counts = [r["lesions"] for r in known if r["split"] == split]
        bins = _LESION_BINS.values()
        heights = np.array([sum(low <= c <= high for c in counts) for low, high in bins])
        ax.bar(range(len(base)), heights, 0.78, bottom=base, color=colour)
        base += heights
    ax.set_xticks(range(len(base)), list(_LESION_BINS))
    ax.set_xlabel("connected tumour regions" + _scan_count_note(known, rows))
    _format_count_axis(ax)


def _draw_slices(ax, rows: Sequence[Mapping]) -> None:
    ax.set_title("Slices a scan")
    ordered = sorted(rows, key=lambda r: r["slices"])
    x = np.arange(len(rows) + 1)
    layers = (
        ("slices", "#d9d9d9", "in the scan"),
        ("kept_slices", "#8da9c4", "kept"),
        ("annotated_slices", "#13315c", "with liver or tumour"),
    )
    for key, colour, label in layers:
        heights = [r[key] for r in ordered]
        ax.fill_between(x, [*heights, heights[-1]], step="post", color=colour, label=label, linewidth=0)
    ax.set_xlim(0, len(rows))
    ax.set_ylim(0, 1.3 * ordered[-1]["slices"])  # room for the legend
    ax.set_xticks([])
    ax.set_xlabel("scans, by their number of slices")
    ax.legend(loc="upper left", fontsize=8.5)
    _format_count_axis(ax, "slices")


def _draw_hu(ax, rows: Sequence[Mapping], colours: Mapping[str, str]) -> None:
    known = sorted((r for r in rows if r["liver_hu_mean"] is not None), key=lambda r: r["liver_hu_mean"])
    ax.set_title("HU inside the liver")
    if not known:
        _draw_empty(ax, "no scan shows liver")
        return
    width = max(0.8, min(3.0, 160 / len(known)))
    for position, row in enumerate(known):
        colour = colours[row["split"]]
        ends = [row["liver_hu_p05"], row["liver_hu_p95"]]
        ax.plot([position, position], ends, color=colour, alpha=0.35, linewidth=width, solid_capstyle="butt")
        ax.plot(position, row["liver_hu_mean"], ".", color=colour, markersize=6 if len(known) < 60 else 4)
    ax.set_xlim(-0.7, len(known) - 0.3)
    ax.set_xticks([])
    ax.set_xlabel("scans, by their mean; bars: 5th to 95th percentile" + _scan_count_note(known, rows))
    ax.grid(axis="y", color=_GRID)
    ax.set_ylabel("HU")


def _draw_balance(ax, rows: Sequence[Mapping], colours: Mapping[str, str]) -> None:
    ax.set_title("Balance of the splits")
    measures = (
        ("scans", lambda r: 1),
        ("scans with\ntumour", lambda r: int(r["tumour_voxels"] > 0)),
        ("slices kept", lambda r: r["kept_slices"]),
        ("liver voxels", lambda r: r["liver_voxels"]),
        ("tumour voxels", lambda r: r["tumour_voxels"]),
    )
    for position, (_, measure) in enumerate(measures):
        sums = {split: sum(measure(r) for r in rows if r["split"] == split) for split in colours}
        total, left = sum(sums.values()), 0.0
        for split, value in sums.items():
            part = value / total if total else 0.0
            ax.barh(position, part, 0.68, left=left, color=colours[split])
            if part > 0.075:
                middle, ink = left + part / 2, _INK if split in _LIGHT else "white"
                ax.text(middle, position, _short(value), ha="center", va="center", color=ink, fontsize=8.5)
            left += part
    ax.set_yticks(range(len(measures)), [label for label, _ in measures])
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _draw_histogram(
    ax,
    rows: Sequence[Mapping],
    values: Sequence[float],
    colours: Mapping[str, str],
    bins: np.ndarray | None = None,
) -> None:
    """A histogram stacked by split."""
    if bins is None:
        bins = np.histogram_bin_edges(values, bins=int(np.clip(len(values) / 3, 8, 30)))
    stacked = [[v for v, r in zip(values, rows, strict=True) if r["split"] == split] for split in colours]
    ax.hist(stacked, bins=bins, stacked=True, color=list(colours.values()), rwidth=0.92)
    _format_count_axis(ax)


def _format_count_axis(ax, label: str = "scans") -> None:
    from matplotlib.ticker import MaxNLocator

    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.grid(axis="y", color=_GRID)
    ax.set_ylabel(label)


def _draw_empty(ax, reason: str) -> None:
    """A panel without data, with the reason in its middle."""
    ax.text(0.5, 0.5, reason, ha="center", va="center", color=_FAINT, transform=ax.transAxes)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _scan_count_note(shown: Sequence, rows: Sequence) -> str:
    """The number of scans that a panel shows; empty if it shows all of them."""
    return "" if len(shown) == len(rows) else f"   ({len(shown)} of {len(rows)} scans)"


def _short(value: float) -> str:
    """A count in at most four characters.

    >>> _short(21), _short(1234), _short(25_400_000)
    ('21', '1.2k', '25M')
    """
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.{1 if value < 10 * factor else 0}f}{unit}"
    return str(round(value))
