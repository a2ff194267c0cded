"""The size of a structure, in pixels or voxels and in mm² or mL (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Amount:
    """Size of a structure: a count of pixels or voxels and, where the spacing is known, mm² or mL."""

    kind: str  # "slice" | "volume"
    count: int  # pixels of a slice, voxels of a volume
    area_mm2: float | None = None  # of a slice
    volume_ml: float | None = None  # of a volume

    def to_dict(self) -> dict[str, Any]:
        """`{pixels, area_mm2}` for a slice, `{voxels, volume_ml}` for a volume.

        >>> Amount("slice", 12, area_mm2=3.0).to_dict()
        {'pixels': 12, 'area_mm2': 3.0}
        """
        if self.kind == "volume":
            return {"voxels": self.count, "volume_ml": self.volume_ml}
        return {"pixels": self.count, "area_mm2": self.area_mm2}
