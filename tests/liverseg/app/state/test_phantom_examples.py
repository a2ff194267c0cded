"""The built-in examples: generated once, kept on disk, verified when they are used."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import liverseg
from liverseg.app.state import phantom_examples
from liverseg.app.state.phantom_examples import PHANTOMS, PhantomExample, built_in, phantom_files
from liverseg.errors import UnreadableInput
from liverseg.io.masks.read import read_labels
from tests.phantoms import make

SMALL = PhantomExample("Small", "nifti", {"kind": "volume", "seed": 3, "size": 96, "slices": 5})


@pytest.fixture
def made(monkeypatch) -> list[dict]:
    """The arguments of every generated phantom; the phantoms are those of the tests."""
    seen: list[dict] = []

    def quick(**arguments):
        seen.append(arguments)
        return make(arguments.pop("kind"), **arguments)

    monkeypatch.setattr("liverseg.phantom.make", quick)
    return seen


def test_a_phantom_is_generated_once_with_its_truth(made, tmp_path):
    files = phantom_files(SMALL, tmp_path)
    again = phantom_files(SMALL, tmp_path)
    assert again == files and len(made) == 1
    ct = liverseg.read(files.sources[0])
    assert np.array_equal(
        read_labels(files.truth, ct).labels, make("volume", seed=3, size=96, slices=5).labels
    )
    assert [path.name for path in (tmp_path / "phantoms").iterdir()] == [
        phantom_path.name for phantom_path in (tmp_path / "phantoms").glob("*") if phantom_path.is_dir()
    ]


@pytest.mark.parametrize("damage", ["other bytes", "missing", "no record", "foreign record"])
def test_damaged_files_are_generated_again(made, tmp_path, damage):
    files = phantom_files(SMALL, tmp_path)
    (home,) = (tmp_path / "phantoms").iterdir()
    ct, record = home / "ct.nii.gz", home / phantom_examples.RECORD
    intact = ct.read_bytes()
    if damage == "other bytes":
        ct.write_bytes(intact[:-1] + bytes([intact[-1] ^ 1]))
    elif damage == "missing":
        ct.unlink()
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text('[["../../escaped.nii.gz", 5]]')
    assert phantom_files(SMALL, tmp_path) == files
    assert len(made) == 2 and ct.read_bytes() == intact


def test_two_threads_get_the_same_files(made, tmp_path):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(phantom_files(SMALL, tmp_path))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and found[0] == found[1]


def test_a_folder_that_cannot_be_written_is_named_in_a_sentence(made, tmp_path):
    (tmp_path / "phantoms").write_text("a file where a folder belongs")
    with pytest.raises(UnreadableInput, match="cannot be stored"):
        phantom_files(SMALL, tmp_path)


def test_the_page_offers_a_thin_sliced_liver_with_tumours_a_healthy_one_and_a_slice(tmp_path):
    first, *others = built_in(tmp_path).examples
    kinds = {key: phantom.arguments["kind"] for key, phantom in PHANTOMS.items()}
    assert kinds[first.key] == "volume" and list(kinds.values()).count("slice") == 1
    assert 1.5 <= PHANTOMS[first.key].arguments["spacing_mm"][0] <= 3.0
    assert len({first.title, *(one.title for one in others)}) == len(PHANTOMS) >= 3
    assert not list(tmp_path.iterdir()), "nothing is generated before it is asked for"
