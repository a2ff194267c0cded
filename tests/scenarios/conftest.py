"""Scenarios cache opened networks, as the tests of `liverseg` do."""

from tests.liverseg.conftest import _networks_are_opened_once  # noqa: F401 (a fixture)
