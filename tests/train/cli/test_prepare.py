"""`python -m train prepare` on LiTS files."""

from __future__ import annotations

import nibabel
import numpy as np

from liverseg import phantom
from train.__main__ import main
from train.data.prepare import prepare


def test_prepare_reads_lits_and_reports_damaged_scans(tmp_path, caplog):
    source = tmp_path / "LiTS"
    source.mkdir()
    for number in range(3):
        made = phantom.make("slice", seed=number, size=128)
        affine = np.diag([-1.5, 1.5, 5.0, 1.0])
        hu = made.hu.transpose(2, 1, 0)[:, ::-1]  # stored left to right, back to front, as LiTS often is
        labels = made.labels.transpose(2, 1, 0)[:, ::-1]
        nibabel.save(nibabel.Nifti1Image(hu.astype(np.int16), affine), source / f"volume-{number}.nii")
        nibabel.save(
            nibabel.Nifti1Image(labels.astype(np.uint8), affine), source / f"segmentation-{number}.nii"
        )
    cut = source / "segmentation-2.nii"
    cut.write_bytes(cut.read_bytes()[:4000])
    problems = prepare(str(source), tmp_path / "out")
    assert len(problems) == 1 and problems[0].startswith("Scan 2 is left out")
    assert sorted(path.name for path in (tmp_path / "out" / "images").iterdir()) == [
        "scan-0_slice-000.png",
        "scan-1_slice-000.png",
    ]
    assert main(["prepare", str(source), str(tmp_path / "again")]) == 1


def test_prepare_refuses_a_folder_without_pairs(tmp_path, capsys):
    assert main(["prepare", str(tmp_path), str(tmp_path / "out")]) == 1
    assert "volume-N.nii" in capsys.readouterr().err
