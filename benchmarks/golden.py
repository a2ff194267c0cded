"""Write the golden results: what every bundled checkpoint predicts for one phantom, for a regression test.

python -m benchmarks.golden        after a bundled checkpoint was exported again; check the changes
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from liverseg import phantom
from liverseg.core.segmentation import Segmentation
from liverseg.inference.segmenter import Segmenter
from liverseg.io.read import from_array
from registry import open_registries

FOLDER = Path(__file__).parents[1] / "tests" / "liverseg" / "golden"
SEED, SIDE_PX = 14, 256


def segmented(ref: str, engine: str = "auto") -> Segmentation:
    """The segmentation of the phantom by a bundled checkpoint."""
    scan = phantom.make(seed=SEED, size=SIDE_PX)
    segmenter = Segmenter.load(ref, engine=engine, registries=open_registries("bundled"))
    return segmenter.segment(from_array(scan.hu, scan.spacing_mm))


def figures(seg: Segmentation) -> dict[str, float]:
    """The numbers to compare besides the labels: pixel counts and statistics of the probabilities."""
    organ = seg.organ_probability.astype(np.float64)
    tumour = seg.tumour_probability.astype(np.float64)
    return {
        "liver_pixels": int((seg.labels == 1).sum()),
        "tumour_pixels": int((seg.labels == 2).sum()),
        "mean_organ_probability": round(float(organ.mean()), 4),
        "mean_tumour_probability": round(float(tumour[seg.labels > 0].mean()), 4),
        "peak_tumour_probability": round(float(tumour.max()), 4),
    }


def main() -> None:
    """Replace the golden files of every bundled checkpoint."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.iterdir():
        path.unlink()
    for checkpoint in open_registries("bundled").list():
        seg = segmented(checkpoint.ref)
        facts = {"ref": checkpoint.ref, "sha256": checkpoint.sha256, "seed": SEED, "side_px": SIDE_PX}
        name = checkpoint.manifest.name
        (FOLDER / f"{name}.json").write_text(json.dumps(facts | figures(seg), indent=2) + "\n")
        cv2.imwrite(str(FOLDER / f"{name}.png"), seg.labels[0])
        print(FOLDER / f"{name}.json")


if __name__ == "__main__":
    main()
