"""The section of the results page that shows the `metrics.json` of a cross-validation."""

from __future__ import annotations

from typing import Any

from train.results.checkpoints import mode_words, number_cell

DICE_COLUMNS = (
    ("liver", "dice_global"),
    ("liver", "dice_per_case"),
    ("tumour", "dice_global"),
    ("tumour", "dice_per_case"),
)
HEADER = (
    "| | scans | liver, pooled | liver, per scan | tumour, pooled | tumour, per scan |\n" + "|---" * 6 + "|"
)


def crossvalidation_section(name: str, record: dict[str, Any], note: str) -> str:
    """A Markdown section with the description, the pooled scores, those of each fold, and those of each scan.

    `note` describes the runs.
    """
    protocol = record["protocol"]
    lines = [
        f"### {name}: {record['dataset']}, {len(record['folds'])} folds by scan{mode_words(record)}",
        f"{note} Tumour threshold {protocol['threshold']:g}; "
        f"{record['n']['scans']} scans, {record['n']['slices']} slices, each scored once, by the run that "
        "did not train on its scan.",
    ]
    rows = [HEADER, _row("**all scans**", record)]
    rows += [_row(f"fold {fold['fold']}", fold, intervals=False) for fold in record["folds"]]
    volumes = record.get("volumes")
    more = [crossvalidation_section(name, volumes, note)] if volumes else []
    return "\n\n".join([*lines, "\n".join(rows), _lesions(record), _scans(record), *more])


def _row(name: str, numbers: dict[str, Any], intervals: bool = True) -> str:
    cells = []
    for structure, measure in DICE_COLUMNS:
        entry = numbers["summary"][structure][measure]
        cells.append(
            number_cell(entry if intervals else {k: v for k, v in entry.items() if k != "interval_95"})
        )
    return f"| {name} | {numbers['n']['scans']} | " + " | ".join(cells) + " |"


def _lesions(record: dict[str, Any]) -> str:
    tumour = record["summary"]["tumour"]
    numbers = ", ".join(
        f"{name} {number_cell(tumour[key])}"
        for name, key in (
            ("recall", "lesion_recall"),
            ("precision", "lesion_precision"),
            ("recall at any overlap", "lesion_recall_any_overlap"),
        )
    )
    where = "Lesions in 3D" if record.get("mode") == "volume" else "Lesions within a slice"
    return f"{where}, detected by an overlap above one half unless stated otherwise: {numbers}."


def _scans(record: dict[str, Any]) -> str:
    rows = [
        f"| {scan['scan']} | {scan['fold']} | {scan['slices']} | {_number(scan['liver']['dice'])} | "
        f"{_number(scan['tumour']['dice'])} | {scan['tumour']['tp'] + scan['tumour']['fn']:,} |"
        for scan in sorted(record["scans"], key=lambda scan: (scan["fold"], int(scan["scan"])))
    ]
    head = "| scan | fold | slices | liver | tumour | tumour pixels |\n" + "|---" * 6 + "|"
    return "<details><summary>Every scan</summary>\n\n" + "\n".join([head, *rows]) + "\n\n</details>"


def _number(value: float | None) -> str:
    """
    >>> _number(0.51239), _number(None)
    ('0.512', 'no reference')
    """
    return "no reference" if value is None else f"{value:.3f}"
