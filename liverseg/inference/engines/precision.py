"""The arithmetic a network is run in: bfloat16 where the processor has it and the labels stay, else float32.

A processor with avx512_bf16 or AMX multiplies in bfloat16 at two to four times the speed. Rounding to 8 bits
moves probabilities; whether it moves labels depends on the network, so it is measured for each network on a
probe before bfloat16 is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

FLOAT32, BFLOAT16 = "float32", "bfloat16"
LABELS_EQUAL = 0.999
"""The share of the probe's pixels whose label must be float32's."""

PROBE_SIDE_PX = 512
_NATIVE = {"avx512_bf16", "amx_bf16"}


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies in bfloat16 itself; False where that cannot be told."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return bool(_NATIVE & set(flags.split()))


def probe(context_slices: int, side: int = PROBE_SIDE_PX) -> np.ndarray:
    """(1, C, side, side) float32 HU with bodies, edges and noise at the HU of an abdomen.

    Not a phantom: it is made in milliseconds, and it is for comparing two runs of one network.
    """
    rng = np.random.default_rng(20)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    hu = np.full((side, side), -1000.0)
    for centre_y, centre_x, radius_y, radius_x, value in (
        (0.0, 0.0, 0.72, 0.9, -90.0),  # fat
        (0.0, 0.0, 0.62, 0.8, 45.0),  # soft tissue
        (-0.05, -0.35, 0.42, 0.36, 110.0),  # liver
        (-0.12, -0.42, 0.10, 0.09, 55.0),  # lesions
        (0.14, -0.22, 0.05, 0.06, 70.0),
        (0.12, 0.48, 0.2, 0.14, 120.0),  # spleen
        (0.42, 0.0, 0.12, 0.12, 400.0),  # vertebra
        (-0.3, 0.3, 0.15, 0.2, -300.0),  # gas
    ):
        hu[((y - centre_y) / radius_y) ** 2 + ((x - centre_x) / radius_x) ** 2 < 1] = value
    hu += rng.normal(0, 12, hu.shape)
    return np.repeat(hu[None, None], context_slices, axis=1).astype(np.float32)


def labels_equal(a: np.ndarray, b: np.ndarray) -> float:
    """The share of pixels with the same most likely class in two (N, K, …) arrays of probabilities.

    >>> p = np.array([[[0.6, 0.2], [0.4, 0.8]]])
    >>> labels_equal(p, p), labels_equal(p, p[:, :, ::-1])
    (1.0, 0.0)
    """
    return float((a.argmax(axis=1) == b.argmax(axis=1)).mean())


def keeps_labels(
    exact: Callable[[np.ndarray], np.ndarray], rounded: Callable[[np.ndarray], np.ndarray], hu: np.ndarray
) -> bool:
    """Whether a network run `rounded` gives the labels that it gives `exact`, on a probe."""
    found = rounded(hu)
    return bool(np.isfinite(found).all()) and labels_equal(exact(hu), found) >= LABELS_EQUAL
