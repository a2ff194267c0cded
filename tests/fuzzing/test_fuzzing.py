"""A short run of the fuzzer, and that it would notice what it looks for."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from fuzzing import inputs, running, seeds
from fuzzing.__main__ import summary
from fuzzing.networks import rule
from fuzzing.trial import Bench, Trial
from liverseg.errors import UnreadableInput

COUNT = 150


def test_hostile_files_are_read_or_refused_and_nothing_else():
    trials = running.run_all(1, range(COUNT), workers=1, rare_share=0.0, networks=False)
    told = summary(trials)
    assert told["wrong"] == [], json.dumps(told["wrong"], indent=1)
    assert told["inputs"] == COUNT and len(told["families"]) > 15
    assert told["outcomes"]["segmented"] > 20, "the damage is not so great that all is refused at once"
    assert len({trial.told for trial in trials}) > 20, "refusals name their causes"


def test_the_same_seed_makes_the_same_inputs():
    code = "from fuzzing.inputs import hostile; import hashlib; m = hashlib.sha256()\n"
    code += "for k in range(40): m.update(b''.join(hostile(3, k, 0.0).files))\nprint(m.hexdigest())"
    told = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(told) == 1
    assert inputs.hostile(3, 1, 0.0) != inputs.hostile(4, 1, 0.0)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (KeyError("x"), "uncaught KeyError"),
        (RecursionError(), "uncaught RecursionError"),
        (SystemExit(3), "uncaught SystemExit"),
        (UnreadableInput("no sentence"), "no sentence"),
        (UnreadableInput("Two\nlines."), "no sentence"),
        (UnreadableInput(f"There is no {seeds.CANARY}."), "tells a name"),
        (UnreadableInput("There is not enough memory."), "memory ran out"),
    ],
)
def test_what_is_wrong_is_noticed(error, outcome, monkeypatch):
    def read(source):
        raise error

    monkeypatch.setattr("liverseg.read", read)
    trial = Bench(lambda index: rule()).run(1, inputs.hostile(1, 1, 0.0))
    assert trial.is_wrong and outcome in trial.outcome


def test_time_memory_and_results_are_looked_at(monkeypatch):
    fine = Trial(1, "f", "segmented", "", 1, 1.0, 1.0, 1)
    assert running._judged(fine) is fine
    assert running._judged(Trial(1, "f", "segmented", "", 1, 9.0, 9.0, 1)).outcome == "slow"
    assert not running._judged(Trial(1, "f", "segmented", "", 1, 9.0, 1.0, 1)).is_wrong, (
        "the machine was busy"
    )
    assert (
        running._judged(Trial(1, "f", "segmented", "", 1, 1.0, 1.0, 2**30 + 1)).outcome == "too much memory"
    )
    bench, sound = (
        Bench(lambda index: rule()),
        inputs.Hostile("sound", seeds.of_kind("nifti")[0].files, ".nii"),
    )
    assert bench.run(1, sound).outcome == "segmented"
    held = []
    monkeypatch.setattr("fuzzing.trial.measure", lambda ct, seg: held.append(np.ones(2**23)) or None)
    trial = bench.run(1, sound)
    assert trial.outcome == "uncaught AttributeError" and trial.peak_bytes > 60 * 2**20
