"""Which DICOM files hold masks."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pydicom

from liverseg.errors import UnreadableInput
from liverseg.io.dicom.bounded_stream import inflate

# Messages and warnings of the libraries quote values of the file, as in `liverseg.io.dicom.dataset`.
logging.getLogger("pydicom").addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", module=r"(pydicom|highdicom)\.")

SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage and Label Map Segmentation Storage."""

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"


def is_mask_class(path: Path) -> bool:
    """Whether a DICOM file is a SEG or an RTSTRUCT. Raises `UnreadableInput` for a damaged one."""
    try:
        with path.open("rb") as stream:
            dataset = pydicom.dcmread(
                inflate(stream), force=True, specific_tags=["SOPClassUID"], stop_before_pixels=True
            )
        return str(dataset.get("SOPClassUID", "")) in (*SEG_CLASSES, RTSTRUCT_CLASS)
    except Exception as error:  # on damaged bytes pydicom raises exceptions of many classes
        raise UnreadableInput("The DICOM file is truncated or damaged.") from error
