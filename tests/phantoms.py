"""Phantoms that several tests use, cached for the process; their arrays are read-only."""

from __future__ import annotations

import functools
from typing import Any

from liverseg import phantom as phantoms
from liverseg.phantom import Phantom


@functools.cache
def make(*args: Any, **options: Any) -> Phantom:
    """`liverseg.phantom.make`."""
    phantom = phantoms.make(*args, **options)
    phantom.hu.setflags(write=False)
    phantom.labels.setflags(write=False)
    return phantom
