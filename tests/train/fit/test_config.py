"""Config files as command-line arguments."""

from __future__ import annotations

import pytest

from train.errors import TrainError
from train.fit.config import as_arguments, read_config


def test_toml_and_yaml_give_the_same_arguments(tmp_path):
    (tmp_path / "fit.toml").write_text(
        'data = ["a:0.8", "b"]\nworking_range = [60, 80]\nwindows = [[60, 200]]\n'
    )
    (tmp_path / "fit.yaml").write_text("data: ['a:0.8', b]\nworking-range: [60, 80]\nwindow: [[60, 200]]\n")
    toml, yaml = (as_arguments(read_config(tmp_path / name)) for name in ("fit.toml", "fit.yaml"))
    assert toml == yaml
    assert toml == ["--data", "a:0.8", "b", "--working-range", "60", "80", "--window", "60", "200"]


@pytest.mark.parametrize(
    "name, content, complaint",
    [
        ("a.toml", b"\xff", "cannot be read"),
        ("a.yml", b"- 1", "names and values"),
        ("a.ini", b"", "must end in"),
    ],
)
def test_files_without_a_table_of_options_are_refused(tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TrainError, match=complaint):
        read_config(tmp_path / name)
