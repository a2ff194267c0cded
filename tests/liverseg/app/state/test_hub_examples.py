"""Examples from a data set on the Hub."""

from __future__ import annotations

import pytest

from liverseg.app.state.hub_examples import read_dataset
from liverseg.errors import UnreadableInput
from tests.hub_standin.fixture import hub  # noqa: F401
from tests.hub_standin.repositories import Blob
from tests.hub_standin.server import HubStandin
from tests.liverseg.app.example_folder import TITLES, write_examples

ADDRESS = "hf://datasets/lab/ct"


@pytest.fixture
def published(hub: HubStandin, tmp_path) -> HubStandin:  # noqa: F811
    """The Hub with a private data set of two examples."""
    folder = write_examples(tmp_path / "source")
    dataset = hub.repositories.create("datasets/lab/ct", private=True)
    dataset.add({path.name: Blob(path.read_bytes(), False) for path in folder.iterdir()}, "add examples")
    return hub


def test_the_list_is_fetched_first_and_the_files_of_an_example_when_it_is_used(published, tmp_path):
    found = read_dataset(ADDRESS)
    assert [one.title for one in found.examples] == list(TITLES) and not found.problems
    assert not published.requests(r"resolve/.*ct\.nii\.gz")
    files = found.examples[0].fetch()
    with open(files.sources[0], "rb") as stream:
        assert stream.read() == (tmp_path / "source" / "ct.nii.gz").read_bytes()
    assert files.truth is not None and published.requests(r"resolve/.*labels\.nii\.gz")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("hf://datasets/lab", "hf://datasets/owner/name"),
        ("hf://datasets/lab/ct/folder", "hf://datasets/owner/name"),
        ("hf://datasets/lab/nothing", "lab/nothing"),
    ],
)
def test_a_data_set_that_is_not_there_is_refused_in_a_sentence(published, address, why):
    with pytest.raises(UnreadableInput, match=why):
        read_dataset(address)
