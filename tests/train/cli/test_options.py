"""The options that several commands share."""

from __future__ import annotations

import argparse

import pytest

from liverseg.errors import LiversegError
from train.cli.options import add_protocol_options, add_run_options, command_parser, protocol_of
from train.evaluation.protocol import Protocol


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    add_protocol_options(parser)
    add_run_options(parser)
    return parser


def test_a_command_shows_its_summary_as_a_sentence_and_its_example(capsys):
    root = argparse.ArgumentParser(prog="python -m train")
    command_parser(root.add_subparsers(), "count", "count the scans of a dataset", "data/lits --split val")
    with pytest.raises(SystemExit):
        root.parse_args(["count", "--help"])
    shown = capsys.readouterr().out
    assert "\nCount the scans of a dataset.\n" in shown
    assert shown.endswith("example:\n  python -m train count data/lits --split val\n")


def test_without_options_the_protocol_is_the_default_one(parser):
    assert protocol_of(parser.parse_args([]), 0.5) == Protocol()


@pytest.mark.parametrize(
    "option, setting",
    [
        (["--alone"], {"context": False}),
        (["--tta", "flips"], {"flips": True}),
        (["--tta", "none"], {}),
        (["--tolerance", "1.5"], {"tolerance": 1.5}),
        (["--bootstrap-seed", "3"], {"seed": 3}),
    ],
)
def test_each_option_sets_one_value_of_the_protocol(parser, option, setting):
    assert protocol_of(parser.parse_args(option), 0.2) == Protocol(threshold=0.2, **setting)


def test_values_out_of_range_are_refused(parser):
    for option in (["--tolerance", "-1"], ["--bootstrap-seed", "-1"]):
        with pytest.raises(LiversegError):
            protocol_of(parser.parse_args(option), 0.5)
    with pytest.raises(LiversegError):
        protocol_of(parser.parse_args([]), 0.0)
    for option in (["--tta", "rotations"], ["--context-slices", "4"], ["--working-size", "1.5"]):
        with pytest.raises(SystemExit):
            parser.parse_args(option)


def test_options_of_a_run_are_none_unless_they_are_given(parser):
    args = parser.parse_args([])
    assert args.working_size is None and args.context_slices is None
    args = parser.parse_args(["--working-size", "256", "--context-slices", "3"])
    assert (args.working_size, args.context_slices) == (256, 3)
