from __future__ import annotations

import pytest

from benchmarks.speed import peers
from benchmarks.speed.rows import NotMeasured


def test_a_missing_peer_is_named_with_the_command_that_installs_it():
    with pytest.raises(NotMeasured, match=r"no_such_peer is not installed, pip install .*bench"):
        peers.need("no_such_peer")
