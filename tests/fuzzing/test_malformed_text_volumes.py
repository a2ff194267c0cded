"""Malformed NRRD and MetaImage files are read or refused, and the valid ones are read."""

from __future__ import annotations

import random

import pytest

import liverseg
from fuzzing import malformed_text_volumes
from fuzzing.seeds import CANARY, SIDE_PX, SLICES, of_kind
from liverseg.errors import LiversegError


@pytest.mark.parametrize("seed", of_kind("nrrd", "metaimage"), ids=lambda seed: seed.name)
def test_the_seeds_are_read(seed, tmp_path):
    (tmp_path / "a").write_bytes(seed.data)
    assert liverseg.read(tmp_path / "a").shape == (SLICES, SIDE_PX, SIDE_PX)


def test_malformed_files_are_read_or_refused_in_a_sentence(tmp_path):
    rng = random.Random(2)
    refusals = 0
    for k in range(80):
        if k % 4:
            (tmp_path / "a").write_bytes(malformed_text_volumes.malformed_text_volume(rng)[1])
        else:
            header, data = malformed_text_volumes.detached(rng, "b")
            (tmp_path / "a").write_bytes(header)
            (tmp_path / "b").write_bytes(data)
        try:
            liverseg.read(tmp_path / "a")
        except LiversegError as refusal:
            refusals += 1
            assert CANARY not in str(refusal) and str(refusal).endswith(".")
    assert 20 < refusals < 80
