"""Hostile inputs are reproducible."""

from __future__ import annotations

import subprocess
import sys

from fuzzing import inputs


def test_the_same_seed_makes_the_same_inputs():
    code = "from fuzzing.inputs import hostile; import hashlib; m = hashlib.sha256()\n"
    code += "for k in range(40): m.update(b''.join(hostile(3, k, 0.0).files))\nprint(m.hexdigest())"
    digests = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(digests) == 1
    assert inputs.hostile(3, 1, 0.0) != inputs.hostile(4, 1, 0.0)
