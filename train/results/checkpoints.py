"""Markdown tables of the registry's checkpoints: training, scores and calibration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from registry import Checkpoint
from train.evaluation.protocol import MODES


def checkpoints_table(checkpoints: Iterable[Checkpoint]) -> str:
    """Architecture, input, training data, samples, hours and hardware of each checkpoint."""
    rows = [
        "| checkpoint | architecture | input | trained on (slices) | samples seen | hours | hardware |",
        "|---|---|---|---|---|---|---|",
    ]
    for checkpoint in checkpoints:
        manifest = checkpoint.manifest
        training, spec = manifest.training, manifest.input
        windows = ", ".join(f"{w.center_hu:g}/{w.width_hu:g}" for w in spec.windows)
        data = ", ".join(f"{d['name']} ({d.get('slices', '?')})" for d in training["datasets"])
        hours = _hours(training)
        rows.append(
            f"| `{checkpoint.ref}` | {manifest.architecture} | {_slices(spec.context_slices)}, "
            f"window {windows}, {spec.working_size} px | {data} | {training['samples_seen']:,} | "
            f"{hours} | {training['hardware']} |"
        )
    return "\n".join(rows)


def _hours(training: dict[str, Any]) -> str:
    """
    >>> _hours({"hours": 1.26}), _hours({"hours_at_least": 2.0}), _hours({})
    ('1.3', 'at least 2.0', '–')
    """
    if "hours" in training:
        return f"{training['hours']:.1f}"
    return f"at least {training['hours_at_least']:.1f}" if "hours_at_least" in training else "–"


def scores_table(checkpoints: Iterable[Checkpoint]) -> str:
    """The Dice of every evaluation of every checkpoint with 95 % interval and n."""
    rows = [
        "| checkpoint | data, split | liver, pooled | liver, per scan | tumour, pooled | tumour, per scan |",
        "|---|---|---|---|---|---|",
    ]
    for checkpoint in checkpoints:
        for entry in checkpoint.manifest.metrics:
            cells = [
                number_cell(entry["values"].get(metric, {}).get(structure))
                for structure in ("liver", "tumour")
                for metric in ("dice_global", "dice_per_case")
            ]
            split = f"{entry['dataset']}, {entry['split']}" + mode_words(entry)
            rows.append(f"| `{checkpoint.ref}` | {split} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


_CALIBRATION_METRICS = (
    ("ECE in the liver", "ece_in_liver"),
    ("ECE from 1 %", "ece_from_1_percent"),
    ("Brier in the liver", "brier_in_liver"),
)


def calibration_table(checkpoints: Iterable[Checkpoint]) -> str:
    """The tumour calibration of each checkpoint; empty where no checkpoint records one."""
    heads = [f"{name}: before | after | cross-fitted" for name, _ in _CALIBRATION_METRICS]
    rows = []
    for checkpoint in checkpoints:
        manifest = checkpoint.manifest
        calibration = manifest.extra.get("calibration")
        if calibration is None:
            continue
        values = manifest.metrics[0]["values"]
        cells = [
            _tumour_value(values.get(f"{metric}{suffix}"))
            for _, metric in _CALIBRATION_METRICS
            for suffix in ("_uncalibrated", "", "_cross_fitted")
        ]
        parameters = f"{calibration['slope']:.3f} {calibration['shift']:+.3f}"
        if calibration["method"] == "none":
            parameters = "none"
        split = f"{calibration['dataset']}, {calibration['split']} ({calibration['scans']})"
        rows.append(f"| `{checkpoint.ref}` | {split} | {parameters} | " + " | ".join(cells) + " |")
    if not rows:
        return ""
    head = f"| checkpoint | fitted on (scans) | slope, shift | {' | '.join(heads)} |"
    return "\n".join([head, "|---" * (3 + 3 * len(_CALIBRATION_METRICS)) + "|", *rows])


def _tumour_value(by_structure: dict[str, Any] | None) -> str:
    value = ((by_structure or {}).get("tumour") or {}).get("value")
    return "–" if value is None else f"{value:.4f}"


def protocol_list(checkpoints: Iterable[Checkpoint]) -> Iterator[str]:
    """A list item per protocol, with the evaluations that used it."""
    evaluations: dict[str, list[str]] = {}
    for checkpoint in checkpoints:
        for entry in checkpoint.manifest.metrics:
            evaluations.setdefault(entry["protocol"], []).append(
                f"`{checkpoint.ref}` on {entry['dataset']}, {entry['split']}{mode_words(entry)}"
            )
    for protocol, names in evaluations.items():
        yield f"- {'; '.join(names)}: {protocol}."


def mode_words(entry: dict[str, Any]) -> str:
    """The mode of an evaluation after a comma; empty for older ones, which are all of slices.

    >>> mode_words({"mode": "volume"}), mode_words({})
    (', volumes', '')
    """
    return f", {MODES[entry['mode']]}" if "mode" in entry else ""


def number_cell(record: dict[str, Any] | None) -> str:
    """The value of an entry with interval and n, or a dash.

    >>> number_cell({"value": 0.5352, "n": 5, "interval_95": [0.2982, 0.6256]})
    '0.535 [0.298, 0.626] (n = 5)'
    >>> number_cell(None)
    '–'
    """
    if record is None or record.get("value") is None:
        return "–"
    interval = record.get("interval_95")
    spread = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    return f"{record['value']:.3f}{spread} (n = {record['n']})"


def _slices(count: int) -> str:
    return "one slice" if count == 1 else f"{count} slices"
