"""A trial notices errors, improper messages and memory."""

from __future__ import annotations

import numpy as np
import pytest

from fuzzing import inputs, seeds
from fuzzing.segmenters import rule
from fuzzing.trial import TrialRunner
from liverseg.errors import UnreadableInput


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (KeyError("x"), "uncaught KeyError"),
        (RecursionError(), "uncaught RecursionError"),
        (SystemExit(3), "uncaught SystemExit"),
        (UnreadableInput("no full stop"), "not one sentence"),
        (UnreadableInput("Two\nlines."), "not one sentence"),
        (UnreadableInput(f"There is no {seeds.CANARY}."), "contains a name"),
        (UnreadableInput("There is not enough memory."), "memory ran out"),
    ],
)
def test_errors_and_improper_messages_are_failures(error, outcome, monkeypatch):
    def read(source):
        raise error

    monkeypatch.setattr("liverseg.read", read)
    trial = TrialRunner(lambda index: rule()).run(1, inputs.hostile(1, 1, 0.0))
    assert trial.is_wrong and outcome in trial.outcome


def test_memory_and_errors_of_a_trial_are_recorded(monkeypatch):
    runner = TrialRunner(lambda index: rule())
    valid = inputs.Hostile("valid", seeds.of_kind("nifti")[0].files, ".nii")
    assert runner.run(1, valid).outcome == "segmented"
    held = []
    monkeypatch.setattr("fuzzing.trial.measure", lambda ct, seg: held.append(np.ones(2**23)) or None)
    trial = runner.run(1, valid)
    assert trial.outcome == "uncaught AttributeError" and trial.peak_bytes > 60 * 2**20
