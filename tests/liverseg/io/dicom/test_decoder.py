"""Compressed frames decoded in a separate process, damaged ones among them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from pydicom.encaps import generate_frames

import liverseg
from liverseg.errors import EngineUnavailable, InputTooLarge, LiversegError, UnreadableInput
from liverseg.io.dicom import decoder as dicom_decoder
from liverseg.io.dicom.decoder import FrameDecoder

JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
SYNTAXES = {
    "JPEG lossless SV1": JPEG_LOSSLESS,
    "JPEG-LS lossless": "1.2.840.10008.1.2.4.80",
    "JPEG 2000 lossless": JPEG_2000,
}


def compressed_frame(synthetic_hu, dicom_dataset, syntax=JPEG_LOSSLESS):
    dataset = dicom_dataset((synthetic_hu() + 1024).astype(np.uint16), syntax, bits_stored=12)
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_damaged_codestreams_do_not_end_this_process(syntax, synthetic_hu, dicom_dataset):
    frame = compressed_frame(synthetic_hu, dicom_dataset, syntax)
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(4):
        damaged = bytearray(frame)
        for index in random.integers(50, 300, 40):
            damaged[index] = random.integers(256)
        with FrameDecoder() as decoder:
            try:
                assert decoder.decode(bytes(damaged), syntax, 80, 96, False).shape == (80, 96)
            except LiversegError:
                refused += 1
    assert refused


def test_one_process_decodes_many_frames(synthetic_hu, dicom_dataset):
    frame = compressed_frame(synthetic_hu, dicom_dataset)
    with FrameDecoder() as decoder:
        for _ in range(3):
            stored = decoder.decode(frame, JPEG_LOSSLESS, 80, 96, False)
            np.testing.assert_array_equal(stored, synthetic_hu() + 1024)


def test_a_worker_that_hangs_is_ended(synthetic_hu, dicom_dataset, monkeypatch):
    frame = compressed_frame(synthetic_hu, dicom_dataset)
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    monkeypatch.setattr(dicom_decoder, "_start_worker", lambda: subprocess.Popen(sleeper, **pipes))
    monkeypatch.setattr(dicom_decoder, "FRAME_TIMEOUT_S", 0.2)
    with FrameDecoder() as decoder, pytest.raises(UnreadableInput, match="damaged"):
        decoder.decode(frame, JPEG_LOSSLESS, 80, 96, False)


def test_without_gdcm_the_refusal_names_the_package_to_install(synthetic_hu, dicom_file, monkeypatch):
    path = dicom_file(synthetic_hu(), JPEG_2000, bits_stored=12)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="python-gdcm"):
        liverseg.read(path)


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_a_codestream_of_another_size_than_declared_is_refused(syntax, synthetic_hu, dicom_file):
    path = dicom_file(synthetic_hu(80, 96), syntax, bits_stored=12, Rows=96, Columns=80)
    with pytest.raises(InputTooLarge, match="size"):
        liverseg.read(path)
