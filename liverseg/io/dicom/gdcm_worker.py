"""Worker process that decodes JPEG, JPEG-LS and JPEG 2000 frames with GDCM.

On damaged data GDCM throws C++ exceptions that its Python binding does not catch, which end the process. So
`decoder.FrameDecoder` runs this file as `python gdcm_worker.py FOLDER_OF_GDCM` and talks to it through pipes.
A request is a `REQUEST` header and the compressed frame; an answer is an `ANSWER` header and the pixels (none
if decoding failed). The file runs as a script without the package, so it imports nothing from liverseg.
"""

from __future__ import annotations

import os
import struct
import sys

REQUEST = struct.Struct("<64s5IQ")
"""Transfer syntax UID, rows, columns, bits allocated, precision, signed, length of the frame in bytes."""
ANSWER = struct.Struct("<Q")
"""Length of the pixels in bytes."""

_MAX_MEMORY_BYTES = 1024**3
# CPU time allowed to start and per pixel: about ten times what decoding takes.
_START_CPU_S, _PIXEL_CPU_S = 3, 1e-6


def decode(
    frame: bytes, syntax: str, rows: int, columns: int, allocated: int, precision: int, signed: int
) -> bytes:
    """The pixels of one compressed grey frame: `allocated` bits each, row by row, little endian."""
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
    return image.GetBuffer().encode("utf-8", "surrogateescape")  # GDCM returns its char* as text


def limit_cpu(pixels: int) -> None:
    """Limit the CPU time of this process to what `pixels`, the total of all frames so far, can take.

    A codestream of a few kB can keep a codec busy for hours. The limit counts the CPU time of this process,
    so a busy machine does not matter.
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
    os.dup2(2, 1)  # keeps messages printed by a codec out of the answers
    sys.path.insert(0, sys.argv[1])
    pixels_so_far = 0
    while len(head := sys.stdin.buffer.read(REQUEST.size)) == REQUEST.size:
        syntax, *numbers, length = REQUEST.unpack(head)
        frame = sys.stdin.buffer.read(length)
        pixels_so_far += numbers[0] * numbers[1]
        limit_cpu(pixels_so_far)
        try:
            pixels = decode(frame, syntax.rstrip(b"\0").decode("ascii"), *numbers)
        except Exception:  # every failure has the same answer: no pixels
            pixels = b""
        answers.write(ANSWER.pack(len(pixels)) + pixels)
        answers.flush()


if __name__ == "__main__":
    main()
