"""`python -m train prepare` end to end: tables, resuming, refused scans, every intensity model."""

import csv
import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest

from liverseg.core.window import Window, to_grey
from train.__main__ import main
from train.data.dataset import DatasetFolder
from train.data.intensity import Intensity
from train.data.prepare import ConversionSettings, PrepareSettings, SplitSettings, prepare
from train.errors import TrainError

ROOT = Path(__file__).parents[4]
SIDE, SLICES = 64, 8


def scan_arrays(seed, slices=SLICES):
    """HU and labels (S, H, W) in radiological orientation; even seeds have two lesions."""
    rng = np.random.default_rng(seed)
    hu = rng.integers(-1024, -900, (slices, SIDE, SIDE)).astype(np.int16)
    labels = np.zeros((slices, SIDE, SIDE), np.uint8)
    hu[:, 8:56, 4:60] = rng.integers(0, 80, (slices, 48, 56))
    hu[:, 48:54, 28:36] = 800
    labels[2:6, 16:40, 8:32] = 1
    if seed % 2 == 0:
        labels[3:5, 20:24, 12:16] = labels[4, 30:32, 20:22] = 2
    return hu, labels


def write_lits(folder, numbers, slices=SLICES, spacing=(5.0, 0.8, 0.8)):
    """A folder like LiTS with the scans of these numbers."""
    folder.mkdir(parents=True)
    affine = np.diag([-spacing[2], -spacing[1], spacing[0], 1.0])
    for number in numbers:
        for name, values in zip(("volume", "segmentation"), scan_arrays(number, slices), strict=True):
            image = nibabel.Nifti1Image(np.ascontiguousarray(values.transpose(2, 1, 0)), affine)
            nibabel.save(image, folder / f"{name}-{number}.nii.gz")
    return folder


def rows_of(path):
    """The rows of a CSV file."""
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def contents(folder):
    """The bytes of every file of a dataset, by relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def lits(tmp_path):
    return write_lits(tmp_path / "lits", [1, 2, 7, 8])


def test_files_and_tables_match_the_source_arrays(lits, tmp_path):
    out = tmp_path / "out"
    conversion = ConversionSettings(empty_share=0.5)
    splitting = SplitSettings(shares={"train": 0.5, "val": 0.25, "test": 0.25}, groups={"1": "x"})
    assert prepare(str(lits), out, PrepareSettings(conversion, splitting)) == []
    about = json.loads((out / "dataset.json").read_text())
    assert about["intensity"] == {"kind": "window", "center_hu": 40, "width_hu": 400, "bits": 8}
    assert about["groups"] == {"1": "x", "7": "lits-7-12", "8": "lits-7-12"}
    assert about["geometry"] == dict.fromkeys(["1", "2", "7", "8"], "header")
    assert about["spacing_mm"]["2"] == [5.0, 0.8, 0.8] and about["name"] == "lits"
    slices = rows_of(out / "slices.csv")
    assert list(slices[0]) == ["slice", "scan", "index", "split", "liver_px", "tumour_px"]
    hu, labels = scan_arrays(2)
    for row in (row for row in slices if row["scan"] == "2"):
        grey, stored = (
            cv2.imread(str(out / folder / f"{row['slice']}.png"), cv2.IMREAD_UNCHANGED)
            for folder in ("images", "labels")
        )
        index = int(row["index"])
        assert np.array_equal(grey, to_grey(hu[index], Window(40, 400)))
        assert np.array_equal(stored, labels[index])
        assert int(row["liver_px"]) == (labels[index] == 1).sum()
        assert int(row["tumour_px"]) == (labels[index] == 2).sum()
    assert [row["index"] for row in slices if row["scan"] == "2"] == ["0", "2", "3", "4", "5", "6"]
    scans = {row["scan"]: row for row in rows_of(out / "scans.csv")}
    two, tumour = scans["2"], int((labels == 2).sum())
    assert (two["lesions"], two["largest_lesion_voxels"]) == ("2", "32") and scans["1"]["lesions"] == "0"
    assert int(two["organ_voxels"]) == (labels > 0).sum() and int(two["tumour_voxels"]) == tumour
    assert float(two["tumour_ml"]) == pytest.approx(tumour * 5 * 0.8 * 0.8 / 1000, rel=1e-5)
    assert float(two["tumour_share_of_organ"]) == pytest.approx(tumour / (labels > 0).sum(), rel=1e-5)
    assert float(two["liver_hu_mean"]) == pytest.approx(hu[labels == 1].mean(), rel=1e-5)
    assert float(two["liver_hu_p50"]) == pytest.approx(np.median(hu[labels == 1]), abs=1)
    for part, stem in (("volume", "volume"), ("reference", "segmentation")):
        file = lits / f"{stem}-2.nii.gz"
        assert two[f"{part}_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert two["kept_slices"] == "6" and two["annotated_slices"] == "4" and two["slices"] == "8"
    assert {row["split"] for row in scans.values()} == set(about["splits"]) == {"train", "val", "test"}
    assert scans["7"]["split"] == scans["8"]["split"]
    page = cv2.imread(str(out / "statistics.png"))
    assert page.shape[0] > 900 and page.shape[1] > 1400 and len(np.unique(page)) > 50


def test_a_scan_with_false_geometry_has_no_millimetres(tmp_path):
    source = write_lits(tmp_path / "lits", [27, 28], spacing=(1.0, 1.0, 1.0))
    prepare(str(source), tmp_path / "out")
    about = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert about["geometry"] == {"27": "header", "28": "false"}
    assert about["spacing_mm"] == {"27": [1.0, 1.0, 1.0], "28": None}
    true, false = rows_of(tmp_path / "out" / "scans.csv")
    millilitres = [key for key in false if key.endswith(("_ml", "_mm"))]
    assert len(millilitres) == 7
    assert not any(false[key] for key in millilitres) and all(true[key] for key in millilitres[:3])


def test_an_unusable_scan_is_named_and_the_others_are_written(lits, tmp_path, capsys, caplog):
    volume = lits / "volume-2.nii.gz"
    volume.write_bytes(volume.read_bytes()[:3000])
    (lits / "segmentation-7.nii.gz").unlink()
    labels = scan_arrays(1)[1] * 3
    nibabel.save(nibabel.Nifti1Image(labels.transpose(2, 1, 0), np.eye(4)), lits / "segmentation-1.nii.gz")
    out = tmp_path / "out"
    assert main(["prepare", str(lits), str(out), "--jobs", "1"]) == 1
    assert "3 scans were left out" in capsys.readouterr().err
    messages = [record.message for record in caplog.records if "left out" in record.message]
    assert [message.split(" is left out")[0] for message in messages] == ["Scan 7", "Scan 1", "Scan 2"]
    for message, reason in zip(
        messages, ("no segmentation-7", "labels other than", "volume-2.nii.gz is truncated"), strict=True
    ):
        assert reason in message
    assert {row.scan for row in DatasetFolder.open(out).rows} == {"8"}
    write_lits(tmp_path / "whole", [1, 2, 7, 8])
    for path in (tmp_path / "whole").iterdir():
        (lits / path.name).write_bytes(path.read_bytes())
    assert main(["prepare", str(lits), str(out), "--jobs", "1"]) == 0
    assert {row.scan for row in DatasetFolder.open(out).rows} == {"1", "2", "7", "8"}


def test_a_killed_run_is_resumed_and_gives_the_same_bytes(tmp_path):
    source = write_lits(tmp_path / "lits", range(24), slices=24)
    command = [sys.executable, "-m", "train", "prepare", str(source)]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    run = subprocess.Popen([*command, str(killed), "--jobs", "2"], cwd=ROOT, stderr=subprocess.DEVNULL)
    done = killed / ".prepare" / "scans"
    wait_until(lambda: done.is_dir() and any(done.glob("*.json")))
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert len(children) >= 2
    wait_until(lambda: not any(is_running(pid) for pid in children))  # workers end with their parent
    finished = {path.name: path.stat().st_mtime_ns for path in done.glob("*.json")}
    assert 0 < len(finished) < 24 and not (killed / "slices.csv").exists()
    assert prepare(str(source), killed) == prepare(str(source), whole) == []
    assert all((done / name).stat().st_mtime_ns == written_ns for name, written_ns in finished.items())
    assert contents(killed) == contents(whole)
    assert len(contents(whole)) == 24 * 2 * 8 + 24 + 1 + 4  # slices, records, settings, tables and page


def wait_until(condition, seconds=120):
    """Poll the condition; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_running(pid):
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_changed_scan_is_converted_again_and_a_deleted_one_is_removed(lits, tmp_path):
    out = tmp_path / "out"
    prepare(str(lits), out)
    before = contents(out)
    for name in ("volume-8.nii.gz", "segmentation-8.nii.gz"):
        (lits / name).unlink()
    for name, values in zip(("volume-1", "segmentation-1"), scan_arrays(4), strict=True):
        image = nibabel.Nifti1Image(np.ascontiguousarray(values.transpose(2, 1, 0)), np.diag([-1, -1, 5, 1]))
        nibabel.save(image, lits / f"{name}.nii.gz")
    prepare(str(lits), out)
    after = contents(out)
    assert not any("scan-8_" in name for name in after)
    changed = [name for name in after if "scan-1_" in name and after[name] != before.get(name)]
    assert changed and all(after[name] == before[name] for name in after if "scan-2_" in name)


def test_other_settings_need_another_folder_or_overwrite(lits, tmp_path, capsys):
    out = str(tmp_path / "out")
    arguments = ["prepare", str(lits), out, "--jobs", "1"]
    assert main(arguments) == 0
    assert main([*arguments, "--window", "60", "200"]) == 1
    assert "other settings (intensity)" in capsys.readouterr().err
    assert main([*arguments, "--seed", "5", "--val", "0.5"]) == 0  # another split needs no conversion
    assert sorted(json.loads((tmp_path / "out" / "dataset.json").read_text())["splits"].values()) == [2, 2]
    assert main([*arguments, "--window", "60", "200", "--overwrite"]) == 0
    assert DatasetFolder.open(out).window == Window(60, 200)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("precious")
    for more in ([], ["--overwrite"]):
        assert main(["prepare", str(lits), str(foreign), *more]) == 1
        assert "did not write" in capsys.readouterr().err
    assert [path.name for path in foreign.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--hu16"], Intensity.hu16()),
        (
            ["--window", "60", "200", "--window", "400", "1800"],
            Intensity((Window(60, 200), Window(400, 1800))),
        ),
        (
            ["--window", "60", "200", "--window", "40", "400", "--window", "-600", "1500"],
            Intensity((Window(60, 200), Window(40, 400), Window(-600, 1500))),
        ),
    ],
)
def test_every_intensity_model_is_read_back_as_hu(lits, tmp_path, options, expected):
    assert main(["prepare", str(lits), str(tmp_path / "out"), "--jobs", "1", *options]) == 0
    folder = DatasetFolder.open(tmp_path / "out")
    assert folder.intensity == expected
    loaded = folder.load("train")
    assert loaded.intensity == expected
    for row, stored in zip(loaded.rows, loaded.greys, strict=True):
        hu = scan_arrays(int(row.scan))[0][row.index]
        assert np.array_equal(stored, expected.from_hu(hu))
        back = expected.to_hu(stored)
        assert back.shape == hu.shape and back.dtype == np.float32
        if not expected.windows:
            assert np.array_equal(back, hu)
        soft = (hu > -30) & (hu < 150)
        assert np.abs(back - hu)[soft].max() <= 0.5


def test_a_picture_with_a_wrong_number_of_bits_is_refused(lits, tmp_path):
    prepare(str(lits), tmp_path / "out", PrepareSettings(ConversionSettings(Intensity.hu16())))
    image = next((tmp_path / "out" / "images").glob("scan-1_*.png"))
    cv2.imwrite(str(image), np.zeros((SIDE, SIDE), np.uint8))
    with pytest.raises(TrainError, match="16-bit grey picture"):
        for split in ("train", "val"):
            DatasetFolder.open(tmp_path / "out").load(split)


def test_pictures_and_masks_become_a_dataset(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / "own" / name).mkdir(parents=True)
    for scan in (1, 2, 3):
        hu, labels = scan_arrays(scan)
        for index in range(0, SLICES, 2):  # with every second slice only, lesions cannot be counted
            name = f"patient-{scan}_slice-{index}.png"
            cv2.imwrite(str(tmp_path / "own" / "images" / name), to_grey(hu[index], Window(60, 200)))
            cv2.imwrite(str(tmp_path / "own" / "masks" / name), np.uint8([0, 127, 255])[labels[index]])
    out = tmp_path / "out"
    given = (
        "--picture-window 60 200 --empty 1 --jobs 1 --licence CC0 --citation us --keep-orientation".split()
    )
    refused = ["prepare", str(tmp_path / "own"), str(tmp_path / "refused"), *given]
    assert main(refused) == 1
    assert main(["prepare", str(tmp_path / "own"), str(out), *given, "--mask-values",
                 "0=background,127=liver,255=tumour"]) == 0  # fmt: skip
    folder = DatasetFolder.open(out)
    assert folder.window == Window(60, 200) and folder.about["licence"] == "CC0"
    assert folder.about["spacing_mm"] == dict.fromkeys("123") and folder.about["geometry"]["1"] == "unknown"
    hu, labels = scan_arrays(2)
    for row in (row for row in folder.rows if row.scan == "2"):
        grey, stored = (cv2.imread(str(out / f / f"{row.name}.png"), -1) for f in ("images", "labels"))
        assert np.array_equal(grey, to_grey(hu[row.index], Window(60, 200)))
        assert np.array_equal(stored, labels[row.index])
    assert {row["lesions"] for row in rows_of(out / "scans.csv")} == {""}


def test_a_value_can_stand_for_two_classes(lits, tmp_path):
    given = ["--mask-values", "0=background,1=liver+tumour,2=tumour", "--jobs", "1"]
    assert main(["prepare", str(lits), str(tmp_path / "out"), *given]) == 0
    folder = DatasetFolder.open(tmp_path / "out")
    assert folder.about["label_values"]["3"] == ["liver", "tumour"]
    organ = {row["scan"]: int(row["organ_voxels"]) for row in rows_of(tmp_path / "out" / "scans.csv")}
    assert organ["2"] == (scan_arrays(2)[1] > 0).sum()


def test_splits_and_groups_are_read_from_files(lits, tmp_path):
    splits, groups = tmp_path / "splits.json", tmp_path / "groups.csv"
    splits.write_text(json.dumps({"val": ["1", "2"], "train": ["7", "8"]}))
    groups.write_text("scan,group\n1,anna\n2,anna\n")
    files = ["--splits", str(splits), "--groups", str(groups), "--jobs", "1"]
    assert main(["prepare", str(lits), str(tmp_path / "out"), *files]) == 0
    folder = DatasetFolder.open(tmp_path / "out")
    assert {row.scan for row in folder.rows if row.split == "val"} == {"1", "2"}
    assert folder.about["groups"]["2"] == "anna"


@pytest.mark.parametrize(
    "options",
    [
        ["--window", "40", "0"],
        ["--empty", "2"],
        ["--jobs", "0"],
        ["--val", "2"],
        ["--split", "train=1,val=1"],
        ["--mask-values", "1=bone"],
        [*(["--window", "40", "400"] * 4)],
    ],
    ids=" ".join,
)
def test_settings_out_of_range_are_refused_before_any_file_is_written(lits, tmp_path, options, capsys):
    assert main(["prepare", str(lits), str(tmp_path / "out"), *options]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
