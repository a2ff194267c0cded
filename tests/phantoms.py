"""Phantoms that several tests need, made once in a process; their arrays cannot be written."""

from __future__ import annotations

import functools
from typing import Any

from liverseg.phantom import Phantom
from liverseg.phantom import make as make_anew


@functools.cache
def make(*args: Any, **options: Any) -> Phantom:
    """`liverseg.phantom.make`."""
    made = make_anew(*args, **options)
    made.hu.setflags(write=False)
    made.labels.setflags(write=False)
    return made
