"""The benchmark's framework: rows, timing in turn, the store, the guard, and the command with little work."""

import itertools
import json

import pytest

from benchmarks.speed import guard, machine, sections, store
from benchmarks.speed.rows import NotMeasured, Ratio, Row, Spread
from benchmarks.speed.running import run_sections
from benchmarks.speed.sections import SECTIONS, Section
from benchmarks.speed.tables import rows_text
from benchmarks.speed.timing import in_turn
from liverseg.__main__ import main

HERE = machine.Machine("a processor", 2, ("avx2",), 8.0, "Linux", "3.11", {"torch": "2"})
ROW = Row(
    "slice",
    "B0",
    "ms",
    {"ours": Spread(10.0, 9.0, 11.0, 5), "theirs": Spread(80.0, 75.0, 90.0, 5)},
    {"ours, times faster than theirs": Ratio(8.0, goal=8)},
    note="random weights",
    missing={"ours, bf16": "the processor lacks it"},
)


def test_variants_run_in_turn_and_the_warm_up_is_not_counted():
    ticks = itertools.count()
    order = []
    variants = {name: lambda name=name: order.append(name) for name in "abc"}
    timings = in_turn(variants, 2, clock=lambda: float(next(ticks)))
    assert "".join(order) == "abc" + "bca" + "cab"
    assert timings.seconds == {name: [1.0, 1.0] for name in "abc"}


def test_a_budget_ends_the_rounds_but_not_before_the_third():
    ticks = itertools.count(step=10)
    assert len(in_turn({"a": lambda: None}, 50, budget_s=1, clock=lambda: next(ticks)).seconds["a"]) == 3


def test_a_ratio_pairs_the_times_of_a_round():
    # The machine was slow in the last two rounds: medians apart would say 4 / 3.
    timings = in_turn({"a": lambda: None, "b": lambda: None}, 3)
    timings = type(timings)({"a": [1.0, 3.0, 4.0], "b": [2.0, 6.0, 4.0]})
    assert timings.times_faster("a", "b") == 2.0


def test_rows_survive_json():
    assert Row.from_dict(json.loads(json.dumps(ROW.to_dict()))) == ROW
    assert ROW.to_dict()["ratios"]["ours, times faster than theirs"]["met"] is True


def test_tables_tell_goals_shortfalls_and_what_is_missing():
    short = Row("slice", "B2", ratios={"faster": Ratio(2.0, goal=10)})
    text = rows_text([ROW, short, Row.unmeasured("slice", "GPU", "there is none.")])
    assert text.index("at least 8") < text.index("9 to 11")  # ratios first
    assert "| met" in text and "| short" in text
    assert "- B0, ours, bf16: not measured, the processor lacks it." in text
    assert "- GPU: not measured, there is none." in text


@pytest.mark.parametrize(
    "value, higher, holds", [(6.5, True, True), (6.0, True, False), (9.0, False, True), (11.0, False, False)]
)
def test_the_guard_tells_a_loss_from_noise_in_either_direction(value, higher, holds):
    row = Row("slice", "B0", ratios={"r": Ratio(value, higher_is_better=higher)})
    verdict = guard.compare([row], {"slice: B0": {"r": 8.0}, "other: row": {"r": 1.0}})
    assert verdict.compared == 1 and verdict.holds is holds


def test_the_guard_misses_a_ratio_that_is_measured_no_longer():
    verdict = guard.compare([Row.unmeasured("slice", "B0", "it failed")], {"slice: B0": {"r": 8.0}})
    assert not verdict.holds and verdict.gone == ("slice: B0, r",)


def test_a_baseline_keeps_other_machines_and_rows(tmp_path):
    path = tmp_path / "benchmarks" / "baseline.json"
    guard.save_baseline(path, "amx", [ROW])
    noisy = Row("memory", "scan", ratios={"kept": Ratio(1.0), "noisy": Ratio(2.0, guarded=False)})
    guard.save_baseline(path, "avx2", [ROW])
    guard.save_baseline(path, "avx2", [noisy])
    ours = {"slice: B0": {"ours, times faster than theirs": 8.0}}
    assert guard.load_baseline(path) == {"amx": ours, "avx2": ours | {"memory: scan": {"kept": 1.0}}}


@pytest.fixture
def standins(monkeypatch):
    """Three sections: one that measures, one that cannot, one that is broken."""

    def measure(context):
        return [ROW]

    def lacking(context):
        raise NotMeasured("transformers is not installed.")

    def broken(context):
        raise ZeroDivisionError

    made = {}
    for name, function in {"m": measure, "l": lacking, "b": broken}.items():
        monkeypatch.setattr(sections, f"standin_{name}", function, raising=False)
        made[name] = Section(name, f"Section {name}", f"benchmarks.speed.sections:standin_{name}")
    monkeypatch.setattr(sections, "SECTIONS", made)
    monkeypatch.setattr(store, "SECTIONS", made)
    return made


def test_a_section_that_fails_costs_no_other(standins):
    lines = []
    outcomes = run_sections(list(standins.values()), 1, True, lines.append)
    assert [outcome.failed for outcome in outcomes] == [False, False, True]
    assert outcomes[1].rows[0].not_measured == "transformers is not installed."
    assert "ZeroDivisionError" in outcomes[2].rows[0].not_measured
    assert any("Traceback" in line for line in lines)


def test_writing_replaces_only_the_sections_that_were_measured(standins, tmp_path):
    page = tmp_path / "BENCHMARKS.md"
    first, second, _ = run_sections(list(standins.values()), 1, True, lambda line: None)
    store.write(page, [second], HERE, "the command for l")
    store.write(page, [first], HERE, "the command for m")
    text = page.read_text()
    assert text.index("## Section m") < text.index("## Section l")  # in their own order
    assert "the command for l" in text and "the command for m" in text
    assert text.count("a processor") == 1  # the same machine is described once
    assert list(store.load(tmp_path / store.STORE)) == ["m", "l"]


def test_the_command_guards_and_refuses_in_one_sentence(standins, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "limit_threads", lambda threads: 1)
    monkeypatch.setattr(machine, "describe", lambda: HERE)
    assert main(["bench", "--sections", "nothing"]) == 1
    assert capsys.readouterr().err == "There is no section 'nothing'; there are m, l, b.\n"
    assert main(["bench", "--sections", "m", "--baseline", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [ROW.to_dict()]
    assert main(["bench", "--sections", "m", "--guard"]) == 0
    assert "1 ratios compared" in capsys.readouterr().err
    path = tmp_path / guard.BASELINE
    path.write_text(path.read_text().replace("8.0", "80.0"))
    assert main(["bench", "--sections", "m", "--guard"]) == 1
    assert "worse: slice: B0, ours, times faster than theirs: 8, was 80" in capsys.readouterr().err
    assert main(["bench", "--sections", "m,b"]) == 1  # a section of ours failed
    assert main(["bench", "--quick", "--write", "page.md"]) == 2


def test_every_section_has_a_home():
    for section in SECTIONS.values():
        module, function = section.home.split(":")
        assert callable(getattr(__import__(module, fromlist=[function]), function))
