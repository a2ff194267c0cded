from __future__ import annotations

import pytest

from benchmarks.speed import cold_start
from benchmarks.speed.rows import NotMeasured


def test_an_app_that_does_not_start_is_reported_with_its_last_line(context):
    script = context.scratch / "broken.py"
    script.write_text("raise SystemExit('no port is free')")
    picture = context.scratch / "slice.png"
    with pytest.raises(NotMeasured, match="no port is free"):
        cold_start.start(lambda port: ["python3", str(script)], picture, str(context.scratch))
