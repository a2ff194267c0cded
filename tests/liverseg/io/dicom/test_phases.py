"""Phases, reconstructions and parts that share one series become separate volumes."""

from __future__ import annotations

import numpy as np
import pytest

import liverseg
from liverseg.errors import SeriesChoice, UnreadableInput
from tests.liverseg.io.dicom.series_files import change_files

HEIGHTS = (0, 2.5, 5, 7.5)


PHASES = {  # what distinguishes two phases: elements of file k; the first four files are phase 1
    "acquisition number": lambda k: {"AcquisitionNumber": 1 + k // 4},
    "temporal position": lambda k: {"TemporalPositionIdentifier": 1 + k // 4},
    "contrast": lambda k: {"ContrastBolusAgent": "yes"} if k >= 4 else {},
    "one time per phase": lambda k: {"AcquisitionTime": ["101500", "101540.5"][k // 4]},
    "one time per slice": lambda k: {"ContentTime": f"1015{k + 10 + 20 * (k // 4)}.25"},
    "trigger times": lambda k: {"TriggerTime": str(1000 * (k // 4) + 10 * k)},
}
OTHERS = {  # the same, with the noun of the volumes
    "description": (lambda k: {"SeriesDescription": ["early", "late"][k // 4]}, "volume"),
    "series number": (lambda k: {"SeriesNumber": 3 + k // 4}, "volume"),
    "filter": (lambda k: {"FilterType": ["BODY", "HEAD"][k // 4]}, "reconstruction"),
    "diameter": (lambda k: {"ReconstructionDiameter": [350, 400][k // 4]}, "reconstruction"),
    "study of a few": (lambda k: {"StudyInstanceUID": f"1.{k // 4}"}, "study"),
    "instance numbers": (lambda k: {"InstanceNumber": k + 1}, "volume"),
    "interleaved instance numbers": (lambda k: {"InstanceNumber": 1 + 2 * (k % 4) + k // 4}, "volume"),
    "time by position": (lambda k: {"AcquisitionTime": f"1015{10 + 2 * (k % 4) + k // 4}"}, "volume"),
    "window": (lambda k: {"WindowCenter": [40, 60][k // 4]}, "volume"),
    "kind of tube current": (lambda k: {"XRayTubeCurrent": [300, 150][k // 4]}, "volume"),
}


@pytest.mark.parametrize("elements, noun", OTHERS.values(), ids=OTHERS)
def test_volumes_are_told_apart_by_anything_that_differs(elements, noun, series, synthetic_hu):
    folder, paths = series((*HEIGHTS, *HEIGHTS))
    change_files(paths, elements)
    with pytest.raises(SeriesChoice, match=r"2 CT series \(of 4, 4 slices\)") as refusal:
        liverseg.read(folder)
    assert [info.part for info in refusal.value.series] == [f"{noun} 1 of 2", f"{noun} 2 of 2"]
    expected = [np.stack([synthetic_hu(seed=k + first) for k in range(4)]) for first in (0, 4)]
    volumes = [liverseg.read(folder, series=number).hu for number in (1, 2)]
    if not np.array_equal(volumes[0], expected[0]):  # some elements have no order
        volumes.reverse()
    np.testing.assert_array_equal(volumes, expected)


def test_a_measure_in_a_description_is_shown_and_the_rest_is_not(series):
    folder, paths = series((*HEIGHTS, *HEIGHTS))
    change_files(paths, lambda k: {"SeriesDescription": f"DOE^JANE MonoE {[40, 70][k // 4]} keV"})
    first, second = liverseg.list_series(folder)
    assert (first.part, second.part) == ("volume 1 of 2, 40 keV", "volume 2 of 2, 70 keV")
    assert "DOE" not in f"{first} {second}"


def test_slices_that_nothing_tells_apart_are_refused(series):
    folder, paths = series((*HEIGHTS, *HEIGHTS))
    change_files(paths, lambda k: {"SOPInstanceUID": f"1.{k % 4}", "InstanceNumber": k % 4})
    with pytest.raises(UnreadableInput, match="^Two different DICOM images .* lie at the same place"):
        liverseg.read(folder)


def test_rescale_by_slice_does_not_separate_the_slices_of_one_volume_with_a_gap(series):
    folder, _ = series((0, 2.5, 5, 10, 12.5, 15))  # the slope alternates
    with pytest.raises(UnreadableInput, match="missing"):
        liverseg.read(folder)


def test_acquisitions_that_share_a_slice_are_one_volume_where_the_pixels_agree(series, synthetic_hu):
    _, paths = series()
    second = series((7.5, 10, 12.5, 15), folder="second")[1]
    change_files(paths, lambda k: {"AcquisitionNumber": 1})
    change_files(second, lambda k: {"AcquisitionNumber": 2})
    with pytest.raises(SeriesChoice) as refusal:  # the slice at 7.5 mm differs
        liverseg.read([*paths, *second])
    assert [info.part for info in refusal.value.series] == ["phase 1 of 2", "phase 2 of 2"]
    second[0].write_bytes(paths[3].read_bytes())
    change_files(second[:1], lambda k: {"AcquisitionNumber": 2, "SOPInstanceUID": "9.9"})
    ct = liverseg.read([*paths, *second])
    expected = [*(synthetic_hu(seed=k) for k in range(4)), *(synthetic_hu(seed=k) for k in range(1, 4))]
    np.testing.assert_array_equal(ct.hu, np.stack(expected))
    assert ct.warnings == ("1 slice was there more than once and counted once.",)


@pytest.mark.parametrize("elements", PHASES.values(), ids=PHASES)
def test_phases_in_one_series_are_separated(elements, series, synthetic_hu):
    folder, paths = series((*HEIGHTS, *HEIGHTS))
    change_files(paths, elements)
    with pytest.raises(SeriesChoice, match=r"2 CT series \(of 4, 4 slices\)") as refusal:
        liverseg.read(folder)
    assert [info.part for info in refusal.value.series] == ["phase 1 of 2", "phase 2 of 2"]
    for number in (1, 2):
        ct = liverseg.read(folder, series=number)
        expected = [synthetic_hu(seed=k + 4 * (number - 1)) for k in range(4)]
        np.testing.assert_array_equal(ct.hu, np.stack(expected))


def test_interleaved_phases_and_reconstructions_are_separated(series):
    folder, paths = series((*HEIGHTS, 1, 3.5, 6))
    change_files(paths, lambda k: {"AcquisitionNumber": 1 + k // 4})
    assert [info.shape[0] for info in liverseg.list_series(folder)] == [4, 3]
    folder, paths = series((*HEIGHTS, *HEIGHTS), folder="kernels")
    change_files(paths, lambda k: {"ConvolutionKernel": ["B30f", "B60f"][k // 4]})
    listed = liverseg.list_series(folder)
    assert [(info.kernel, info.part) for info in listed] == [
        ("B30f", "reconstruction 1 of 2"),
        ("B60f", "reconstruction 2 of 2"),
    ]


def test_a_phase_with_a_gap_is_refused_and_the_other_read(series):
    folder, paths = series((*HEIGHTS, 0, 2.5, 7.5, 10))
    change_files(paths, lambda k: {"AcquisitionNumber": 1 + k // 4})
    first, second = liverseg.list_series(folder)
    assert first.refusal is None and "missing" in second.refusal


def test_acquisitions_one_above_the_other_are_one_volume(series, synthetic_hu):
    """A step-and-shoot scanner counts each rotation as an acquisition."""
    folder, paths = series(HEIGHTS)
    change_files(paths, lambda k: {"AcquisitionNumber": 1 + k // 2, "ContentTime": f"10150{k}"})
    assert liverseg.read(folder).shape == (4, 80, 96)
    folder, paths = series((0, 2.5, 5, 10, 12.5, 15), folder="gap")
    change_files(paths, lambda k: {"AcquisitionNumber": 1 + k // 3})
    with pytest.raises(UnreadableInput, match="after slice 3 of 6 is 5 mm away instead of 2.5 mm"):
        liverseg.read(folder)


def test_blocks_of_two_spacings_are_parts_to_choose(series, synthetic_hu):
    folder, _ = series((0, 5, 10, 15, 17, 19, 21))
    with pytest.raises(SeriesChoice) as refusal:
        liverseg.read(folder)
    lower, upper = refusal.value.series
    assert (lower.part, lower.shape[0], lower.spacing_mm[0]) == ("part 1 of 2", 4, 5.0)
    assert (upper.part, upper.shape[0], upper.spacing_mm[0]) == ("part 2 of 2", 3, 2.0)
    ct = liverseg.read(folder, series=2)
    np.testing.assert_allclose(ct.hu[0], synthetic_hu(seed=4))
    assert ct.native.radiological_affine[2, 3] == 17
