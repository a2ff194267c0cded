"""The options of the commands that segment, and the settings that they give."""

from __future__ import annotations

import argparse

import pytest

from liverseg.cli.options import add_reading_options, formats, settings_of
from liverseg.core.window import Window
from liverseg.errors import InvalidSetting
from liverseg.io import FORMATS
from liverseg.pipeline import AnalysisSettings


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_reading_options(parser)
    return parser.parse_args(arguments)


def test_without_options_the_settings_are_the_defaults():
    args = parsed()
    assert settings_of(args) == AnalysisSettings() and args.engine == "auto"


def test_every_option_reaches_the_settings():
    args = parsed(
        "--window", "60", "200", "--series", "2", "--slice", "0", "--threshold", "0.3", "--keep-all",
        "--engine", "torch",
    )  # fmt: skip
    assert settings_of(args) == AnalysisSettings(Window(60, 200), 2, 0, 0.3, True) and args.engine == "torch"


def test_a_window_out_of_range_is_refused():
    with pytest.raises(InvalidSetting, match="width"):
        settings_of(parsed("--window", "40", "0"))


def test_formats_are_separated_by_commas_in_the_given_order():
    assert formats(",".join(FORMATS)) == tuple(FORMATS)
    assert formats("pdf, nifti,") == ("pdf", "nifti") and formats("") == ()
    with pytest.raises(argparse.ArgumentTypeError, match=r"unknown format 'tiff'.*nifti"):
        formats("pdf,tiff")
