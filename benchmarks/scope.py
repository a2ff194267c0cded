"""Evaluate the plausibility checks: the share of unsuitable inputs that are flagged, and of suitable ones.

  python -m benchmarks.scope --lits data/lits --msd data/msd-liver             evaluates the committed checks
  python -m benchmarks.scope --lits data/lits --msd data/msd-liver --fit       fits them again first

The checks are fitted on the training scans of LiTS, half of the scans of the other dataset, half of the
libraries' pictures, and three phantoms. They are evaluated on the validation scans of LiTS, the other halves
and three other phantoms. The inputs are made by `scope_cases`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from benchmarks import scope_turning
from benchmarks.scope_cases import Case, Sampling, library_sources, of_dataset, of_libraries, of_phantoms
from liverseg.analysis.plausibility.checks import input_doubts, result_doubts
from liverseg.analysis.plausibility.ct_likeness import (
    COEFFICIENTS_FILE,
    GOOD,
    design_matrix,
    has_square,
    load_likeness_model,
)
from liverseg.analysis.plausibility.features import slice_features, small_grey
from liverseg.analysis.plausibility.orientation_check import WEIGHTS_FILE, load_orientation_model
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
"""Kind of case -> class of the classifier. Kinds that are missing here are caught by rules."""

LIKENESS_PENALTY = 0.02
"""The factor of the squared weights in the loss."""
FLAGGED_GOOD = 0.03
"""The share of held-out good cases that may be flagged; it determines the least likeness."""


def cases(part: str, lits: DatasetFolder, msd: DatasetFolder, every: int) -> Iterator[Case]:
    """The cases of a part, "fit" or "measure", from every `every`th slice of the datasets."""
    scans = _half(part, msd)
    split = "val" if part == "measure" else "train"
    step = every if part == "measure" else 6 * every  # the training split is larger
    yield from of_dataset(lits, split, None, Sampling(3 * step, 18 * step, 2 * step))
    yield from of_dataset(msd, "train", scans, Sampling(6 * every, 60 * every, 1))
    pictures = library_sources()
    yield from of_libraries(set(pictures[::2]) if part == "fit" else {*pictures[1::2], "s1045"})
    yield from of_phantoms(range(900, 903) if part == "measure" else range(800, 803))


def _half(part: str, msd: DatasetFolder) -> set[str]:
    """The half of a dataset's scans that belongs to a part."""
    scans = sorted({row.scan for row in msd.rows}, key=int)
    return set(scans[::2] if part == "measure" else scans[1::2])


def fit_turning(lits: DatasetFolder, msd: DatasetFolder, every: int) -> None:
    """Fit the orientation check and write `orientation_check.json`."""
    scans = _half("fit", msd)
    slices = [*scope_turning.upright(lits, None, 3 * every), *scope_turning.upright(msd, scans, every)]
    text = scope_turning.fit_orientation(*map(list, zip(*slices, strict=True)))
    WEIGHTS_FILE.write_text(text, encoding="utf-8")
    load_orientation_model.cache_clear()


def varied(unit: np.ndarray, source: str) -> Iterator[tuple[np.ndarray, str, str]]:
    """Faulty variants of a good slice (an array of `small_grey`) with class and source, for the fit only."""
    yield unit[:, ::-1], "mirrored", source
    for turned in (unit[::-1], unit[::-1, ::-1], np.rot90(unit), np.rot90(unit, 3)):
        yield np.ascontiguousarray(turned), "turned", source
    hu = 160 * unit
    for other in (2 * hu - 80, np.where(unit > 0, (hu + 40) * 1.275, 0), 0.5 * hu + 40 * (unit > 0)):
        yield np.clip(other / 160, 0, 1).astype(np.float32), "window", source


def fit_likeness(rows: list[dict[str, float]], kinds: list[str], sources: list[str], about: str) -> str:
    """Fit a classifier to feature rows with classes and sources; returns the text of `ct_likeness.json`.

    The least likeness comes from cross-validation by source.
    """
    names = tuple(rows[0])
    values = np.array([[row[name] for name in names] for row in rows])
    good = np.array([kind == GOOD for kind in kinds])
    mean, scale = values[good].mean(axis=0), np.maximum(values[good].std(axis=0), 1e-3)
    x = design_matrix((values - mean) / scale, has_square(names))
    order = (GOOD, *sorted(set(kinds) - {GOOD}))
    y = np.array([order.index(kind) for kind in kinds])
    names_of_sources = sorted(set(sources))
    groups = np.array([names_of_sources.index(source) % 4 for source in sources])
    held_out = np.empty(len(y))
    for group in range(4):
        weights = _fit_weights(x[groups != group], y[groups != group], len(order))
        held_out[groups == group] = _softmax(x[groups == group] @ weights)[:, 0]
    least = float(np.quantile(held_out[good], FLAGGED_GOOD))
    caught = float((held_out[~good] < least).mean())
    print(f"cross-validated by source: {caught:.1%} of {np.sum(~good)} flagged at a likeness of {least:.4f}")
    coefficients = {
        "about": about,
        "features": names,
        "mean": [round(float(v), 6) for v in mean],
        "scale": [round(float(v), 6) for v in scale],
        "kinds": order,
        "least": round(least, 6),
        "weights": [[round(float(v), 5) for v in row] for row in _fit_weights(x, y, len(order))],
    }
    return json.dumps(coefficients, indent=None, separators=(",", ":")).replace("],[", "],\n[") + "\n"


def _softmax(scores: np.ndarray) -> np.ndarray:
    """Scores (N, K) as probabilities (N, K)."""
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _fit_weights(x: np.ndarray, y: np.ndarray, kinds: int) -> np.ndarray:
    """Weights (F, K) of the penalised logistic regression; the good cases have half of the total weight."""
    counts = np.bincount(y, minlength=kinds)
    share = np.where(y == 0, 0.5, 0.5 / max(kinds - 1, 1)) / np.maximum(counts, 1)[y]
    truth = np.eye(kinds)[y]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(x.shape[1], kinds)
        p = _softmax(x @ weights)
        value = -(share * np.log(p[np.arange(len(y)), y] + 1e-12)).sum()
        slope = x.T @ (share[:, None] * (p - truth))
        penalised = weights.copy()
        penalised[-1] = 0  # the intercept
        return value + LIKENESS_PENALTY / 2 * (penalised**2).sum(), (
            slope + LIKENESS_PENALTY * penalised
        ).ravel()

    start = np.zeros(x.shape[1] * kinds)
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 150}).x.reshape(-1, kinds)


def reasons(case: Case, segmenter: Segmenter) -> list[str]:
    """The reasons why a case is flagged. The network runs on good cases and on inputs not flagged before."""
    if case.ct is None:
        return ["refused"]
    doubts = input_doubts(case.ct, [0])
    if case.kind == GOOD or not doubts:
        doubts += result_doubts(case.ct, segmenter.segment(case.ct), [0])
    return [doubt.reason for doubt in doubts]


def flag_table(results: Iterable[tuple[Case, list[str]]]) -> str:
    """A Markdown table: for each kind of case the share that was flagged, and the reasons."""
    table: dict[str, list[list[str]]] = {}
    for case, reasons in results:
        table.setdefault(case.kind, []).append(reasons)
    lines = ["| kind | inputs | flagged | reasons, the most frequent first |", "|---|---|---|---|"]
    for kind, flags in table.items():
        flat = [reason for reasons in flags for reason in reasons]
        by = ", ".join(sorted(set(flat), key=lambda reason: (-flat.count(reason), reason)))
        flagged = sum(bool(reasons) for reasons in flags)
        lines.append(f"| {kind} | {len(flags)} | {flagged / len(flags):.1%} | {by} |")
    out = [reasons for kind, flags in table.items() if kind != GOOD for reasons in flags]
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
    """Fit the checks if `--fit` is given, and print the evaluation."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--lits", required=True, metavar="DIR", help="lits-26, or another dataset of whole slices"
    )
    parser.add_argument(
        "--msd", required=True, metavar="DIR", help="msd-liver-85, with scans of other sizes and windows"
    )
    parser.add_argument("--checkpoint", metavar="REF", help="default: segformer-b0")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="only each Nth slice of the datasets"
    )
    parser.add_argument(
        "--fit",
        action="store_true",
        help="fit the checks and write their coefficients in liverseg/analysis/plausibility first",
    )
    args = parser.parse_args()
    lits, msd = DatasetFolder.open(Path(args.lits)), DatasetFolder.open(Path(args.msd))
    segmenter = Segmenter.load(args.checkpoint)
    if args.fit:
        fit_turning(lits, msd, args.every)
        used = [c for c in cases("fit", lits, msd, args.every) if c.ct is not None and c.kind in KINDS]
        units = [(small_grey(c.ct.hu[0]), KINDS[c.kind], c.source) for c in used if c.ct is not None]
        units += [more for unit, kind, source in units if kind == GOOD for more in varied(unit, source)]
        about = f"fitted on {len(used)} cases of benchmarks.scope_cases"
        pixels, kinds, sources = zip(*units, strict=True)
        text = fit_likeness([slice_features(unit) for unit in pixels], list(kinds), list(sources), about)
        COEFFICIENTS_FILE.write_text(text, encoding="utf-8")
        load_likeness_model.cache_clear()
    evaluated = cases("measure", lits, msd, args.every)
    print(flag_table((case, reasons(case, segmenter)) for case in evaluated))


if __name__ == "__main__":
    main()
