"""Settings of a run: from the command line, from a file, from both; what is refused; who computes what."""

import argparse
import json

import pytest
import torch

from train.__main__ import main
from train.cli.fit import add_parser, resolve
from train.errors import TrainError
from train.fit.data import _sample_numbers
from train.fit.optimiser import autocast_dtype, seed_step
from train.fit.settings import FitSettings, Runtime
from train.sampling.augment import AugmentSettings
from train.weights import load_run

DATA = (("data", 1.0, 0.0),)


def resolved(*arguments):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return resolve(parser.parse_args(["fit", *map(str, arguments)]))


def test_command_line_becomes_settings():
    given = resolved(
        *["--data", "a:0.8:0.3", "b", "--data", "c:0.1", "--arch", "segformer-b1", "--out", "run"],
        *["--option", "decoder_width=128", "--option", "drop_path=0", "--window", "60", "200"],
        *["--window", "40", "400", "--working-range", "60", "80", "--augment", "elastic=0"],
    )
    del given["out"]
    settings = FitSettings(**given)
    assert settings.data == (("a", 0.8, 0.3), ("b", 1.0, 0.0), ("c", 0.1, 0.0))
    assert settings.options == {"decoder_width": 128, "drop_path": 0}
    assert settings.windows == ((60, 200), (40, 400)) and settings.working_range == (60, 80)
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
def test_a_file_gives_the_same_settings_and_the_command_line_wins(tmp_path, name, text):
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
def test_files_that_say_something_unknown_are_refused_with_one_line(tmp_path, capsys, name, text, complaint):
    path = tmp_path / name
    path.write_text(text)
    assert main(["fit", "--config", str(path), "--data", "x", "--out", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert complaint in error and str(path) in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_missing_data_or_folder_is_refused(tmp_path, capsys):
    assert main(["fit", "--out", str(tmp_path)]) == 1
    assert "--data" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        ({"data": ()}, "at least one dataset"),
        ({"data": (("a", 0.0, 0.0),)}, "more than 0"),
        ({"data": (("a", 1.0, 1.5),)}, "painted lesions"),
        ({"architecture": "nnformer-3d"}, "takes volumes"),
        ({"context_slices": 2}, "1, 3 or 5"),
        ({"samples": 0}, "at least 1"),
        ({"batch": 5, "accumulate": 2}, "evenly"),
        ({"crop": 100}, "multiple of 32"),
        ({"working_range": (80, 60)}, "must rise"),
        ({"progressive": 512}, "Progressive"),
        ({"augment": {"wobble": 1}}, "wobble"),
        ({"loss": "l2"}, "loss"),
        ({"select": "mood"}, "Select"),
        ({"patience": 0}, "patience"),
        ({"data": (("a", float("nan"), 0.0),)}, "more than 0"),
        ({"augment": {"noise": -1}}, "at least 0"),
        ({"augment": {"noise": "much"}}, "at least 0"),
        ({"working_size": 0}, "working size"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"clip": 0.0}, "above 0"),
        ({"seed": -1}, "0 or more"),
        ({"folds": 5}, "both"),
        ({"folds": 5, "fold": 5}, "numbered from 0"),
        ({"pretrained": "x", "init": "y"}, "not both"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, complaint):
    with pytest.raises(TrainError, match=complaint):
        FitSettings(**{"data": DATA, **wrong})


@pytest.mark.parametrize(
    "wrong", [{"workers": -1}, {"threads": 0}, {"save_every": 0}, {"pictures": -1}], ids=str
)
def test_a_runtime_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(
        TrainError, match="at least 1" if wrong.keys() & {"threads", "save_every"} else "0 or more"
    ):
        Runtime(**wrong)


def test_settings_survive_json():
    settings = FitSettings(data=DATA, options={"decoder_width": 8}, windows=((60.0, 200.0),))
    read = json.loads(json.dumps(settings.record()))
    assert FitSettings(**read | {"data": DATA}).record() == FitSettings(**read).record() | {"data": DATA}


def test_help_shows_an_example_and_defaults(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--help"])
    shown = capsys.readouterr().out
    assert stop.value.code == 0 and "example:" in shown and "(default 60000)" in shown
    assert Runtime().workers == 1 and "torchrun" in shown


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_samples_of_an_update_are_the_same_however_many_processes(processes, accumulate):
    settings = FitSettings(data=DATA, samples=40, batch=8, accumulate=accumulate)
    dealt = [list(_sample_numbers(settings, 2, process, processes)) for process in range(processes)]
    for step in range(2, settings.steps):
        for part in range(accumulate):
            place = (step - 2) * accumulate + part
            numbers = sorted(number for own in dealt for number, _ in own[place])
            start = step * 8 + part * 8 // accumulate
            assert numbers == list(range(start, start + 8 // accumulate))
            assert len({len(own[place]) for own in dealt}) == 1
    assert settings.steps == 5 and all(len(own) == 3 * accumulate for own in dealt)


def test_randomness_of_a_step_is_its_own():
    drawn = {}
    for key in ((1, 5), (1, 6), (2, 5), (1, 5)):
        seed_step(*key)
        value = torch.rand(4).tolist()
        assert drawn.setdefault(key, value) == value
    assert len({tuple(value) for value in drawn.values()}) == 3


def test_precision_is_what_was_asked():
    cpu = torch.device("cpu")
    assert autocast_dtype("fp32", cpu) is torch.float32 and autocast_dtype("bf16", cpu) is torch.bfloat16
    assert autocast_dtype("auto", cpu) in (torch.float32, torch.bfloat16)


def test_runs_made_before_there_were_options_are_read(tmp_path):
    old = {"architecture": "segformer-b0", "decoder_width": 128, "window": (60.0, 200.0), "context_slices": 3}
    torch.save({"weights": {}, "settings": old}, tmp_path / "old.pt")
    settings = load_run(tmp_path / "old.pt")["settings"]
    assert settings["options"] == {"decoder_width": 128} and settings["windows"] == ((60.0, 200.0),)
    torch.save({"weights": {}, "settings": {**old, "decoder_width": None}}, tmp_path / "old.pt")
    assert load_run(tmp_path / "old.pt")["settings"]["options"] == {}
