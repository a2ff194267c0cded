"""Random label stacks for the tests of connected components."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy import ndimage

CORNERS = ndimage.generate_binary_structure(3, 3)
"""26-connectivity."""


@st.composite
def stacks(draw, values=(0, 1)):
    """A (S, H, W) uint8 array of `values`, with a random share of pixels that are not `values[0]`."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 8), st.integers(1, 8)))
    share = draw(st.floats(0.02, 0.7))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < share, rng.choice(values[1:], shape), values[0]).astype(np.uint8)
