"""The protocol of the decoding process, spoken to it directly."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
from pydicom.encaps import generate_frames

from liverseg.io.dicom import gdcm_worker

SYNTAX = b"1.2.840.10008.1.2.4.70"


def test_each_request_gets_an_answer_and_a_failure_has_no_pixels(synthetic_hu, dicom_dataset):
    stored = (synthetic_hu() + 1024).astype(np.uint16)
    dataset = dicom_dataset(stored, SYNTAX.decode(), bits_stored=12)
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    requests = b""
    for content in (b"not a codestream", frame):
        requests += gdcm_worker.REQUEST.pack(SYNTAX, 80, 96, 16, 12, 0, len(content)) + content
    folder = Path(importlib.util.find_spec("gdcm").origin).parent
    command = [sys.executable, "-I", "-S", gdcm_worker.__file__, str(folder)]
    answers = io.BytesIO(subprocess.run(command, input=requests, capture_output=True, check=True).stdout)
    sizes_and_pixels = []
    while header := answers.read(gdcm_worker.ANSWER.size):
        (size,) = gdcm_worker.ANSWER.unpack(header)
        sizes_and_pixels.append((size, answers.read(size)))
    assert sizes_and_pixels[0] == (0, b"")
    assert sizes_and_pixels[1:] == [(stored.nbytes, stored.astype("<u2").tobytes())]
