"""The card's section on calibration: how the tumour probability was calibrated, and its thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.manifest import Manifest
from registry.text import markdown

CURVE_ROWS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The thresholds in the card's table; the curve in the manifest has more."""


def calibration_sections(manifest: Manifest) -> Iterator[str]:
    """The paragraphs of the section; none for a manifest with neither a calibration nor a curve."""
    calibration = manifest.extra.get("calibration")
    entry = next((entry for entry in manifest.metrics if "curve" in entry), None)
    if calibration is None and entry is None:
        return
    yield "## Calibration"
    if calibration is not None:
        yield calibration_sentence(calibration)
        values = manifest.metrics[0]["values"] if manifest.metrics else {}
        if sentence := error_sentence(values):
            yield sentence
    if entry is not None:
        yield _curve(entry, manifest.tumour_threshold)


def calibration_sentence(calibration: dict[str, Any]) -> str:
    """How the tumour probability was calibrated, and on which scans."""
    scans = f"{calibration['scans']} scan" + ("s" if calibration["scans"] != 1 else "")
    where = f"{markdown(calibration['dataset'])}, {markdown(calibration['split'])} ({scans})"
    if calibration["method"] == "none":
        reason = markdown(calibration.get("reason") or "it was not calibrated")
        return f"The tumour probability is the network's own, looked at on {where}: {reason}."
    own = calibration.get("own_threshold")
    carried = "" if own is None else f" (here {own:g} of the network's own)"
    return (
        "The tumour probability is calibrated inside the archive by Platt scaling, slope "
        f"{calibration['slope']:.3f} and shift {calibration['shift']:+.3f} on its logit, fitted on {where}, "
        f"to {markdown(calibration.get('region', 'its pixels'))}. The map is monotone, so a threshold "
        f"carried over with it{carried} draws the same tumour."
    )


def error_sentence(values: dict[str, Any]) -> str:
    """ECE and Brier score of tumour before and after calibration; empty where they were not measured."""
    parts = []
    for name, metric in (
        ("Expected calibration error in the liver", "ece_in_liver"),
        ("where the network gave 1 % or more", "ece_from_1_percent"),
        ("Brier score in the liver", "brier_in_liver"),
    ):
        before, after, crossed = (
            _tumour(values, f"{metric}{suffix}") for suffix in ("_uncalibrated", "", "_cross_fitted")
        )
        if before is None or after is None:
            continue
        held_out = "" if crossed is None else f" (each scan calibrated on the others alone: {crossed:.4f})"
        parts.append(f"{name} of tumour: {before:.4f} before, {after:.4f} after{held_out}.")
    return " ".join(part[0].upper() + part[1:] for part in parts)


def _tumour(values: dict[str, Any], metric: str) -> float | None:
    value: float | None = values.get(metric, {}).get("tumour", {}).get("value")
    return value


def _curve(entry: dict[str, Any], threshold: float) -> str:
    points = entry["curve"]
    rows = ["| threshold | sensitivity | precision |", "| --- | --- | --- |"]
    for t, sensitivity, precision in zip(
        points["threshold"], points["sensitivity"], points["precision"], strict=True
    ):
        if any(abs(t - row) < 1e-9 for row in CURVE_ROWS):
            rows.append(f"| {t:g} | {_percent(sensitivity)} | {_percent(precision)} |")
    head = (
        f"Tumour pixels at other thresholds than {threshold:g}, those of all scans of "
        f"{markdown(entry['dataset'])}, {markdown(entry['split'])} pooled:"
    )
    return head + "\n\n" + "\n".join(rows)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
