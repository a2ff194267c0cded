"""Decodes JPEG, JPEG-LS and JPEG 2000 frames with GDCM, in a process of its own.

On damaged data GDCM throws C++ exceptions that its Python binding does not catch: they end the process.
So it runs here, as `python gdcm_worker.py FOLDER_OF_GDCM`, and `dicom_decoder` talks to it through pipes.
Each request is `REQUEST` and the compressed frame, each answer `ANSWER` and the pixels (none: failed).
The file is run as a script without the package, so it imports nothing of it.
"""

from __future__ import annotations

import os
import struct
import sys

# transfer syntax UID, rows, columns, bits allocated, precision, signed, bytes of the frame
REQUEST = struct.Struct("<64s5IQ")
ANSWER = struct.Struct("<Q")  # bytes

_MAX_MEMORY_BYTES = 1024**3
_START_CPU_S, _PIXEL_CPU_S = 3, 1e-6  # the largest slice may take 4 s; it takes a tenth of that


def decode(
    frame: bytes, syntax: str, rows: int, columns: int, allocated: int, precision: int, signed: int
) -> bytes:
    """The pixels of one compressed grey frame, `allocated` bits each, row by row, little endian."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    image.SetPhotometricInterpretation(grey)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    image.SetPixelFormat(gdcm.PixelFormat(1, allocated, precision, precision - 1, signed))
    return image.GetBuffer().encode("utf-8", "surrogateescape")  # gdcm hands its char* over as text


def limit_cpu(pixels: int) -> None:
    """End this process where it computes for longer than `pixels`, all frames so far, can take.

    A codestream of a few kB can make a codec compute for hours. The time is that of this process alone, so a
    busy machine ends nothing.
    """
    if os.name == "posix":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (_START_CPU_S + 1 + int(pixels * _PIXEL_CPU_S), hard))


def main() -> None:
    """Answer requests from standard input until it ends."""
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a codec prints must not get among the answers
    sys.path.insert(0, sys.argv[1])
    pixels_so_far = 0
    while len(head := sys.stdin.buffer.read(REQUEST.size)) == REQUEST.size:
        syntax, *numbers, length = REQUEST.unpack(head)
        frame = sys.stdin.buffer.read(length)
        pixels_so_far += numbers[0] * numbers[1]
        limit_cpu(pixels_so_far)
        try:
            pixels = decode(frame, syntax.rstrip(b"\0").decode("ascii"), *numbers)
        except Exception:  # whatever it is, the answer is the same: no pixels
            pixels = b""
        answers.write(ANSWER.pack(len(pixels)) + pixels)
        answers.flush()


if __name__ == "__main__":
    main()
