"""The registry's checkpoints as tables: what they were trained on, and what they scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from registry import Checkpoint


def checkpoints_table(checkpoints: Iterable[Checkpoint]) -> str:
    """Markdown: architecture, input, data, samples, hours and hardware of each checkpoint."""
    rows = [
        "| checkpoint | architecture | sees | trained on (slices) | samples seen | hours | hardware |",
        "|---|---|---|---|---|---|---|",
    ]
    for checkpoint in checkpoints:
        manifest = checkpoint.manifest
        training, spec = manifest.training, manifest.input
        windows = ", ".join(f"{w.center_hu:g}/{w.width_hu:g}" for w in spec.windows)
        data = ", ".join(f"{d['name']} ({d.get('slices', '?')})" for d in training["datasets"])
        hours = training.get("hours")
        rows.append(
            f"| `{checkpoint.ref}` | {manifest.architecture} | {_slices(spec.context_slices)}, "
            f"window {windows}, {spec.working_size} px | {data} | {training['samples_seen']:,} | "
            f"{'–' if hours is None else f'{hours:.1f}'} | {training['hardware']} |"
        )
    return "\n".join(rows)


def scores_table(checkpoints: Iterable[Checkpoint]) -> str:
    """Markdown: every evaluation of every checkpoint, Dice with its 95 % interval and n."""
    rows = [
        "| checkpoint | data, split | liver, pooled | liver, per scan | tumour, pooled | tumour, per scan |",
        "|---|---|---|---|---|---|",
    ]
    for checkpoint in checkpoints:
        for entry in checkpoint.manifest.metrics:
            cells = [
                cell(entry["values"].get(metric, {}).get(structure))
                for structure in ("liver", "tumour")
                for metric in ("dice_global", "dice_per_case")
            ]
            place = f"{entry['dataset']}, {entry['split']}"
            rows.append(f"| `{checkpoint.ref}` | {place} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


_WORTH = (
    ("ECE in the liver", "ece_in_liver"),
    ("ECE from 1 % on", "ece_from_1_percent"),
    ("Brier in the liver", "brier_in_liver"),
)


def calibration_table(checkpoints: Iterable[Checkpoint]) -> str:
    """Markdown: tumour's calibration before, after and cross-fitted; empty where no checkpoint tells it."""
    heads = [f"{name}: before | after | cross-fitted" for name, _ in _WORTH]
    rows = []
    for checkpoint in checkpoints:
        manifest = checkpoint.manifest
        found = manifest.extra.get("calibration")
        if found is None:
            continue
        values = manifest.metrics[0]["values"]
        cells = [
            _worth(values.get(f"{metric}{suffix}"))
            for _, metric in _WORTH
            for suffix in ("_uncalibrated", "", "_cross_fitted")
        ]
        done = "none" if found["method"] == "none" else f"{found['slope']:.3f} {found['shift']:+.3f}"
        place = f"{found['dataset']}, {found['split']} ({found['scans']})"
        rows.append(f"| `{checkpoint.ref}` | {place} | {done} | " + " | ".join(cells) + " |")
    if not rows:
        return ""
    head = f"| checkpoint | fitted on (scans) | slope, shift | {' | '.join(heads)} |"
    return "\n".join([head, "|---" * (3 + 3 * len(_WORTH)) + "|", *rows])


def _worth(by_structure: dict[str, Any] | None) -> str:
    value = ((by_structure or {}).get("tumour") or {}).get("value")
    return "–" if value is None else f"{value:.4f}"


def protocols(checkpoints: Iterable[Checkpoint]) -> Iterator[str]:
    """Each evaluation's protocol in words, once."""
    seen: dict[str, list[str]] = {}
    for checkpoint in checkpoints:
        for entry in checkpoint.manifest.metrics:
            seen.setdefault(entry["protocol"], []).append(
                f"`{checkpoint.ref}` on {entry['dataset']}, {entry['split']}"
            )
    for protocol, places in seen.items():
        yield f"- {'; '.join(places)}: {protocol}."


def cell(record: dict[str, Any] | None) -> str:
    """A value with interval and n, or a dash.

    >>> cell({"value": 0.5352, "n": 5, "interval_95": [0.2982, 0.6256]})
    '0.535 [0.298, 0.626] (n = 5)'
    >>> cell(None)
    '–'
    """
    if record is None or record.get("value") is None:
        return "–"
    interval = record.get("interval_95")
    spread = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    return f"{record['value']:.3f}{spread} (n = {record['n']})"


def _slices(count: int) -> str:
    return "one slice" if count == 1 else f"{count} slices"
