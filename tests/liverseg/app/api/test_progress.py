"""The progress of one or several runs."""

from __future__ import annotations

from liverseg.app.api.progress import run_progress


def shown(loading: bool, runs: int, done: list[int]) -> list:
    steps = []
    progress = run_progress(lambda step, desc, unit="": steps.append((step, desc, unit)), loading, runs)
    for slices in done:
        progress(slices, 4)
    return steps


def test_a_run_shows_its_slices():
    assert shown(False, 1, [1, 4]) == [
        (0, "Reading", ""),
        ((1, 4), "Segmenting", "slices"),
        ((4, 4), "Segmenting", "slices"),
    ]


def test_a_second_run_goes_on_where_the_first_has_ended():
    steps = shown(True, 2, [2, 4, 1, 4])
    assert steps[0] == (0, "Waiting for the checkpoint", "")
    assert [step for step, *_ in steps[1:]] == [(2, 8), (4, 8), (5, 8), (8, 8)]
    assert [step for step, *_ in shown(False, 2, [4, 4])[1:]] == [(4, 8), (8, 8)]
