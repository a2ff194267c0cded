"""Precision of a network: bfloat16 if the processor supports it and the labels stay the same, else float32.

A processor with avx512_bf16 or AMX multiplies in bfloat16 two to four times as fast. Rounding to 8 bits
changes probabilities. Whether it changes labels depends on the network, so each network is tested on a
probe first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

FLOAT32, BFLOAT16 = "float32", "bfloat16"
MIN_EQUAL_LABELS = 0.999
"""Smallest share of the probe's pixels whose bfloat16 label equals the float32 label."""

PROBE_SIDE_PX = 512
CPUINFO = Path("/proc/cpuinfo")
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}


def cpu_has_bfloat16() -> bool:
    """Whether the processor has bfloat16 instructions, by `/proc/cpuinfo`; False if that file is missing."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return bool(_BFLOAT16_FLAGS & set(flags.split()))


def probe(context_slices: int, shape: tuple[int, ...] = (PROBE_SIDE_PX, PROBE_SIDE_PX)) -> np.ndarray:
    """A test image: shapes, edges and noise with the HU of an abdomen, as (1, C, *shape) float32.

    The probe serves to compare two runs of one network. Unlike a phantom, it takes only milliseconds to
    generate.
    """
    rng = np.random.default_rng(20)
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    hu = np.full(shape, -1000.0)
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
    """The share of pixels with the same most likely class in two arrays (N, K, …) of probabilities.

    >>> p = np.array([[[0.6, 0.2], [0.4, 0.8]]])
    >>> labels_equal(p, p), labels_equal(p, p[:, :, ::-1])
    (1.0, 0.0)
    """
    return float((a.argmax(axis=1) == b.argmax(axis=1)).mean())


def keeps_labels(
    exact: Callable[[np.ndarray], np.ndarray], rounded: Callable[[np.ndarray], np.ndarray], hu: np.ndarray
) -> bool:
    """Whether the `rounded` run of a network on `hu` has the labels of the `exact` run."""
    probabilities = rounded(hu)
    is_finite = bool(np.isfinite(probabilities).all())
    return is_finite and labels_equal(exact(hu), probabilities) >= MIN_EQUAL_LABELS
