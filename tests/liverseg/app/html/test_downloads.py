"""The list of downloads in HTML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from liverseg.app.html.downloads import Listing, download_list, note
from liverseg.app.text.catalogue import group
from liverseg.io import FORMATS
from liverseg.io.result_files import StoredFile, StoredFormat

CSV = StoredFormat("csv", (StoredFile(Path("/x/report.csv"), 1234),))
SEG = StoredFormat("seg", reason="DICOM SEG: the input is <not> DICOM.")
PDF = StoredFormat("pdf", (StoredFile(Path("/x/report.pdf"), 20),))


def parsed(shown_slice: int | None = 3, comparison=()) -> ET.Element:
    archive, picture = StoredFile(Path("/x/all.zip"), 5_000_000), StoredFile(Path("/x/overview.png"), 9)
    listing = Listing(archive, [SEG, CSV, PDF], picture, comparison, shown_slice)
    return ET.fromstring(f"<div>{download_list(listing, lambda file: f'at/{file.name}')}</div>")


def text(element: ET.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_a_row_has_links_with_names_and_sizes_or_the_reason():
    rows = parsed().find("ul").findall("li")
    assert [row.get("data-format") for row in rows] == [None, "seg", "csv", "pdf", None]
    assert text(rows[0]).endswith("all.zip 5.0 MB")
    assert text(rows[1]) == SEG.reason and rows[1].find(".//a") is None
    link = rows[2].find(".//a")
    assert (link.get("href"), link.get("download")) == ("at/report.csv", "report.csv")
    assert text(rows[2]).endswith("report.csv 1.2 kB")


def test_a_format_of_many_files_names_their_number_and_size_in_place_of_links():
    files = tuple(StoredFile(Path(f"/x/secondary_capture_{k:04d}.dcm"), 1000) for k in range(9))
    archive, picture = StoredFile(Path("/x/all.zip"), 9), StoredFile(Path("/x/overview.png"), 9)
    listing = Listing(archive, [StoredFormat("sc", files)], picture, (), None)
    row = ET.fromstring(f"<div>{download_list(listing, lambda file: file.name)}</div>").find("ul")[1]
    assert text(row).endswith("9 files, in the zip of all files 9.0 kB") and row.find(".//a") is None


def test_the_slice_is_named_where_there_are_several():
    assert "It shows slice 3." in text(parsed()) and "shows slice" not in text(parsed(None))


def test_a_comparison_has_a_row():
    other = StoredFile(Path("/x/comparison.json"), 5)
    assert text(parsed(comparison=[other]).find("ul")[-1]).endswith("comparison.json 5 bytes")


def test_every_format_is_described():
    assert set(group("format")) - {"surface", "capture"} == set(FORMATS)


def test_a_note_is_announced():
    assert ET.fromstring(note("A & B")).get("role") == "status"
