"""When results are doubted: share of inputs out of scope that are flagged, and of good ones that are.

  python -m benchmarks.scope --lits data/lits --msd data/msd-liver             measures the committed detector
  python -m benchmarks.scope --lits data/lits --msd data/msd-liver --fit       fits it anew, then measures

Fitted on the training scans of LiTS, half of the other scans and of the libraries' pictures, and three
phantoms; measured on the validation scans, the other halves and three other phantoms (`scope_cases`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from benchmarks import scope_turning
from benchmarks.scope_cases import Case, library_sources, of_dataset, of_libraries, of_phantoms
from liverseg.analysis.plausibility.checks import doubts_of_input, doubts_of_result
from liverseg.analysis.plausibility.ct_likeness import COEFFICIENTS, GOOD, expanded, likeness, squared
from liverseg.analysis.plausibility.features import anatomy, small_unit
from liverseg.analysis.plausibility.orientation_check import WEIGHTS, turning
from liverseg.inference.segmenter import Segmenter
from train.data.dataset import DatasetFolder

KINDS = {
    "photograph": "not_ct",
    "MR": "not_ct",
    "MR-like, fat bright": "not_ct",
    "MR-like, fluid bright": "not_ct",
    "inverted": "not_ct",
    "window too wide assumed": "window",
    "lung window assumed": "window",
    "another window assumed": "window",
    "no HU: grey as numbers": "window",
    "no HU: offset of 1024": "window",
    "upside down": "turned",
    "rotated by 90°": "turned",
    "rotated by 180°": "turned",
    "rotated by 270°": "turned",
    "coronal": "turned",
    "sagittal": "turned",
    "mirrored": "mirrored",
    "no liver": "elsewhere",
    "chest": "elsewhere",
    "head": "elsewhere",
    "legs": "elsewhere",
    "cut through the liver": "cut",
    GOOD: GOOD,
}
"""What each kind of case is taken for; those that are missing have a rule of their own."""

PENALTY = 0.02
FLAGGED_GOOD = 0.03
"""Of the good cases of the fit, each judged by a fit to other sources: sets the least likeness."""


def cases(part: str, lits: DatasetFolder, msd: DatasetFolder, every: int) -> Iterator[Case]:
    """The cases to fit on or to measure on; each `every`th slice of what the datasets have."""
    own = _half(part, msd)
    split = "val" if part == "measure" else "train"
    more = 1 if part == "measure" else 6
    yield from of_dataset(lits, split, None, 3 * every * more, 18 * every * more, 2 * every * more)
    yield from of_dataset(msd, "train", own, 6 * every, 60 * every, 1)
    pictures = library_sources()
    yield from of_libraries(set(pictures[::2]) if part == "fit" else {*pictures[1::2], "s1045"})
    yield from of_phantoms(range(900, 903) if part == "measure" else range(800, 803))


def _half(part: str, msd: DatasetFolder) -> set[str]:
    """The scans of the other dataset to fit on or to measure on."""
    scans = sorted({row.scan for row in msd.rows}, key=int)
    return set(scans[::2] if part == "measure" else scans[1::2])


def fit_turning(lits: DatasetFolder, msd: DatasetFolder, every: int) -> None:
    """Write `orientation_check.json` anew."""
    own = _half("fit", msd)
    found = [*scope_turning.upright(lits, None, 3 * every), *scope_turning.upright(msd, own, every)]
    WEIGHTS.write_text(scope_turning.fit(*map(list, zip(*found, strict=True))), encoding="utf-8")
    turning.cache_clear()


def varied(unit: np.ndarray, source: str) -> Iterator[tuple[np.ndarray, str, str]]:
    """A good slice (`small_unit`) in more ways to go wrong, with what each is taken for: to fit on alone."""
    yield unit[:, ::-1], "mirrored", source
    for turned in (unit[::-1], unit[::-1, ::-1], np.rot90(unit), np.rot90(unit, 3)):
        yield np.ascontiguousarray(turned), "turned", source
    hu = 160 * unit
    for other in (2 * hu - 80, np.where(unit > 0, (hu + 40) * 1.275, 0), 0.5 * hu + 40 * (unit > 0)):
        yield np.clip(other / 160, 0, 1).astype(np.float32), "window", source


def fit(rows: list[dict[str, float]], kinds: list[str], sources: list[str], about: str) -> str:
    """The text of `ct_likeness.json`."""
    names = tuple(rows[0])
    values = np.array([[row[name] for name in names] for row in rows])
    good = np.array([kind == GOOD for kind in kinds])
    mean, scale = values[good].mean(axis=0), np.maximum(values[good].std(axis=0), 1e-3)
    x = expanded((values - mean) / scale, squared(names))
    order = (GOOD, *sorted(set(kinds) - {GOOD}))
    y = np.array([order.index(kind) for kind in kinds])
    named = sorted(set(sources))
    groups = np.array([named.index(source) % 4 for source in sources])
    held_out = np.empty(len(y))
    for group in range(4):
        weights = _weights(x[groups != group], y[groups != group], len(order))
        held_out[groups == group] = _shares(x[groups == group] @ weights)[:, 0]
    least = float(np.quantile(held_out[good], FLAGGED_GOOD))
    caught = float((held_out[~good] < least).mean())
    print(f"cross-fitted by source: {caught:.1%} of {np.sum(~good)} flagged at a likeness of {least:.4f}")
    told = {
        "about": about,
        "features": names,
        "mean": [round(float(v), 6) for v in mean],
        "scale": [round(float(v), 6) for v in scale],
        "kinds": order,
        "least": round(least, 6),
        "weights": [[round(float(v), 5) for v in row] for row in _weights(x, y, len(order))],
    }
    return json.dumps(told, indent=None, separators=(",", ":")).replace("],[", "],\n[") + "\n"


def _shares(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _weights(x: np.ndarray, y: np.ndarray, kinds: int) -> np.ndarray:
    """(F, K) of the penalised likelihood, half of whose weight is on the good cases."""
    counts = np.bincount(y, minlength=kinds)
    share = np.where(y == 0, 0.5, 0.5 / max(kinds - 1, 1)) / np.maximum(counts, 1)[y]
    truth = np.eye(kinds)[y]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(x.shape[1], kinds)
        p = _shares(x @ weights)
        value = -(share * np.log(p[np.arange(len(y)), y] + 1e-12)).sum()
        slope = x.T @ (share[:, None] * (p - truth))
        kept = weights.copy()
        kept[-1] = 0
        return value + PENALTY / 2 * (kept**2).sum(), (slope + PENALTY * kept).ravel()

    start = np.zeros(x.shape[1] * kinds)
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 150}).x.reshape(-1, kinds)


def reasons(case: Case, segmenter: Segmenter) -> list[str]:
    """Why a case is doubted; the network runs on good ones, and where the picture raises no doubt."""
    if case.ct is None:
        return ["refused"]
    told = doubts_of_input(case.ct, [0])
    if case.kind == GOOD or not told:
        told += doubts_of_result(case.ct, segmenter.segment(case.ct), [0])
    return [doubt.reason for doubt in told]


def measured(found: Iterable[tuple[Case, list[str]]]) -> str:
    """A table: of each kind of case how many were flagged, and by what."""
    table: dict[str, list[list[str]]] = {}
    for case, reasons in found:
        table.setdefault(case.kind, []).append(reasons)
    lines = ["| kind | inputs | flagged | reasons, the most frequent first |", "|---|---|---|---|"]
    for kind, told in table.items():
        flat = [reason for reasons in told for reason in reasons]
        by = ", ".join(sorted(set(flat), key=lambda reason: (-flat.count(reason), reason)))
        flagged = sum(bool(reasons) for reasons in told)
        lines.append(f"| {kind} | {len(told)} | {flagged / len(told):.1%} | {by} |")
    out = [reasons for kind, told in table.items() if kind != GOOD for reasons in told]
    good = table.get(GOOD, [])
    lines.append("")
    lines.append(
        f"Out of scope: {sum(map(bool, out))} of {len(out)} flagged, {np.mean([bool(r) for r in out]):.1%}."
    )
    lines.append(
        f"Good: {sum(map(bool, good))} of {len(good)} flagged, {np.mean([bool(r) for r in good]):.1%}."
    )
    return "\n".join(lines)


def main() -> None:
    """Fit, if it is asked for, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--lits", required=True, metavar="DIR", help="lits-26 or another dataset of whole slices"
    )
    parser.add_argument(
        "--msd", required=True, metavar="DIR", help="msd-liver-85, scans of other sizes and windows"
    )
    parser.add_argument("--checkpoint", metavar="REF", help="default: segformer-b0")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="only each Nth slice of the datasets"
    )
    parser.add_argument(
        "--fit", action="store_true", help="write liverseg/analysis/plausibility/ct_likeness.json anew first"
    )
    args = parser.parse_args()
    lits, msd = DatasetFolder.open(Path(args.lits)), DatasetFolder.open(Path(args.msd))
    segmenter = Segmenter.load(args.checkpoint)
    if args.fit:
        fit_turning(lits, msd, args.every)
        used = [c for c in cases("fit", lits, msd, args.every) if c.ct is not None and c.kind in KINDS]
        units = [(small_unit(c.ct.hu[0]), KINDS[c.kind], c.source) for c in used if c.ct is not None]
        units += [more for unit, kind, source in units if kind == GOOD for more in varied(unit, source)]
        about = f"fitted on {len(used)} cases of benchmarks.scope_cases"
        pixels, kinds, sources = zip(*units, strict=True)
        text = fit([anatomy(unit) for unit in pixels], list(kinds), list(sources), about)
        COEFFICIENTS.write_text(text, encoding="utf-8")
        likeness.cache_clear()
    found = []
    for case in cases("measure", lits, msd, args.every):
        found.append((case, reasons(case, segmenter)))
    print(measured(found))


if __name__ == "__main__":
    main()
