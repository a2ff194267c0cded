from __future__ import annotations

import json

from benchmarks.speed.rows import Row
from tests.benchmarks.speed.sample_rows import ROW


def test_a_row_written_and_read_again_is_equal():
    assert Row.from_dict(json.loads(json.dumps(ROW.to_dict()))) == ROW
    assert ROW.to_dict()["ratios"]["ours, times faster than theirs"]["met"] is True
