"""Phantoms that several tests use, cached for the process; their arrays are read-only."""

from __future__ import annotations

import functools
from typing import Any

from liverseg.phantom import Phantom
from liverseg.phantom import make as make_phantom  # bound here, as a fixture replaces `liverseg.phantom.make`


@functools.cache
def make(*args: Any, **options: Any) -> Phantom:
    """`liverseg.phantom.make`."""
    phantom = make_phantom(*args, **options)
    phantom.hu.setflags(write=False)
    phantom.labels.setflags(write=False)
    return phantom
