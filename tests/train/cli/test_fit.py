"""The options of `python -m train fit`, from the command line and from a file."""

from __future__ import annotations

import argparse

import pytest

from train.__main__ import main
from train.cli.fit import add_parser, resolve
from train.fit.settings import FitSettings, Runtime
from train.sampling.augment import AugmentSettings
from train.sampling.slice_sampler import SamplingShares


def resolved(*arguments):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return resolve(parser.parse_args(["fit", *map(str, arguments)]))


def test_command_line_becomes_settings():
    given = resolved(
        *["--data", "a:0.8:0.3", "b", "--data", "c:0.1", "--arch", "segformer-b1", "--out", "run"],
        *["--option", "decoder_width=128", "--option", "drop_path=0", "--window", "60", "200"],
        *["--window", "40", "400", "--working-range", "60", "80", "--augment", "elastic=0"],
        *[
            "--liver-free",
            "0.25",
            "--scan-weights",
            "root",
            "--hard",
            "h.csv:0.2",
            "--hard",
            "g.csv",
            "--paste",
            "0.5",
        ],
    )
    del given["out"]
    settings = FitSettings(**given)
    assert settings.data == (("a", 0.8, 0.3), ("b", 1.0, 0.0), ("c", 0.1, 0.0))
    assert settings.options == {"decoder_width": 128, "drop_path": 0}
    assert settings.windows == ((60, 200), (40, 400)) and settings.working_range == (60, 80)
    assert settings.shares == SamplingShares(liver_free=0.25, scan_weights="root")
    assert settings.paste == 0.5
    assert settings.hard == (("h.csv", 0.2), ("g.csv", 0.1))
    assert settings.view == AugmentSettings(working_px=(60, 80), elastic=0)


TOML = """
architecture = "segformer-b1"
data = ["a:0.8:0.3", "b"]
window = [[60, 200], [40, 400]]
samples = 100
score-alone = true
patience = 3
[option]
decoder_width = 128
"""


YAML = """
arch: segformer-b1
data: [a:0.8:0.3, b]
windows: [[60, 200], [40, 400]]
samples: 100
score_alone: true
patience: 3
options: {decoder_width: 128}
"""


@pytest.mark.parametrize("name, text", [("fit.toml", TOML), ("fit.yaml", YAML)])
def test_a_config_file_sets_options_and_the_command_line_overrides_it(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    given = resolved("--config", path, "--samples", "7", "--data", "c", "--out", "run")
    assert given["samples"] == 7 and given["data"] == (("c", 1.0, 0.0),)
    given = resolved("--config", path)
    assert given == {
        "architecture": "segformer-b1",
        "data": (("a", 0.8, 0.3), ("b", 1.0, 0.0)),
        "windows": ((60.0, 200.0), (40.0, 400.0)),
        "samples": 100,
        "score_alone": True,
        "patience": 3,
        "options": {"decoder_width": 128},
    }


@pytest.mark.parametrize(
    "name, text, complaint",
    [
        ("fit.toml", "sampels = 3", "unrecognized arguments: --sampels"),
        ("fit.toml", "sample = 3", "unrecognized arguments: --sample"),  # no abbreviations
        ("fit.toml", 'samples = "many"', "invalid int value"),
        ("fit.toml", "samples = ", "not valid TOML"),
        ("fit.yml", "a: [", "not valid YAML"),
        ("fit.yml", "- 1", "names and values"),
        ("fit.json", "{}", "must end in"),
    ],
)
def test_invalid_config_files_are_refused_in_one_line(tmp_path, capsys, name, text, complaint):
    path = tmp_path / name
    path.write_text(text)
    assert main(["fit", "--config", str(path), "--data", "x", "--out", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert complaint in error and str(path) in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_missing_data_or_folder_is_refused(tmp_path, capsys):
    assert main(["fit", "--out", str(tmp_path)]) == 1
    assert "--data" in capsys.readouterr().err


def test_help_shows_an_example_and_defaults(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--help"])
    shown = capsys.readouterr().out
    assert stop.value.code == 0 and "example:" in shown and "(default 60000)" in shown
    assert Runtime().workers is None and "torchrun" in shown
