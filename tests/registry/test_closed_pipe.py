"""Commands end quietly where nobody reads their output, and with a sentence where it cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from registry.closed_pipe import CLOSED_PIPE, run_command


def run(*arguments, **streams):
    """The exit status and what is printed on the streams that are not given."""
    done = subprocess.run(
        [sys.executable, *arguments],
        **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams),
        text=True,
        check=False,
        # Unbuffered, argparse itself writes the help, and ignores that nobody reads it.
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def closed_pipe():
    """The writing end of a pipe that has no reader."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize(
    "arguments",
    [("liverseg", "--help"), ("liverseg", "segment", "--help"), ("registry", "--help"), ("registry", "list")],
    ids=" ".join,
)
def test_a_closed_standard_output_ends_a_command_quietly(arguments, closed_pipe):
    status, _, printed = run("-m", *arguments, stdout=closed_pipe)
    assert (status, printed) == (CLOSED_PIPE, "")


def test_a_closed_standard_error_ends_a_refusal_quietly(closed_pipe):
    status, printed, _ = run("-m", "registry", "show", "nothing-of-this-name", stderr=closed_pipe)
    assert (status, printed) == (CLOSED_PIPE, "")


def test_wrong_usage_into_a_closed_pipe_is_quiet(closed_pipe):
    status, _, _ = run("-m", "registry", "no-such-command", stderr=closed_pipe)
    assert status == CLOSED_PIPE


def test_output_that_cannot_be_written_gives_one_sentence():
    with open("/dev/full", "w") as full:
        status, _, printed = run("-m", "registry", "--help", stdout=full)
    assert (status, printed) == (1, "The output cannot be written: no space left on device.\n")


def test_another_broken_pipe_is_an_error():
    def command():
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_command(command)


def test_the_status_is_that_of_the_command():
    assert run_command(lambda: 3) == 3
    with pytest.raises(SystemExit) as stopped:
        run_command(lambda: sys.exit(2))
    assert stopped.value.code == 2
