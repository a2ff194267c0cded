"""Folders of links and wrappers around other formats."""

from __future__ import annotations

import random

import liverseg
from fuzzing import trial
from fuzzing.inputs import Hostile, hostile
from fuzzing.segmenters import rule
from fuzzing.trial import TrialRunner
from fuzzing.wrappers import OUTSIDE_SERIES, folder_of_links, outside_files, wrapped
from liverseg.errors import LiversegError
from liverseg.io.sniff import HEAD_BYTES, describe


def test_wrappers_are_reproducible_and_of_many_formats():
    made = [wrapped(random.Random(k)) for k in range(60)]
    assert made == [wrapped(random.Random(k)) for k in range(60)]
    found = {describe(content[:HEAD_BYTES]) for _, content in made}
    assert {"zip archive", "tar archive", "MetaImage file", "Git LFS pointer"} <= found


def test_links_are_written_beside_a_folder_that_they_lead_to(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    links = (("a", "OUTSIDE/0"), ("b", "nothing"), (".git", "OUTSIDE"))
    Hostile("folder: links", (b"text",), ".dcm", as_folder=True, links=links).write(folder)
    assert (folder / "a").read_bytes() == outside_files()[0]
    assert (folder / ".git").is_dir() and not (folder / "b").exists()
    ct = liverseg.read(tmp_path / "in-outside")
    assert {one.series_uid for one in ct.source} == {OUTSIDE_SERIES}


def test_no_folder_of_links_gives_what_lies_outside_it(tmp_path):
    for seed in range(40):
        files, links = folder_of_links(random.Random(seed))
        folder = tmp_path / str(seed)
        folder.mkdir()
        source = Hostile("folder: links", files, ".dcm", as_folder=True, links=links).write(folder)
        try:
            ct = liverseg.read(source)
        except LiversegError as refusal:
            assert str(refusal).endswith(".")
        else:
            assert OUTSIDE_SERIES not in {one.series_uid for one in ct.source}


def test_a_trial_notices_that_a_link_was_followed(monkeypatch):
    read = liverseg.read
    monkeypatch.setattr(trial.liverseg, "read", lambda source: read(f"{source}-outside"))
    links = (("a", "OUTSIDE/0"),)
    one = Hostile("folder: links", (b"text",), ".dcm", as_folder=True, links=links)
    done = TrialRunner(lambda index: rule()).run(1, one)
    assert done.is_wrong and done.outcome == "a link out of the folder was followed"


def test_the_new_kinds_are_among_the_inputs():
    families = {hostile(1, index, rare_share=0.0).family for index in range(400)}
    assert {"folder: links", "dicom: rescale by slice", "dicom: lying functional groups"} <= families
    assert any(family.startswith("wrapper: ") for family in families)
