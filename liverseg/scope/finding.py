"""What the network found: how much, where in the body, how sure (pure)."""

from __future__ import annotations

import numpy as np

from liverseg.scope.anatomy import body_of, box_of, placed, reduced, small_unit


def sureness(organ_probability: np.ndarray) -> float:
    """Mean probability of the pixels called liver or tumour, of a map of any shape; 0 where there is none.

    >>> sureness(np.array([0.1, 0.6, 0.8])), sureness(np.zeros(3))
    (0.7, 0.0)
    """
    found = organ_probability[organ_probability >= 0.5]
    return float(found.mean(dtype=np.float64)) if found.size else 0.0


def located(hu: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Of a slice (H, W): the share of the body that liver and tumours take, and the column of their middle.

    The column runs from -1 at the left of the body in the picture to 1 at its right; 0 where there is none.
    """
    body, organ = body_of(small_unit(hu)), reduced((labels > 0).astype(np.float32)) >= 0.5
    if not body.any() or not organ.any():
        return 0.0, 0.0
    _, column, _, _ = placed(organ, box_of(body))
    return float(organ.sum() / body.sum()), column
