"""Decodes compressed DICOM frames in a separate process, which damaged data may crash."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from threading import Timer

import numpy as np

from liverseg.errors import EngineUnavailable, InputTooLarge, UnreadableInput
from liverseg.io.dicom import gdcm_worker
from liverseg.io.dicom.jpeg_header import codestream_precision, codestream_size

FRAME_TIMEOUT_S = 60.0
"""About 100 times what a slice takes to decode; a frame that takes longer is treated as damaged."""

_DAMAGED = "The DICOM image's compressed data is damaged and cannot be decoded."


class FrameDecoder:
    """Context manager that decodes frames one after the other, and ends its process on exit.

    The process starts at the first frame, so uncompressed files do not pay for it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> FrameDecoder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()  # waits, and closes the pipes
            self._process = None

    def decode(self, frame: bytes, syntax: str, rows: int, columns: int, signed: bool) -> np.ndarray:
        """One grey frame (rows, columns) as int8/16 or uint8/16. Bits above its precision are undefined.

        Raises InputTooLarge before decoding if the codestream is not of the declared size, UnreadableInput if
        it cannot be decoded, and EngineUnavailable if GDCM is not installed.
        """
        if codestream_size(frame) != (rows, columns):
            raise InputTooLarge(
                "The compressed image in the DICOM file does not have the size that its header declares."
            )
        precision = codestream_precision(frame)
        if not 1 <= precision <= 16:
            raise UnreadableInput(_DAMAGED)
        allocated = 8 if precision <= 8 else 16
        dtype = np.dtype(f"<{'i' if signed else 'u'}{allocated // 8}")
        request = gdcm_worker.REQUEST.pack(
            syntax.encode(), rows, columns, allocated, precision, int(signed), len(frame)
        )
        process = self._process = self._process or _start_worker()
        timer = Timer(FRAME_TIMEOUT_S, process.kill)
        timer.start()
        try:
            process.stdin.write(request + frame)
            process.stdin.flush()
            answer = process.stdout.read(gdcm_worker.ANSWER.size)
            size = gdcm_worker.ANSWER.unpack(answer)[0] if len(answer) == gdcm_worker.ANSWER.size else 0
            pixels = process.stdout.read(size) if size == rows * columns * dtype.itemsize else b""
        except BrokenPipeError:
            pixels = b""
        finally:
            timer.cancel()
        if len(pixels) != rows * columns * dtype.itemsize:
            raise UnreadableInput(_DAMAGED)
        return np.frombuffer(pixels, dtype).reshape(rows, columns)


def _start_worker() -> subprocess.Popen[bytes]:
    """Start `gdcm_worker`. Raises EngineUnavailable if GDCM is not installed."""
    spec = importlib.util.find_spec("gdcm")
    if spec is None or spec.origin is None:
        raise EngineUnavailable("The DICOM image is compressed; install python-gdcm to read it.")
    # -I -S: neither the environment nor the working folder decides what is imported.
    command = [sys.executable, "-I", "-S", gdcm_worker.__file__, str(Path(spec.origin).parent)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    # In a session of its own, so that Ctrl-C reaches this process only, which then ends the worker.
    return subprocess.Popen(command, start_new_session=True, **pipes)
