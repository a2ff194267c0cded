"""The plots of an evaluation: Dice per scan, tumour burden, calibration, lesions and false positives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from liverseg.analysis import metrics
from train.evaluation.protocol import MODES
from train.evaluation.scores import ScanScore
from train.evaluation.summary import false_positive_mm2

COLOURS = {"liver": "#0072B2", "tumour": "#D55E00"}
"""Blue and vermilion of the colour-blind safe Okabe-Ito palette; markers and line styles differ too."""

MARKERS = {"liver": "o", "tumour": "D"}
NEUTRAL_COLOUR = "#6b6b6b"
MAX_NAMED_SCANS = 45
"""With more scans than this, the axis of the Dice plot does not name them."""

FONT_SIZES = {"text": 9, "title": 10.5}


def write_plots(scores: Sequence[ScanScore], record: dict, path: Path) -> None:
    """Write all plots as one PNG; `record` is the content of the evaluation's `metrics.json`."""
    figure = Figure(figsize=(14, 8.6), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12, wspace=0.03, hspace=0.03)
    grid = figure.add_gridspec(2, 6, height_ratios=(1, 1))
    panels = (
        (_dice, grid[0, :4]),
        (_burden, grid[0, 4:]),
        (_calibration, grid[1, :2]),
        (_lesions, grid[1, 2:4]),
        (_false_positives, grid[1, 4:]),
    )
    for draw, cell in panels:
        axes = figure.add_subplot(cell)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=FONT_SIZES["text"] - 0.5, length=3)
        draw(axes, scores, record)
    figure.suptitle(_title(record), fontsize=12, x=0.012, ha="left")
    figure.savefig(path)


def _title(record: dict) -> str:
    split = record["split"]
    head = f"{record['checkpoint']}  on  {record['dataset']}, {split}: {record['n']['scans']} scans"
    head += f", {MODES[record.get('mode', 'slice')]}"
    parts = []
    for name, numbers in record["summary"].items():
        values = {"per scan": numbers["dice_per_case"]["value"], "pooled": numbers["dice_global"]["value"]}
        defined = [f"{value:.3f} {how}" for how, value in values.items() if value is not None]
        if defined:
            parts.append(f"{name} Dice {', '.join(defined)}")
    parts.append(f"tumour from probability {record['protocol']['threshold']:g}")
    return head + "\n" + "    ".join(parts)


def _label_axes(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    axes.set_title(title, fontsize=FONT_SIZES["title"], loc="left")
    axes.set_xlabel(x, fontsize=FONT_SIZES["text"])
    axes.set_ylabel(y, fontsize=FONT_SIZES["text"])


def _show_message(axes: Axes, text: str) -> None:
    """Fill an empty plot with a short text."""
    axes.text(
        0.5,
        0.5,
        text,
        transform=axes.transAxes,
        ha="center",
        color=NEUTRAL_COLOUR,
        fontsize=FONT_SIZES["text"],
    )
    axes.set_xticks([])
    axes.set_yticks([])


def _dice(axes: Axes, scores: Sequence[ScanScore], record: dict) -> None:
    _label_axes(
        axes, "Dice of each scan, ordered by tumour (scans without tumour at the right)", "scan", "Dice"
    )

    def value(score: ScanScore, name: str) -> float:
        structure = score.structures.get(name)
        return metrics.dice(structure.counts) if structure and structure.counts.reference else math.nan

    ranked = sorted(scores, key=lambda s: (-_nan_last(value(s, "tumour")), -_nan_last(value(s, "liver"))))
    positions = range(len(ranked))
    for name in record["summary"]:
        heights = [value(score, name) for score in ranked]
        mean = record["summary"][name]["dice_per_case"]["value"]
        axes.plot(
            positions, heights, MARKERS[name], color=COLOURS[name], ms=6, label=name, clip_on=False, zorder=3
        )
        if mean is not None:
            axes.axhline(mean, color=COLOURS[name], lw=1, ls=(0, (4, 3)), zorder=1)
            axes.annotate(
                f"mean {mean:.3f}", (1.005, mean), xycoords=("axes fraction", "data"), va="center",
                color=COLOURS[name], fontsize=FONT_SIZES["text"] - 0.5,
            )  # fmt: skip
    axes.set_xticks([])
    if len(ranked) <= MAX_NAMED_SCANS:
        axes.set_xticks(list(positions), [s.scan for s in ranked], rotation=90 if len(ranked) > 20 else 0)
        axes.vlines(positions, 0, 1, color="#e6e6e6", lw=0.8, zorder=0)
    axes.set_ylim(0, 1)
    axes.set_xlim(-0.6, len(ranked) - 0.4)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2, frameon=False, fontsize=FONT_SIZES["text"],
        handletextpad=0.2,
    )  # fmt: skip


def _nan_last(value: float) -> float:
    return -1.0 if math.isnan(value) else value


def _burden(axes: Axes, scores: Sequence[ScanScore], record: dict) -> None:
    _label_axes(axes, "Tumour burden (tumour / liver)", "reference", "predicted")
    pairs = [score.burden for score in scores if score.burden is not None]
    if not pairs:
        return _show_message(axes, "the labels do not define the burden")
    for axis in (axes.xaxis, axes.yaxis):
        axis.axes.set_xscale("symlog", linthresh=0.01, linscale=0.6)
        axis.axes.set_yscale("symlog", linthresh=0.01, linscale=0.6)
    top = max(max(max(pair) for pair in pairs) * 1.3, 0.02)
    axes.plot([0, top], [0, top], color=NEUTRAL_COLOUR, lw=1, zorder=1)
    shown = [pair for pair in pairs if pair[0] > 0]
    free = [pair for pair in pairs if pair[0] == 0]
    axes.plot(
        *_columns(shown), MARKERS["tumour"], color=COLOURS["tumour"], ms=6, alpha=0.8, clip_on=False, zorder=3
    )
    if free:
        axes.plot(
            *_columns(free), "s", color="white", mec=COLOURS["tumour"], ms=6, clip_on=False, zorder=3,
            label="no tumour in the reference",
        )  # fmt: skip
        axes.legend(frameon=False, fontsize=FONT_SIZES["text"] - 0.5, loc="lower right", handletextpad=0.2)
    ticks = [t for t in (0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if t <= top]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks)
        axis.set_major_formatter(FuncFormatter(lambda t, _: f"{100 * t:g} %"))
        axis.set_minor_locator(NullLocator())
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    rmse = record["summary"]["tumour"].get("burden_rmse", {}).get("value")
    if rmse is not None:
        axes.text(
            0.03, 0.95, f"RMSE {100 * rmse:.2f} %", transform=axes.transAxes, fontsize=FONT_SIZES["text"]
        )


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in pairs], [y for _, y in pairs]


def _calibration(axes: Axes, scores: Sequence[ScanScore], record: dict) -> None:
    _label_axes(axes, "Reliability", "predicted probability", "share of pixels in the structure")
    axes.plot([0, 1], [0, 1], color=NEUTRAL_COLOUR, lw=1, zorder=1)
    lines = (("tumour", "in_liver", "tumour, in the liver", "-", "full"),
             ("tumour", "slice", "tumour, all pixels", "--", "none"),
             ("liver", "slice", "liver, all pixels", "-", "full"))  # fmt: skip
    for name, region, label, line, fill in lines:
        bins = record["calibration"].get(name, {}).get(region)
        if bins is None or bins["ece"] is None:
            continue
        points = [
            (p, s)
            for p, s in zip(bins["mean_probability"], bins["share_of_positives"], strict=True)
            if p is not None
        ]
        axes.plot(
            *_columns(points), line, marker=MARKERS[name], color=COLOURS[name], ms=4.5, lw=1.3,
            fillstyle=fill, label=f"{label}: ECE {bins['ece']:.4f}",
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, fontsize=FONT_SIZES["text"] - 0.5, loc="upper left")


def _lesions(axes: Axes, scores: Sequence[ScanScore], record: dict) -> None:
    _label_axes(axes, "Lesion recall by longest diameter", "lesions of the reference", "share detected")
    if not record["lesions"]:
        return _show_message(axes, "the labels do not define lesions")
    sizes = [s for s, numbers in record["lesions"]["overlap_50"].items() if numbers["reference_lesions"]]
    if not sizes:
        return _show_message(axes, "no lesions in the reference")
    rules = (
        ("overlap_any", "any overlap", "#E69F00", "o", -0.12),
        ("overlap_50", "overlap > 50 %", COLOURS["tumour"], "D", 0.12),
    )
    for rule, label, colour, marker, shift in rules:
        for position, size in enumerate(sizes):
            recall = record["lesions"][rule][size]["recall"]
            low, high = recall.get("interval_95", (recall["value"], recall["value"]))
            axes.plot([position + shift] * 2, [low, high], color=colour, lw=2, alpha=0.5, clip_on=False)
            axes.plot(
                position + shift, recall["value"], marker, color=colour, ms=7, clip_on=False,
                label=label if position == 0 else None,
            )  # fmt: skip
    counts = [record["lesions"]["overlap_50"][size]["reference_lesions"] for size in sizes]
    axes.set_xticks(
        range(len(sizes)),
        [f"{_size_words(size)}\nn = {count}" for size, count in zip(sizes, counts, strict=True)],
    )
    axes.set_xlim(-0.5, len(sizes) - 0.5)
    axes.set_ylim(0, 1.15)  # room for the legend
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.grid(axis="y", color="#e6e6e6", lw=0.8)
    axes.set_axisbelow(True)
    axes.legend(
        frameon=False, fontsize=FONT_SIZES["text"] - 0.5, loc="upper right", ncols=2, handletextpad=0.2
    )


def _size_words(size: str) -> str:
    """A size class as text: `under_10_px` becomes "< 10 px"."""
    return size.replace("under_", "< ").replace("over_", "> ").replace("_to_", "–").replace("_", " ")


def _false_positives(axes: Axes, scores: Sequence[ScanScore], record: dict) -> None:
    known = all(score.spacing_mm is not None for score in scores)
    unit = "cm² over the slices" if known else "pixels over the slices"
    _label_axes(axes, "False-positive tumour of each scan", "scans in descending order", unit)

    def area(score: ScanScore) -> float:
        return false_positive_mm2(score, "tumour") / 100 if known else score.structures["tumour"].counts.fp

    ranked = sorted(scores, key=area, reverse=True)
    groups = (
        ("tumour in the reference", COLOURS["tumour"], COLOURS["tumour"], True),
        ("none in the reference", "white", COLOURS["tumour"], False),
    )
    for label, fill, edge, with_tumour in groups:
        positions = [
            k for k, s in enumerate(ranked) if bool(s.structures["tumour"].counts.reference) == with_tumour
        ]
        if positions:
            hatch = None if with_tumour else "////"
            heights = [area(ranked[k]) for k in positions]
            axes.bar(positions, heights, 0.75, color=fill, edgecolor=edge, hatch=hatch, lw=1, label=label)
    axes.set_yscale("symlog", linthresh=1 if known else 100)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, 8 * max(*map(area, ranked), 1 if known else 100))  # room for the legend
    axes.set_xlim(-0.6, len(ranked) - 0.4)
    few = len(ranked) <= MAX_NAMED_SCANS // 2
    axes.set_xticks(range(len(ranked)) if few else [], [s.scan for s in ranked] if few else [])
    axes.tick_params(axis="x", rotation=90 if len(ranked) > 10 else 0)
    axes.legend(frameon=False, fontsize=FONT_SIZES["text"] - 0.5, loc="upper right")
