"""liverseg: segment the liver and its tumours in CT, from a file to a report.

    import liverseg
    ct = liverseg.read("scan.nii.gz")
    seg = liverseg.Segmenter.load("segformer-b0").segment(ct)
    report = liverseg.measure(ct, seg)

The names below are loaded on first use, so that `import liverseg` stays quick.
Research software, not a medical device.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "Agreement": "liverseg.agreement",
    "CTImage": "liverseg.ct",
    "LiversegError": "liverseg.errors",
    "Report": "liverseg.report",
    "Segmentation": "liverseg.segmentation",
    "Segmenter": "liverseg.segmenter",
    "Window": "liverseg.windowing",
    "SeriesChoice": "liverseg.errors",
    "list_series": "liverseg.reading",
    "compare": "liverseg.agreement",
    "measure": "liverseg.measuring",
    "read": "liverseg.reading",
}

__all__ = sorted([*_HOME, "__version__"])

if TYPE_CHECKING:
    from liverseg.agreement import Agreement, compare
    from liverseg.ct import CTImage
    from liverseg.errors import LiversegError, SeriesChoice
    from liverseg.measuring import measure
    from liverseg.reading import list_series, read
    from liverseg.report import Report
    from liverseg.segmentation import Segmentation
    from liverseg.segmenter import Segmenter
    from liverseg.windowing import Window


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'liverseg' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
