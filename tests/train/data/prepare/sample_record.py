"""A record of a converted scan."""

from train.data.prepare.records import ScanRecord

RECORD = ScanRecord(
    scan="7",
    rows=({"slice": "scan-7_slice-000", "index": 0, "liver_px": 4, "tumour_px": 0},),
    slices=1,
    height=8,
    width=8,
    annotated_slices=1,
    organ_voxels=4,
    liver_voxels=4,
    tumour_voxels=0,
    lesions=0,
    largest_lesion_voxels=0,
    liver_hu_mean=50.0,
    liver_hu_percentiles=(50.0, 50.0, 50.0),
    spacing_mm=(5.0, 0.8, 0.8),
    geometry="header",
    reoriented="",
    sha256={"volume": "a", "reference": "b"},
    warnings=("a warning",),
)
