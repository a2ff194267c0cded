"""Procedural abdominal CT with known truth, made from nothing but a seed.

`make` gives a slice or a volume in HU with its labels and a list of its tumours;
`write` stores it as PNG, NIfTI or DICOM with the truth beside it.
"""

from liverseg.phantom.files import write
from liverseg.phantom.generate import Lesion, Phantom, make

__all__ = ["Lesion", "Phantom", "make", "write"]
