"""The segments of a segmentation of 3D Slicer (.seg.nrrd), from the key/value pairs of its header.

The keys: https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html
"""

from __future__ import annotations

from collections.abc import Mapping

from liverseg.io.volume.voxels import NamedLabel

_MAX_SEGMENTS = 10_000


def slicer_segments(keys: Mapping[str, str]) -> tuple[NamedLabel, ...]:
    """The segments in the order of the file. Those without a label value are left out.

    >>> slicer_segments({"Segment0_Name": "Liver", "Segment0_LabelValue": "3", "Segment0_Layer": "1"})
    (NamedLabel(value=3, name='Liver', layer=1),)
    """
    found = []
    for k in range(_MAX_SEGMENTS):
        if f"Segment{k}_Name" not in keys and f"Segment{k}_ID" not in keys:
            break
        value, layer = keys.get(f"Segment{k}_LabelValue", ""), keys.get(f"Segment{k}_Layer", "0")
        if value.isdecimal() and layer.isdecimal():
            found.append(NamedLabel(int(value), keys.get(f"Segment{k}_Name", ""), int(layer)))
    return tuple(found)
