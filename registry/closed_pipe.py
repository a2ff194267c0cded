"""Commands whose output nobody reads any more, as in `python -m liverseg segment ct.png --json | head -1`."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Callable
from typing import TextIO

CLOSED_PIPE = 141
"""The exit status where the reader of the output has gone, as in shells: 128 plus the number of SIGPIPE."""


def run_command(command: Callable[[], int]) -> int:
    """Run a command that prints, and return its exit status.

    It ends without a message and with `CLOSED_PIPE` where the reader of standard output or standard error has
    gone, and with one sentence and 1 where the output cannot be written for another reason (a full disk).
    """
    try:
        try:
            status = command()
        finally:  # also where argparse prints and exits
            _flush()
        return status
    except BrokenPipeError:
        if not any(map(_has_no_reader, (sys.stdout, sys.stderr))):
            raise  # it is about another pipe
        _discard(sys.stdout, sys.stderr)
        return CLOSED_PIPE
    except _Unwritable as error:
        _discard(sys.stdout)
        sys.stderr.write(f"The output cannot be written: {error}.\n")
        return 1


class _Unwritable(Exception):
    """What is printed cannot be written to standard output."""


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _Unwritable((error.strerror or "unknown reason").lower()) from None


def _has_no_reader(stream: TextIO | None) -> bool:
    """Whether a stream writes to a pipe or socket that nobody reads."""
    if stream is None:
        return False
    try:
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLOUT)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError):  # a stream without a file, as in tests
        return False


def _discard(*streams: TextIO | None) -> None:
    """Let streams write to nowhere, so that Python does not complain when it flushes them at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):  # a stream without a file, as in tests
                os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
