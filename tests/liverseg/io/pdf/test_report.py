"""The report page, read back with pypdf: the numbers of the report and no patient data."""

from __future__ import annotations

import json
import re
from datetime import date

import numpy as np
import pydicom
import pypdf
import pytest

import liverseg
from liverseg.analysis.measure import measure
from liverseg.analysis.report_text import lesion_size_and_unit, share_text, size_and_unit, slice_range_text
from liverseg.core.segmentation import Segmentation
from liverseg.errors import InvalidSetting
from liverseg.io.pdf.report import REPORT_NOTICE, report_pdf
from liverseg.io.write import write_results
from liverseg.phantom import write
from tests.liverseg.io.pdf.pages import IDENTITY, SPACING_MM, read_back, result, scan
from tests.phantoms import make


def plain(text: str) -> str:
    """A text with plain spaces for narrow ones."""
    return text.replace("\u202f", " ")


@pytest.mark.parametrize("spacing_mm", [SPACING_MM, None])
@pytest.mark.parametrize("labels", [scan(3), scan(3)[3:4]], ids=["volume", "slice"])
def test_the_page_holds_the_numbers_of_the_report(labels, spacing_mm):
    ct, seg, report = result(labels, spacing_mm, warnings=("The header says what it says.",))
    reader, text = read_back(report_pdf(ct, seg, report, printed_date=date(2026, 3, 9)))
    assert REPORT_NOTICE in text and "9 March 2026" in text
    assert f"liverseg {liverseg.__version__}" in text
    is_volume = report.input.kind == "volume"
    for size in (report.tumour, report.liver):
        assert all(plain(part) in text for part in size_and_unit(size))
    assert plain(share_text(report.tumour_share_of_liver)) in text
    lines = text.splitlines()
    joined = " ".join(lines)
    for lesion in report.lesions:
        assert lesion_size_and_unit(lesion, is_volume)[0] in joined
        mm = spacing_mm is not None
        long = lesion.longest_diameter_mm if mm else lesion.longest_diameter_px
        across = lesion.perpendicular_diameter_mm if mm else lesion.perpendicular_diameter_px
        assert f"{long:.1f} × {across:.1f}" in joined
        assert f"{lesion.mean_probability:.2f} / {lesion.peak_probability:.2f}" in joined
        if is_volume:
            assert slice_range_text(lesion) in lines
        if lesion.centroid_ras_mm:
            r, a, s = lesion.centroid_ras_mm
            centre = f"{'RL'[r < 0]} {abs(r):.0f} {'AP'[a < 0]} {abs(a):.0f} {'HF'[s < 0]} {abs(s):.0f}"
            assert centre in re.sub(" +", " ", joined)
    assert IDENTITY.ref in text and IDENTITY.sha256 in text and "hf://owner" in text
    assert report.input.sha256 in text and report.engine in text
    unwrapped = re.sub(" +", " ", joined)  # continued lines are indented
    assert all(warning in unwrapped for warning in report.warnings) and report.warnings
    if spacing_mm is None:
        assert not re.search(r"\bmm\b|\bmm²|\bmL\b|cm²", text.replace(" ".join(report.warnings), ""))
        assert "spacing unknown" in text


def test_page_size_embedded_fonts_and_metadata():
    reader, _ = read_back(report_pdf(*result(scan())))
    page = reader.pages[0]
    assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]
    assert reader.metadata.title == "Liver and tumours in CT: research report"
    assert reader.root_object["/Lang"] == "en-GB"
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    for font in fonts:
        if font["/Subtype"] == "/TrueType":
            assert "/FontFile2" in font["/FontDescriptor"].get_object()
    assert sum(font["/Subtype"] == "/TrueType" for font in fonts) == 2
    assert len(page.images) == 3


def test_pictures_show_liver_and_tumour():
    ct, seg, report = result(scan())
    volume = read_back(report_pdf(ct, seg, report))[0].pages[0].images
    shown = {image.image.size[0] / image.image.size[1] for image in volume}
    assert len(volume) == 3 and max(shown) > 2.5
    unknown = result(scan(), None)
    assert len(read_back(report_pdf(*unknown))[0].pages[0].images) == 1  # no other views without spacing
    bright = np.asarray(volume[0].image.convert("RGB")).reshape(-1, 3).astype(int)
    assert (bright[:, 0] - bright[:, 2] > 40).any() and (bright[:, 2] - bright[:, 0] > 40).any()


def test_warnings_that_do_not_fit_are_counted():
    many = tuple(f"Note {k}: " + "what was assumed and why it matters to the numbers " * 3 for k in range(30))
    ct, seg, report = result(scan(80, 20), None, warnings=many)
    _, text = read_back(report_pdf(ct, seg, report))
    printed = {int(k) for k in re.findall(r"Note (\d+):", text)}
    (left_out,) = map(int, re.findall(r"and (\d+) more, in report.json", text))
    noted = len(report.warnings) - len(report.doubts)  # the automatic checks come first
    assert printed == set(range(len(printed))) and len(printed) + left_out == noted
    assert "1\n" in text and IDENTITY.sha256 in text


def test_only_the_date_changes_the_file():
    facts = result(scan())
    assert report_pdf(*facts) == report_pdf(*facts)
    day = date(2026, 1, 2)
    assert report_pdf(*facts, printed_date=day) == report_pdf(*facts, printed_date=day) != report_pdf(*facts)


@pytest.mark.parametrize("shape", [(1, 300, 64), (1, 64, 300), (3, 64, 64), (400, 64, 64)])
def test_any_shape_fits_on_one_page(shape):
    labels = np.zeros(shape, np.uint8)
    labels[:, 10:50, 10:50], labels[:, 20:24, 20:24] = 1, 2
    _, text = read_back(report_pdf(*result(labels)))
    assert text.count(REPORT_NOTICE) == 1 and IDENTITY.sha256 in text


def test_slices_that_do_not_exist_are_refused():
    with pytest.raises(InvalidSetting, match="no slice 99"):
        report_pdf(*result(scan()), slice_index=99)


def test_page_and_mesh_hold_no_patient_data(tmp_path):
    phantom = make("volume", seed=3, size=64, slices=6)
    folder = tmp_path / "CANARYFOLDER"
    folder.mkdir()
    *slices, _ = write(phantom, folder, "dicom")
    for number, path in enumerate(slices):
        dataset = pydicom.dcmread(path)
        for name in ("PatientName", "PatientID", "PatientComments", "InstitutionName", "StationName"):
            setattr(dataset, name, f"CANARY{name[:7]}")
        for name in ("StudyDescription", "SeriesDescription", "AccessionNumber", "StudyID", "Manufacturer"):
            setattr(dataset, name, "CANARYTEXT")
        dataset.PatientBirthDate = dataset.StudyDate = "19330401"
        dataset.save_as(path.with_name(f"CANARYFILE{number}.dcm"))
        path.unlink()
    ct = liverseg.read(slices[0].parent)
    probability = (phantom.labels == 2).astype(np.float32)
    seg = Segmentation(phantom.labels, probability, probability, 0.5, IDENTITY, "none")
    uids = {str(dataset.SeriesInstanceUID), str(dataset.StudyInstanceUID), str(dataset.SOPInstanceUID)}
    written = write_results(tmp_path / "out", ct, seg, measure(ct, seg), ["pdf", "glb"])
    assert {path.name for path in written} == {"report.pdf", "mesh.glb", "overview.png", "report.json"}
    pdf = (tmp_path / "out" / "report.pdf").read_bytes()
    reader, text = read_back(pdf)
    streams = [o.get_object() for o in (reader.get_object(k) for k in range(1, len(reader.xref[0]) + 1))]
    everything = (
        text.encode() + str(reader.metadata).encode() + pdf + (tmp_path / "out/mesh.glb").read_bytes()
    )
    for stream in streams:
        if isinstance(stream, pypdf.generic.StreamObject):
            everything += stream.get_data()
    for canary in ("CANARY", "19330401", "1933", *uids):
        assert canary.encode() not in everything
    assert json.loads((tmp_path / "out/report.json").read_text())["input"]["kind"] == "volume"


def test_the_written_page_is_dated_today(tmp_path):
    ct, seg, report = result(scan()[3:4])
    write_results(tmp_path, ct, seg, report, ["pdf"])
    assert f"{date.today():%B %Y}" in read_back((tmp_path / "report.pdf").read_bytes())[1]
