"""Synthetic abdominal CT with known ground truth, generated from a seed.

`make` returns a slice or a volume in HU with its labels and a list of its tumours. `write` stores it as PNG,
NIfTI or DICOM, with the labels beside it.
"""

from liverseg.phantom.files import write
from liverseg.phantom.generate import Phantom, SyntheticLesion, make

__all__ = ["Phantom", "SyntheticLesion", "make", "write"]
