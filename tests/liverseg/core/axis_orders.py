"""Hypothesis strategies for the 48 axis orders and flips of a grid."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

permutations = st.permutations([0, 1, 2])
signs = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)


def signed_permutation(order, sign) -> np.ndarray:
    """(3, 3) directions: native axis j runs along world axis `order[j]`, with the sign `sign[j]`."""
    directions = np.zeros((3, 3))
    for native, (world, s) in enumerate(zip(order, sign, strict=True)):
        directions[world, native] = s
    return directions
