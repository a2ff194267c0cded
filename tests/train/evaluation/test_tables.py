"""The CSV and Markdown tables."""

from __future__ import annotations

import csv

from train.evaluation.tables import COLUMNS, csv_table, markdown

FIRST_COLUMNS = [
    *("dataset", "split", "scan"),
    *(f"{s}_{c}" for s in ("liver", "tumour") for c in ("tp", "fp", "fn", "dice")),
]


def test_the_csv_has_one_row_per_scan_and_keeps_its_first_columns(scores):
    rows = list(csv.DictReader(csv_table(scores).splitlines()))
    assert list(rows[0])[: len(FIRST_COLUMNS)] == FIRST_COLUMNS and list(rows[0]) == COLUMNS
    assert [row["scan"] for row in rows] == ["1", "2", "3"]
    assert (
        rows[0]["tumour_dice"] == "1.0000"
        and rows[1]["tumour_dice"] == "0.0000"
        and rows[2]["tumour_dice"] == ""
    )
    assert rows[0]["tumour_assd_mm"] == "0.0000" and rows[0]["tumour_assd_2d_px"] == ""
    assert rows[1]["distances_in"] == "2d_mm" and rows[2]["spacing_row_mm"] == ""
    assert rows[1]["tumour_lesions_overlap_50_reference"] == "3" and rows[2]["burden_reference"] == "0.0000"


def test_the_markdown_has_the_main_numbers_with_intervals_and_n(found):
    text = markdown(found)
    assert "| Dice, mean over scans | 1.000 [1.000, 1.000] (n = 3) | 0.500 [0.000, 1.000] (n = 2) |" in text
    assert "| ASSD, mm (3D) |" in text and "| over 20 mm | 1 | 1.000" in text
    assert "first project's protocol" in text and "nan" not in text and "None" not in text
