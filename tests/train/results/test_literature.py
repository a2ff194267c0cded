"""The published results of other systems."""

from __future__ import annotations

import re

from train.results.literature import PUBLISHED, published_table


def test_each_publication_has_one_row_with_all_its_cells():
    header, rule, *rows = published_table().splitlines()
    assert len(rows) == len(PUBLISHED) and rule.count("---") == header.count("|") - 1 == 6
    for published, row in zip(PUBLISHED, rows, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 6 and all(cells)
        assert cells[0] == published.system and cells[5] == published.source


def test_a_score_of_both_structures_leaves_the_tumour_cell_a_dash():
    (row,) = [line for line in published_table().splitlines() if line.startswith("| nnU-Net ResEnc L ")]
    assert "| mean of both 0.816 | – |" in row


def test_published_scores_are_dice_from_0_to_1():
    for published in PUBLISHED:
        numbers = re.findall(r"\d+\.\d+", published.liver + " " + published.tumour)
        assert all(0 < float(number) < 1 for number in numbers)
        assert numbers or published.liver == "–"
    assert len({published.system for published in PUBLISHED}) == len(PUBLISHED)
