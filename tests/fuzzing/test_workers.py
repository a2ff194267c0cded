"""A short run of the fuzzer, and its limits of time and memory."""

from __future__ import annotations

import json

from fuzzing.__main__ import summary
from fuzzing.trial import Trial
from fuzzing.workers import check_limits, run_all

COUNT = 150


def test_hostile_files_are_read_or_refused():
    trials = run_all(1, range(COUNT), workers=1, rare_share=0.0, networks=False)
    counts = summary(trials)
    assert counts["wrong"] == [], json.dumps(counts["wrong"], indent=1)
    assert counts["inputs"] == COUNT and len(counts["families"]) > 15
    assert counts["outcomes"]["segmented"] > 20, "not every input is refused"
    assert len({trial.detail for trial in trials}) > 20, "messages name the cause"


def test_trials_over_the_limits_are_wrong():
    def trial(wall_s: float = 1.0, cpu_s: float = 1.0, peak_bytes: int = 1) -> Trial:
        return Trial(1, "family", "segmented", "", 1, wall_s, cpu_s, peak_bytes)

    fine = trial()
    assert check_limits(fine) is fine
    assert check_limits(trial(9.0, 9.0)).outcome == "slow"
    assert not check_limits(trial(9.0, 1.0)).is_wrong, "the machine was busy with something else"
    assert check_limits(trial(peak_bytes=2**30 + 1)).outcome == "too much memory"
