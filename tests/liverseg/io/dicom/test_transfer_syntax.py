"""Transfer syntaxes that are decoded, and the sentences on others."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

import liverseg
from fuzzing.gdcm_encoder import SYNTAXES
from liverseg.errors import UnreadableInput
from liverseg.io.dicom.transfer_syntax import CODED, UNCOMPRESSED, check_transfer_syntax

KNOWN = "1.2.840.10008.1.2.4.201"  # of those that pydicom writes


def dataset_in(syntax: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def test_the_decoded_syntaxes_are_those_of_the_encoder_and_the_uncompressed_ones():
    assert set(CODED) == set(SYNTAXES)
    for syntax in (*CODED, *UNCOMPRESSED, "1.2.840.10008.1.2.5"):
        assert check_transfer_syntax(dataset_in(syntax)) == syntax


@pytest.mark.parametrize(
    "syntax, name",
    [
        ("1.2.840.10008.1.2.4.110", "compressed in a way that liverseg does not read: JPEG XL."),
        ("1.2.840.10008.1.2.4.112", "compressed in a way that liverseg does not read: JPEG XL."),
        ("1.2.840.10008.1.2.4.201", ": High-Throughput JPEG 2000."),
        ("1.2.840.10008.1.2.4.102", ": H.264 video."),
        ("1.2.840.10008.1.2.4.100", ": MPEG-2 video."),
        ("1.2.840.10008.1.2.4.55", ": a retired process of JPEG."),
        ("1.2.840.113619.5.2", r"compressed in a way .*\(transfer syntax 1\.2\.840\.113619\.5\.2\)\.$"),
        ("Jane Doe", "compressed in a way that liverseg does not read.$"),
        ("1.2.840.10008.1.2.4.1100", r"\(transfer syntax 1\.2\.840\.10008\.1\.2\.4\.1100\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_others_are_named(syntax, name):
    with pytest.raises(UnreadableInput, match=name) as refusal:
        check_transfer_syntax(dataset_in(syntax))
    assert "Doe" not in str(refusal.value)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.110", "1.2.3.4.5"])
def test_a_file_of_an_unknown_syntax_is_refused_by_name(
    syntax, synthetic_hu, dicom_dataset, dicom_bytes, tmp_path
):
    dataset = dicom_dataset(synthetic_hu())
    dataset.PixelData = encapsulate([bytes(64)])
    dataset["PixelData"].is_undefined_length, dataset["PixelData"].VR = True, "OB"
    dataset.file_meta.TransferSyntaxUID = KNOWN
    path = tmp_path / "a.dcm"
    path.write_bytes(
        dicom_bytes(dataset).replace(KNOWN.encode() + b"\0", syntax.encode().ljust(24, b"\0"), 1)
    )
    for source in (path, tmp_path):
        with pytest.raises(UnreadableInput, match="compressed in a way that liverseg does not read"):
            liverseg.read(source)
    assert "compressed in a way" in liverseg.list_series(tmp_path)[0].refusal
