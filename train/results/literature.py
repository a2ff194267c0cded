"""Published results of other systems, with their protocol and their comparability."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published result on LiTS or its scans."""

    system: str
    liver: str  # Dice as published
    tumour: str
    protocol: str
    comparable: str  # whether and how the scores can be compared with those of this project
    source: str


PUBLISHED = (
    Published(
        "SegFormer project (B0 to B4, ADE20K weights)",
        "0.949",
        "0.775",
        "pooled pixels of the annotated slices of its own test split, at a quarter of the resolution",
        "No: slices without annotation are left out, small structures vanish at a quarter of the resolution, "
        "about 90 training scans. `evaluate` computes this protocol as `first_project` in metrics.json.",
        "github.com/jairvasquezr/Semantic-Segmentation-for-Liver-Tumor-Detection",
    ),
    Published(
        "nnFormer project (Colab, Kaggle)",
        "–",
        "–",
        "thresholding, normalising, resizing, augmentation, and liver-to-tumour statistics of each scan",
        "No Dice is known. `prepare` computes the statistics, and `nnformer-2d` is the network.",
        "an nnFormer project on LiTS",
    ),
    Published(
        "nnFormer, 3D (as trained in nnU-Net Revisited)",
        "mean of both 0.774",
        "",
        "5-fold cross-validation per case on the 131 LiTS training scans",
        "The protocol is (cross-validation, per case, full resolution), the data are not: 131 scans instead "
        "of 26, volumes instead of slices.",
        "nnU-Net documentation, resenc_presets.md; arXiv 2404.09556",
    ),
    Published(
        "nnU-Net ResEnc L",
        "mean of both 0.816",
        "",
        "5-fold cross-validation per case on the 131 LiTS training scans",
        "The protocol is, the data are not: 131 scans instead of 26, volumes instead of slices. Training "
        "took days on a GPU.",
        "nnU-Net documentation, resenc_presets.md; arXiv 2404.09556",
    ),
    Published(
        "LiTS challenge, best (ISBI 2017 / MICCAI 2017 / MICCAI 2018)",
        "0.963",
        "0.674 / 0.702 / 0.739",
        "per case, 70 hidden scans",
        "No: hidden test scans, 131 training scans.",
        "Bilic et al., Medical Image Analysis 84 (2023) 102680; arXiv 1901.04056",
    ),
    Published(
        "CLIP-Driven Universal Model",
        "0.954",
        "0.794",
        "Decathlon Task03 hidden test scans, per case",
        "No: thousands of training scans from 14 datasets, volumes instead of slices.",
        "Liu et al., ICCV 2023; arXiv 2301.00785",
    ),
    Published(
        "liverseg's reference run (SegFormer-B0, without tuning)",
        "0.924 / 0.914",
        "0.285 / 0.180 (best step), 0.132 / 0.068 (last)",
        "pooled / per case; val split of lits-26, 256 px, slices that show liver",
        "Nearly: the same scans, but scored at 256 px without the slices that show no liver, which raises "
        "the scores.",
        "liverseg",
    ),
)


def published_table() -> str:
    """The numbers as a Markdown table."""
    rows = [
        "| system | liver Dice | tumour Dice | protocol | comparable with liverseg? | source |",
        "|---" * 6 + "|",
    ]
    rows += [
        f"| {p.system} | {p.liver} | {p.tumour or '–'} | {p.protocol} | {p.comparable} | {p.source} |"
        for p in PUBLISHED
    ]
    return "\n".join(rows)
