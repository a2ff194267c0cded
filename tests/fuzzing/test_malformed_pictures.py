"""PNG files are split into chunks and joined again without loss."""

from __future__ import annotations

from fuzzing.malformed_pictures import chunks_of, png_of
from fuzzing.seeds import of_kind


def test_chunks_give_the_same_file():
    for seed in of_kind("picture"):
        if seed.suffix == ".png":
            chunks = list(chunks_of(seed.data))
            assert chunks[0][0] == b"IHDR" and chunks[-1] == (b"IEND", b"")
            assert png_of(chunks) == seed.data
