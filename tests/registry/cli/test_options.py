"""The options that the commands share."""

from __future__ import annotations

import argparse

import pytest

from registry.cli.options import add_reference, json_option, registry_options
from registry.registries import REGISTRY_VARIABLE


def test_both_options_are_optional() -> None:
    parser = argparse.ArgumentParser(parents=[registry_options()])
    assert vars(parser.parse_args([])) == {"json": False, "registry": None}
    given = parser.parse_args(["--json", "--registry", "hf://lab,bundled"])
    assert vars(given) == {"json": True, "registry": "hf://lab,bundled"}
    assert f"${REGISTRY_VARIABLE}" in parser.format_help()


def test_a_command_without_registry_has_json_only() -> None:
    parser = argparse.ArgumentParser(parents=[json_option()])
    assert vars(parser.parse_args(["--json"])) == {"json": True}
    with pytest.raises(SystemExit):
        parser.parse_args(["--registry", "bundled"])


def test_the_reference_is_required() -> None:
    parser = argparse.ArgumentParser(parents=[registry_options()])
    add_reference(parser)
    assert parser.parse_args(["b0@1.0.0", "--json"]).ref == "b0@1.0.0"
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--json"])
    assert stop.value.code == 2
