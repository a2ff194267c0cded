"""One page that shows an evaluation: Dice a scan, tumour burden, calibration, lesions, false positives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from liverseg.analysis import metrics
from train.evaluation.scores import ScanScore
from train.evaluation.summary import false_positive_mm2

COLOURS = {"liver": "#0072B2", "tumour": "#D55E00"}
"""Blue and vermilion of Okabe and Ito's palette; markers and line styles differ as well."""
MARKERS = {"liver": "o", "tumour": "D"}
QUIET = "#6b6b6b"
NAMED_SCANS = 45
"""More scans than that are drawn as a curve without their names."""

STYLE = {"size": 9, "title": 10.5}


def page(scores: Sequence[ScanScore], record: dict, path: Path) -> None:
    """Write the page as a PNG; `record` is the evaluation's `metrics.json`."""
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
    for draw, place in panels:
        axes = figure.add_subplot(place)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=STYLE["size"] - 0.5, length=3)
        draw(axes, scores, record)
    figure.suptitle(_title(record), fontsize=12, x=0.012, ha="left")
    figure.savefig(path)


def _title(record: dict) -> str:
    split = record["split"]
    head = f"{record['checkpoint']}  on  {record['dataset']}, {split}: {record['n']['scans']} scans"
    parts = []
    for name, numbers in record["summary"].items():
        values = {"per scan": numbers["dice_per_case"]["value"], "pooled": numbers["dice_global"]["value"]}
        told = [f"{value:.3f} {how}" for how, value in values.items() if value is not None]
        if told:
            parts.append(f"{name} Dice {', '.join(told)}")
    parts.append(f"tumour from probability {record['protocol']['threshold']:g}")
    return head + "\n" + "    ".join(parts)


def _head(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    axes.set_title(title, fontsize=STYLE["title"], loc="left")
    axes.set_xlabel(x, fontsize=STYLE["size"])
    axes.set_ylabel(y, fontsize=STYLE["size"])


def _nothing(axes: Axes, words: str) -> None:
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", color=QUIET, fontsize=STYLE["size"])
    axes.set_xticks([])
    axes.set_yticks([])


def _dice(axes: Axes, scores: Sequence[ScanScore], record: dict) -> None:
    _head(axes, "Dice of each scan, ordered by tumour (scans without tumour at the right)", "scan", "Dice")

    def value(score: ScanScore, name: str) -> float:
        found = score.structures.get(name)
        return metrics.dice(found.counts) if found and found.counts.reference else math.nan

    ranked = sorted(scores, key=lambda s: (-_known(value(s, "tumour")), -_known(value(s, "liver"))))
    places = range(len(ranked))
    for name in record["summary"]:
        heights = [value(score, name) for score in ranked]
        mean = record["summary"][name]["dice_per_case"]["value"]
        axes.plot(
            places, heights, MARKERS[name], color=COLOURS[name], ms=6, label=name, clip_on=False, zorder=3
        )
        if mean is not None:
            axes.axhline(mean, color=COLOURS[name], lw=1, ls=(0, (4, 3)), zorder=1)
            place = (1.005, mean)
            axes.annotate(
                f"mean {mean:.3f}", place, xycoords=("axes fraction", "data"), va="center",
                color=COLOURS[name], fontsize=STYLE["size"] - 0.5,
            )  # fmt: skip
    axes.set_xticks([])
    if len(ranked) <= NAMED_SCANS:
        axes.set_xticks(list(places), [s.scan for s in ranked], rotation=90 if len(ranked) > 20 else 0)
        axes.vlines(places, 0, 1, color="#e6e6e6", lw=0.8, zorder=0)
    axes.set_ylim(0, 1)
    axes.set_xlim(-0.6, len(ranked) - 0.4)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2, frameon=False, fontsize=STYLE["size"],
        handletextpad=0.2,
    )  # fmt: skip


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value


def _burden(axes: Axes, scores: Sequence[ScanScore], record: dict) -> None:
    _head(axes, "Tumour burden (tumour / liver)", "reference", "predicted")
    pairs = [score.burden for score in scores if score.burden is not None]
    if not pairs:
        return _nothing(axes, "the labels tell no burden")
    for axis in (axes.xaxis, axes.yaxis):
        axis.axes.set_xscale("symlog", linthresh=0.01, linscale=0.6)
        axis.axes.set_yscale("symlog", linthresh=0.01, linscale=0.6)
    top = max(max(max(pair) for pair in pairs) * 1.3, 0.02)
    axes.plot([0, top], [0, top], color=QUIET, lw=1, zorder=1)
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
        axes.legend(frameon=False, fontsize=STYLE["size"] - 0.5, loc="lower right", handletextpad=0.2)
    ticks = [t for t in (0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if t <= top]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks)
        axis.set_major_formatter(FuncFormatter(lambda t, _: f"{100 * t:g} %"))
        axis.set_minor_locator(NullLocator())
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    rmse = record["summary"]["tumour"].get("burden_rmse", {}).get("value")
    if rmse is not None:
        axes.text(0.03, 0.95, f"RMSE {100 * rmse:.2f} %", transform=axes.transAxes, fontsize=STYLE["size"])


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in pairs], [y for _, y in pairs]


def _calibration(axes: Axes, scores: Sequence[ScanScore], record: dict) -> None:
    _head(axes, "Reliability", "predicted probability", "share of pixels that are it")
    axes.plot([0, 1], [0, 1], color=QUIET, lw=1, zorder=1)
    lines = (("tumour", "in_liver", "tumour, in the liver", "-", "full"),
             ("tumour", "slice", "tumour, all pixels", "--", "none"),
             ("liver", "slice", "liver, all pixels", "-", "full"))  # fmt: skip
    for name, region, words, line, fill in lines:
        found = record["calibration"].get(name, {}).get(region)
        if found is None or found["ece"] is None:
            continue
        points = [
            (p, s)
            for p, s in zip(found["mean_probability"], found["share_of_positives"], strict=True)
            if p is not None
        ]
        axes.plot(
            *_columns(points), line, marker=MARKERS[name], color=COLOURS[name], ms=4.5, lw=1.3,
            fillstyle=fill, label=f"{words}: ECE {found['ece']:.4f}",
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, fontsize=STYLE["size"] - 0.5, loc="upper left")


def _lesions(axes: Axes, scores: Sequence[ScanScore], record: dict) -> None:
    _head(axes, "Lesion recall by longest diameter", "lesions of the reference", "share found")
    if not record["lesions"]:
        return _nothing(axes, "the labels tell no lesions")
    sizes = [s for s, found in record["lesions"]["overlap_50"].items() if found["reference_lesions"]]
    if not sizes:
        return _nothing(axes, "no lesions in the reference")
    rules = (
        ("overlap_any", "any overlap", "#E69F00", "o", -0.12),
        ("overlap_50", "overlap > 50 %", COLOURS["tumour"], "D", 0.12),
    )
    for rule, words, colour, marker, shift in rules:
        for place, size in enumerate(sizes):
            recall = record["lesions"][rule][size]["recall"]
            low, high = recall.get("interval_95", (recall["value"], recall["value"]))
            axes.plot([place + shift] * 2, [low, high], color=colour, lw=2, alpha=0.5, clip_on=False)
            axes.plot(
                place + shift, recall["value"], marker, color=colour, ms=7, clip_on=False,
                label=words if place == 0 else None,
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
    axes.legend(frameon=False, fontsize=STYLE["size"] - 0.5, loc="upper right", ncols=2, handletextpad=0.2)


def _size_words(size: str) -> str:
    """`under_10_px` as "< 10 px"."""
    if size == "all":
        return size
    words = size.replace("under_", "< ").replace("over_", "> ").replace("_to_", "–").replace("_", " ")
    return words


def _false_positives(axes: Axes, scores: Sequence[ScanScore], record: dict) -> None:
    known = all(score.spacing_mm is not None for score in scores)
    unit = "cm² over the slices" if known else "pixels over the slices"
    _head(axes, "False-positive tumour of each scan", "scans, most first", unit)

    def area(score: ScanScore) -> float:
        return false_positive_mm2(score, "tumour") / 100 if known else score.structures["tumour"].counts.fp

    ranked = sorted(scores, key=area, reverse=True)
    groups = (
        ("tumour in the reference", COLOURS["tumour"], COLOURS["tumour"], True),
        ("none in the reference", "white", COLOURS["tumour"], False),
    )
    for words, fill, edge, wanted in groups:
        places = [k for k, s in enumerate(ranked) if bool(s.structures["tumour"].counts.reference) == wanted]
        if places:
            hatch = None if wanted else "////"
            heights = [area(ranked[k]) for k in places]
            axes.bar(places, heights, 0.75, color=fill, edgecolor=edge, hatch=hatch, lw=1, label=words)
    axes.set_yscale("symlog", linthresh=1 if known else 100)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, 8 * max(*map(area, ranked), 1 if known else 100))  # room for the legend
    axes.set_xlim(-0.6, len(ranked) - 0.4)
    few = len(ranked) <= NAMED_SCANS // 2
    axes.set_xticks(range(len(ranked)) if few else [], [s.scan for s in ranked] if few else [])
    axes.tick_params(axis="x", rotation=90 if len(ranked) > 10 else 0)
    axes.legend(frameon=False, fontsize=STYLE["size"] - 0.5, loc="upper right")
