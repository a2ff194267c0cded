"""The tables of the registry's checkpoints."""

from __future__ import annotations

from registry import open_registries
from train.results.checkpoints import calibration_table, checkpoints_table, scores_table


def test_each_checkpoint_and_evaluation_has_a_row():
    checkpoints = open_registries("bundled").list()
    evaluations = sum(len(checkpoint.manifest.metrics) for checkpoint in checkpoints)
    for table, rows in (
        (checkpoints_table(checkpoints), len(checkpoints)),
        (scores_table(checkpoints), evaluations),
        (calibration_table(checkpoints), len(checkpoints)),
    ):
        header, rule, *body = table.splitlines()
        assert len(body) == rows
        assert {line.count("|") for line in (header, rule, *body)} == {header.count("|")}
    assert calibration_table([]) == ""
