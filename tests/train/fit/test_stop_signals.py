"""Signals that ask a run to stop."""

from __future__ import annotations

import os
import signal

import pytest

from train.fit.stop_signals import stop_signals


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_is_recorded_and_the_previous_handler_restored(number):
    previous = signal.getsignal(number)
    with stop_signals() as request:
        assert not request.is_set()
        os.kill(os.getpid(), number)
        assert request.is_set() and request.signal_number == number
    assert signal.getsignal(number) is previous
