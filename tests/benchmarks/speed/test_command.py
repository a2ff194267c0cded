from __future__ import annotations

import json

from benchmarks.speed import guard, machine
from liverseg.__main__ import main
from tests.benchmarks.speed.sample_rows import MACHINE, ROW


def test_the_command_compares_with_the_baseline_and_reports_errors_in_one_line(
    fake_sections, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "limit_threads", lambda threads: 1)
    monkeypatch.setattr(machine, "describe", lambda: MACHINE)
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
