"""The page on paper, read back by an independent library (pypdf): the report's numbers, and nothing else."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import date

import numpy as np
import pydicom
import pypdf
import pytest

import liverseg
from liverseg.analysis.measure import measure
from liverseg.analysis.report_text import amount, lesion_amount, share, slice_span
from liverseg.core.geometry import orthogonal_affine, upright_grid
from liverseg.core.image import CTImage
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.errors import InvalidSetting
from liverseg.io.pdf.report import REPORT_NOTICE, report_pdf
from liverseg.io.pdf.sheet import printable, width_of, wrapped
from liverseg.io.write import write_results
from liverseg.phantom import write
from tests.phantoms import make

WHO = CheckpointIdentity("segformer-b0@1.0.1", "0123456789abcdef" * 4, "hf://owner", "c0ffee" * 6 + "beef")
SPACING_MM = (4.0, 0.9, 0.7)


def result(labels: np.ndarray, spacing_mm=SPACING_MM, **facts):
    rng = np.random.default_rng(0)
    hu = np.where(labels == 2, 60, 100).astype(np.float32)
    probability = np.where(labels == 2, rng.uniform(0.6, 1, labels.shape), 0.1).astype(np.float32)
    native = upright_grid(labels.shape)
    if spacing_mm is not None:
        native = replace(native, affine=orthogonal_affine(spacing_mm)[:, [2, 1, 0, 3]])
    kind = "volume" if len(labels) > 1 else "slice"
    source = "unknown" if spacing_mm is None else "NIfTI header"
    ct = CTImage(hu, spacing_mm, source, "nifti", native, kind, sha256="fedc" * 16, **facts)
    seg = Segmentation(labels, probability, probability, 0.4, WHO, "torch 2.13, float32")
    return ct, seg, measure(ct, seg)


def scan(lesions: int = 3, slices: int = 12) -> np.ndarray:
    labels = np.zeros((slices, 96, 128), np.uint8)
    labels[2 : slices - 2, 10:80, 10:110] = 1
    for k in range(lesions):
        y, x, z = 12 + 8 * (k // 12 % 8), 12 + 8 * (k % 12), 3 + k % (slices - 6)
        labels[z : z + 1 + (k < 3), y : y + 3 + (k < 2), x : x + 4] = 2
    return labels


def read_back(pdf: bytes) -> tuple[pypdf.PdfReader, str]:
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    (page,) = reader.pages
    return reader, page.extract_text().replace("\u00a0", " ")


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


@pytest.mark.parametrize("spacing_mm", [SPACING_MM, None])
@pytest.mark.parametrize("labels", [scan(3), scan(3)[3:4]], ids=["volume", "slice"])
def test_one_page_holds_the_numbers_of_the_report(labels, spacing_mm):
    ct, seg, report = result(labels, spacing_mm, warnings=("The header says what it says.",))
    reader, text = read_back(report_pdf(ct, seg, report, printed_date=date(2026, 3, 9)))
    assert REPORT_NOTICE in text and "9 March 2026" in text
    assert f"liverseg {liverseg.__version__}" in text
    is_volume = report.input.kind == "volume"
    for size in (report.tumour, report.liver):
        assert all(plain(part) in text for part in amount(size))
    assert plain(share(report.tumour_share_of_liver)) in text
    lines = text.splitlines()
    joined = " ".join(lines)
    for lesion in report.lesions:
        assert lesion_amount(lesion, is_volume)[0] in joined
        mm = spacing_mm is not None
        long = lesion.longest_diameter_mm if mm else lesion.longest_diameter_px
        across = lesion.perpendicular_diameter_mm if mm else lesion.perpendicular_diameter_px
        assert f"{long:.1f} × {across:.1f}" in joined
        assert f"{lesion.mean_probability:.2f} / {lesion.peak_probability:.2f}" in joined
        if is_volume:
            assert slice_span(lesion) in lines
        if lesion.centroid_ras_mm:
            r, a, s = lesion.centroid_ras_mm
            told = f"{'RL'[r < 0]} {abs(r):.0f} {'AP'[a < 0]} {abs(a):.0f} {'HF'[s < 0]} {abs(s):.0f}"
            assert told in re.sub(" +", " ", joined)
    assert WHO.ref in text and WHO.sha256 in text and "hf://owner" in text
    assert report.input.sha256 in text and report.engine in text
    unwrapped = re.sub(" +", " ", joined)  # a long sentence goes on indented
    assert all(warning in unwrapped for warning in report.warnings) and report.warnings
    if spacing_mm is None:
        assert not re.search(r"\bmm\b|\bmm²|\bmL\b|cm²", text.replace(" ".join(report.warnings), ""))
        assert "spacing unknown" in text


def test_it_is_a4_with_its_fonts_in_it_and_says_what_it_is():
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
    assert len(page.images) == 2


def test_pictures_are_those_of_the_result():
    ct, seg, report = result(scan())
    volume = read_back(report_pdf(ct, seg, report))[0].pages[0].images
    shown = {image.image.size[0] / image.image.size[1] for image in volume}
    assert len(shown) == 2 and max(shown) > 2.5
    unknown = result(scan(), None)
    assert len(read_back(report_pdf(*unknown))[0].pages[0].images) == 1  # no coronal view without an aspect
    bright = np.asarray(volume[0].image.convert("RGB")).reshape(-1, 3).astype(int)
    assert (bright[:, 0] - bright[:, 1] > 40).any() and (bright[:, 1] - bright[:, 0] > 40).any()


def test_many_lesions_are_cut_with_their_number_and_their_sum():
    ct, seg, report = result(scan(80, 20))
    assert len(report.lesions) == 80
    _, text = read_back(report_pdf(ct, seg, report))
    left_out, told, unit = re.search(r"and (\d+) more, ([\d.]+) (\w+) together", text).groups()
    shown = 80 - int(left_out)
    assert 5 <= shown < 80 and unit == "mL"
    ids = [line for line in text.splitlines() if line.isdigit()]
    assert {str(k) for k in range(1, shown + 1)} <= set(ids) and str(shown + 1) not in ids
    assert float(told) == pytest.approx(sum(x.volume_ml for x in report.lesions[shown:]), rel=0.01)


def test_more_notes_than_fit_are_counted_and_leave_room_for_lesions():
    many = tuple(f"Note {k}: " + "what was assumed and why it matters to the numbers " * 3 for k in range(30))
    ct, seg, report = result(scan(80, 20), None, warnings=many)
    _, text = read_back(report_pdf(ct, seg, report))
    told = {int(k) for k in re.findall(r"Note (\d+):", text)}
    (left_out,) = map(int, re.findall(r"and (\d+) more, in report.json", text))
    noted = len(report.warnings) - len(report.doubts)  # the doubts come first
    assert told == set(range(len(told))) and len(told) + left_out == noted
    assert "1\n" in text and WHO.sha256 in text


def test_nothing_found_is_said():
    ct, seg, report = result((scan() > 0).astype(np.uint8))
    assert "No tumour at the threshold of 0.40." in read_back(report_pdf(ct, seg, report))[1]
    ct, seg, report = result(np.zeros_like(scan()))
    text = read_back(report_pdf(ct, seg, report))[1]
    assert "No liver was found" in text and "–" in text


def test_lesions_that_need_a_second_look_are_marked_and_explained():
    labels = scan(1)
    labels[5, 90:93, 60:64] = 2  # apart from the liver
    labels[5, 40:44, 125:] = 2  # at the edge
    text = read_back(report_pdf(*result(labels)))[1]
    for words in ("at the edge of the image", "apart from the liver", "shorter than 10 mm"):
        assert words in text
    large = scan(0)
    large[5:7, 20:40, 30:60] = 2
    assert "shorter than" not in read_back(report_pdf(*result(large)))[1]


def test_the_same_result_is_the_same_file_apart_from_its_date():
    facts = result(scan())
    assert report_pdf(*facts) == report_pdf(*facts)
    day = date(2026, 1, 2)
    assert report_pdf(*facts, printed_date=day) == report_pdf(*facts, printed_date=day) != report_pdf(*facts)


@pytest.mark.parametrize("shape", [(1, 300, 64), (1, 64, 300), (3, 64, 64), (400, 64, 64)])
def test_any_shape_is_one_page(shape):
    labels = np.zeros(shape, np.uint8)
    labels[:, 10:50, 10:50], labels[:, 20:24, 20:24] = 1, 2
    _, text = read_back(report_pdf(*result(labels)))
    assert text.count(REPORT_NOTICE) == 1 and WHO.sha256 in text


def test_a_slice_that_is_not_there_is_refused():
    with pytest.raises(InvalidSetting, match="no slice 99"):
        report_pdf(*result(scan()), slice_index=99)


def test_text_is_set_in_what_the_font_has_and_wrapped_to_its_width():
    assert printable("1\u202f234 mm² \u6f22") == "1\u00a0234 mm² ?"
    words = "a few words " * 20 + "x" * 200
    lines = wrapped(words, 8, 100)
    assert all(width_of(line, 8) <= 100 for line in lines)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")
    assert wrapped("", 8, 100) == []


def test_nothing_of_the_patient_is_on_the_page_or_in_the_mesh(tmp_path):
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
    seg = Segmentation(phantom.labels, probability, probability, 0.5, WHO, "none")
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


def test_a_mesh_of_a_slice_is_refused_before_anything_is_written(tmp_path):
    ct, seg, report = result(scan()[3:4])
    with pytest.raises(InvalidSetting, match="needs a volume"):
        write_results(tmp_path / "x", ct, seg, report, ["nifti", "glb"])
    assert not (tmp_path / "x").exists()
    write_results(tmp_path / "x", ct, seg, report, ["pdf"])
    text = read_back((tmp_path / "x" / "report.pdf").read_bytes())[1]
    assert f"{date.today():%B %Y}" in text
