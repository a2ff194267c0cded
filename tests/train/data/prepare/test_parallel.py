"""Parallel conversion: results of good and bad scans, with one worker and with threads."""

import pytest

from tests.train.data.prepare.nifti_files import AFFINES, ct_values, save_nifti
from train.data.prepare.parallel import convert_all
from train.data.prepare.records import RecordStore
from train.data.prepare.scans import NiftiPair
from train.data.prepare.settings import ConversionSettings


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bad_scan_gives_a_sentence_and_a_good_one_a_record(tmp_path, jobs):
    image = save_nifti(tmp_path / "image.nii", ct_values("<i2"), AFFINES["LPS"])
    reference = save_nifti(tmp_path / "reference.nii", (ct_values("<i2") > 1000).astype("u1"), AFFINES["LPS"])
    good, bad = NiftiPair("1", image, reference), NiftiPair("2", image, tmp_path / "missing.nii")
    store = RecordStore(tmp_path / "out")
    store.open(ConversionSettings(), "NiftiPair", overwrite=False)
    results = {
        pair.scan: result for pair, result in convert_all([good, bad], store.out, ConversionSettings(), jobs)
    }
    assert results["1"] == store.load(good) and results["1"].slices == 5
    assert results["2"].startswith("Scan 2 is left out: its reference cannot be read")
    assert store.load(good) is not None
