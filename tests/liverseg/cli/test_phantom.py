"""The command `python -m liverseg phantom`."""

from __future__ import annotations

import nibabel
import pytest

from liverseg.__main__ import main


def test_the_command_prints_the_paths_it_wrote(tmp_path, capsys):
    assert main(["phantom", str(tmp_path / "scan.nii.gz"), "--seed", "3", "--size", "64"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [str(tmp_path / "scan.nii.gz"), str(tmp_path / "labels.nii.gz")]
    assert nibabel.load(printed[0]).shape == (64, 64, 1)


def test_errors_are_one_line_and_set_the_exit_status(tmp_path, capsys):
    assert main(["phantom", str(tmp_path), "--seed", "-1"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and "seed" in err
    with pytest.raises(SystemExit) as exit_info:
        main(["phantom", str(tmp_path), "--kind", "cube"])
    assert exit_info.value.code == 2
