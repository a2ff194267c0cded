"""liverseg segments the liver and its tumours in CT, from a file to a report.

    import liverseg
    ct = liverseg.read("scan.nii.gz")
    seg = liverseg.Segmenter.load("segformer-b0").segment(ct)
    report = liverseg.measure(ct, seg)

The public names are imported on first use, so that `import liverseg` stays fast.
Research software, not a medical device.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_MODULES = {
    "Agreement": "liverseg.analysis.compare",
    "CTImage": "liverseg.core.image",
    "FollowUp": "liverseg.analysis.follow.follow_up",
    "LiversegError": "liverseg.errors",
    "Report": "liverseg.analysis.report",
    "Segmentation": "liverseg.core.segmentation",
    "Segmenter": "liverseg.inference.segmenter",
    "Window": "liverseg.core.window",
    "SeriesChoice": "liverseg.errors",
    "list_series": "liverseg.io.read",
    "compare": "liverseg.analysis.compare",
    "follow": "liverseg.analysis.follow.follow_up",
    "measure": "liverseg.analysis.measure",
    "Score": "liverseg.analysis.score",
    "score": "liverseg.analysis.score",
    "read": "liverseg.io.read",
    "read_labels": "liverseg.io.masks.read",
}

__all__ = sorted([*_MODULES, "__version__"])

if TYPE_CHECKING:
    from liverseg.analysis.compare import Agreement, compare
    from liverseg.analysis.follow.follow_up import FollowUp, follow
    from liverseg.analysis.measure import measure
    from liverseg.analysis.report import Report
    from liverseg.analysis.score import Score, score
    from liverseg.core.image import CTImage
    from liverseg.core.segmentation import Segmentation
    from liverseg.core.window import Window
    from liverseg.errors import LiversegError, SeriesChoice
    from liverseg.inference.segmenter import Segmenter
    from liverseg.io.masks.read import read_labels
    from liverseg.io.read import list_series, read


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'liverseg' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
