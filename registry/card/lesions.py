"""The card's section on lesions: the rules for volumes, the lesion model and what its cuts gave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.manifest import Manifest
from registry.text import markdown

MODE_NAMES = {"volume": "volumes", "slice": "lone slices"}

TABLE_CUTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The cuts of the card's table; the manifest has more."""


def lesion_sections(manifest: Manifest) -> Iterator[str]:
    """The paragraphs of the section; none for a manifest with neither volume rules nor a lesion model."""
    rules, model = manifest.extra.get("volume_rules"), manifest.extra.get("lesion_model")
    lone = manifest.extra.get("slice_rules")
    if not rules and not model and not lone:
        return
    yield "## Volumes and lesions"
    if rules:
        yield _rules_sentence(rules)
    if lone:
        yield (
            "In a lone slice, regions whose mean probability of liver and tumour together is below "
            f"{lone['least_body_probability']:g} are removed."
        )
    if not model:
        return
    yield (
        "Each candidate lesion has a probability of being real, from a logistic regression on features of "
        "the candidate. From the cut on, a lesion is *likely* and counts. Below, it is *unsure*: listed, but "
        "labelled liver."
    )
    if fitted_on := model.get("fitted_on"):
        yield f"Fitted on: {markdown(str(fitted_on))}."
    for mode, name in MODE_NAMES.items():
        if mode in model:
            yield from _mode_sections(model[mode], name)


def _rules_sentence(rules: dict[str, Any]) -> str:
    parts = []
    if search := rules.get("search"):
        parts.append(
            f"the liver is located at {search['working_size']:g} px and segmented inside its box (margin "
            f"{search['margin']:.1%} of the slice) at {search['scale']:g} times the usual resolution"
        )
    if smoothing := rules.get("smoothing"):
        parts.append(
            f"probabilities are smoothed across slices, σ = {smoothing['sigma_mm']:g} mm "
            f"({smoothing['sigma_slices']:g} slices where their distance is unknown)"
        )
    if hysteresis := rules.get("hysteresis"):
        parts.append(
            f"regions whose peak probability is below {hysteresis['seed_probability']:g} are counted, not "
            "listed"
        )
    return f"In volumes {'; '.join(parts)}." if parts else "There are no rules for volumes."


def _mode_sections(entry: dict[str, Any], name: str) -> Iterator[str]:
    sentence = f"For {name}, the default cut is {entry['cut']:g}."
    if "auc" in entry:
        sentence += (
            f" In cross-validation, on scans left out of the fit: {entry['candidates']:,} candidates, "
            f"{entry['real']:,} of them real; AUC {entry['auc']:.3f}."
        )
    if free := entry.get("tumour_free_scans"):
        unit = "scans" if name == MODE_NAMES["volume"] else "slices"
        sentence += (
            f" Of {free:,} {unit} without tumour, {entry['tumour_free_with_likely_lesion']:,} keep a likely "
            "lesion."
        )
    yield sentence
    if points := [p for p in entry.get("operating_points", ()) if p["cut"] in TABLE_CUTS]:
        unit = "scan" if name == MODE_NAMES["volume"] else "slice"
        lines = [
            f"| cut | reference lesions found | likely lesions that are real | false ones per {unit} |",
            "| --- | --- | --- | --- |",
        ]
        for point in points:
            precision = "–" if point["precision"] is None else f"{point['precision']:.1%}"
            lines.append(
                f"| {point['cut']:g} | {point['recall']:.1%} | {precision} | {point['false_per_scan']:.2f} |"
            )
        yield "\n".join(lines)
    if bins := entry.get("reliability"):
        shown = "; ".join(
            f"{b['mean_probability']:.2f}: {b['share_real']:.2f} of {b['candidates']:,}" for b in bins
        )
        yield f"Mean lesion probability, and the share that is real, of left-out candidates: {shown}."
