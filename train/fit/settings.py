"""The settings of a run. The command line reads its defaults here, so this module does not import torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from numbers import Real
from typing import Any

from train.errors import TrainError
from train.sampling.augment import FLIPS, AugmentSettings
from train.sampling.hard_slices import MOST_HARD
from train.sampling.slice_sampler import MOST_LIVER_FREE, SCAN_WEIGHTS, SamplingShares

SELECTORS: dict[str, tuple[str, ...]] = {
    "liver+tumour": ("liver_global", "tumour_global"),
    "tumour": ("tumour_global",),
    "liver": ("liver_global",),
    "per-case": ("liver_per_case", "tumour_per_case"),
    "tumour-per-case": ("tumour_per_case",),
}
"""`best.pt` holds the weights with the highest sum of these columns of `log.csv`."""

MODES = ("slice", "volume")
AUGMENT_ON = ("auto", "cpu", "device", "resident")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
LOSS_NAMES = ("ce+dice", "ce", "dice", "focal+dice", "ce+tversky")  # the keys of `train.fit.losses.LOSSES`


def refuse(rules: list[tuple[bool, str]]) -> None:
    """Raise `TrainError` with the sentence of the first rule that is broken; a rule is (broken, sentence)."""
    for broken, sentence in rules:
        if broken:
            raise TrainError(sentence)


@dataclass(frozen=True)
class FitSettings:
    """Everything that decides the result of a run, independent of the machine it runs on."""

    data: tuple[tuple[str, float, float], ...]  # folder, share of samples, share with painted lesions
    architecture: str = "segformer-b0"
    options: dict[str, Any] = field(default_factory=dict)  # of the architecture
    pretrained: str | None = None  # a name on the Hub or a folder with Hugging Face weights
    pretrained_licence: str = ""  # of these weights; "": as their model card states it
    init: str | None = None  # a run folder or weights file to start from
    windows: tuple[tuple[float, float], ...] = ((60.0, 200.0),)  # centre and width, HU
    context_slices: int = 3
    working_size: int = 256  # longer side of a slice when scoring, pixels
    working_range: tuple[int, int] = (225, 400)  # of a slice in training, pixels
    crop: int = 256  # side of a training sample, pixels
    progressive: int | None = None  # side of the first crops, which grow to `crop`, pixels
    augment: dict[str, float] = field(default_factory=dict)  # fields of `AugmentSettings`
    flip: str = "none"
    liver_free: float = 0.2  # share of the samples from slices without liver
    hard: tuple[tuple[str, float], ...] = ()  # file of `train mine`, share of all samples
    paste: float = 0.0  # share of the samples with added lesions that get real ones, not painted ones
    scan_weights: str = "even"  # of the scans in samples with liver
    # cpu: in the loader; device: in batches; resident: in batches, from slices in the device's memory;
    # auto: cpu without a GPU, else device
    augment_on: str = "auto"
    samples: int = 60_000
    batch: int = 16  # samples per update, over all processes and accumulated parts
    accumulate: int = 1  # parts that a batch is computed in, one after the other
    learning_rate: float = 6e-4
    weight_decay: float = 0.02
    encoder_learning_rate: float | None = None  # None: learning_rate
    head_learning_rate: float | None = None  # of all weights outside the encoder; None: learning_rate
    warmup_share: float = 0.025  # share of the run
    warmup: int | None = None  # samples; replaces the share
    clip: float = 1.0  # largest norm of the gradient
    average: float = 0.999  # decay of the average of the weights
    precision: str = "auto"
    loss: str = "ce+dice"
    tumour_weight: float = 2.0  # of tumour pixels in the cross-entropy
    score_every: int = 5_000  # samples
    score_mode: str = "volume"  # slice: every slice alone; volume: all slices of a scan as users get them
    score_alone: bool = False  # also score with the neighbours of every slice hidden
    select: str = "liver+tumour"
    patience: int | None = None  # scorings without a better pooled tumour Dice before the run stops
    validation: str = ""  # dataset folder whose val split is scored; "": the first of `data`
    folds: int | None = None  # number of folds of a cross-validation on the scored dataset
    fold: int | None = None  # the fold that is scored, from 0
    groups: str | None = None  # CSV of scan,group; scans of one group stay in one fold
    seed: int = 1

    def __post_init__(self) -> None:
        refuse(self._rules())

    def _rules(self) -> list[tuple[bool, str]]:
        known = {f.name for f in fields(AugmentSettings)} - {"working_px", "crop_px", "flip"}
        unknown = sorted(set(self.augment) - known)
        low, high = self.working_range
        counts = (self.samples, self.batch, self.accumulate, self.score_every)
        shares = [share for _, share, _ in self.data]
        hard = [share for _, share in self.hard]
        return [
            (not self.data, "Name at least one dataset with --data."),
            (
                any(not 0 <= s < math.inf for s in shares) or not sum(shares),
                "The shares of the datasets must be 0 or more and add up to more than 0.",
            ),
            (
                any(not 0 <= lesions <= 1 for _, _, lesions in self.data),
                "The share of painted lesions must lie from 0 to 1.",
            ),
            (
                self.architecture.endswith("-3d"),
                f"{self.architecture} takes volumes, but datasets hold slices: choose another architecture.",
            ),
            (self.context_slices not in (1, 3, 5), "The context must be 1, 3 or 5 slices."),
            (not self.windows, "Name at least one window."),
            (min(counts) < 1, "Samples, batch, parts and scoring interval must be at least 1."),
            (self.batch % max(self.accumulate, 1) != 0, "The batch must divide evenly into its parts."),
            (self.crop < 32 or self.crop % 32 != 0, "The crop must be a multiple of 32 px."),
            (not 32 <= low <= high, "The working range must rise, from at least 32 px."),
            (self.working_size < 32, "The working size must be at least 32 px."),
            (
                self.progressive is not None and not 32 <= self.progressive <= self.crop,
                "Progressive resizing must begin between 32 px and the crop.",
            ),
            (
                bool(unknown),
                f"Unknown augmentation {', '.join(unknown)}; choose from {', '.join(sorted(known))}.",
            ),
            (
                any(not (isinstance(v, Real) and 0 <= v < math.inf) for v in self.augment.values()),
                "The value of an augmentation must be a number of at least 0, as in noise=0.5.",
            ),
            (
                not 0 <= self.liver_free <= MOST_LIVER_FREE,
                f"The share without liver must lie from 0 to {MOST_LIVER_FREE}.",
            ),
            (
                any(not 0 < share <= MOST_HARD for share in hard) or sum(hard) > MOST_HARD,
                f"The shares of hard slices must be above 0 and add up to at most {MOST_HARD}.",
            ),
            (not 0 <= self.paste <= 1, "The share of pasted lesions must lie from 0 to 1."),
            (
                self.scan_weights not in SCAN_WEIGHTS,
                f"The scan weights must be one of {', '.join(SCAN_WEIGHTS)}.",
            ),
            (self.flip not in FLIPS, f"The flip must be one of {', '.join(FLIPS)}."),
            (
                self.augment_on not in AUGMENT_ON,
                f"Augment on must be one of {', '.join(AUGMENT_ON)}.",
            ),
            (self.precision not in PRECISIONS, f"The precision must be one of {', '.join(PRECISIONS)}."),
            (self.loss not in LOSS_NAMES, f"The loss must be one of {', '.join(LOSS_NAMES)}."),
            (self.score_mode not in MODES, f"The score mode must be one of {', '.join(MODES)}."),
            (self.select not in SELECTORS, f"Select must be one of {', '.join(SELECTORS)}."),
            (
                not (all(0 < rate < math.inf for rate in self.learning_rates) and 0 < self.clip),
                "The learning rate and the largest norm of the gradient must be above 0.",
            ),
            (not 0 <= self.warmup_share <= 1, "The share of the warm-up must lie from 0 to 1."),
            (
                min(self.weight_decay, self.warmup or 0, self.tumour_weight, self.seed) < 0,
                "Weight decay, warm-up, tumour weight and seed must be 0 or more.",
            ),
            (not 0 <= self.average < 1, "The decay of the average must lie from 0 to below 1."),
            (self.patience is not None and self.patience < 1, "The patience must be at least 1 scoring."),
            (
                self.augment_on == "resident" and self.paste > 0,
                "Real lesions are pasted by the loader: use --augment-on cpu or device with --paste.",
            ),
            ((self.folds is None) != (self.fold is None), "Give both the number of folds and the fold."),
            (
                self.folds is not None and (self.folds < 2 or not 0 <= (self.fold or 0) < self.folds),
                "There must be at least 2 folds, and the fold is numbered from 0.",
            ),
            (bool(self.pretrained and self.init), "Start from pretrained weights or from a run, not both."),
        ]

    @property
    def steps(self) -> int:
        """The number of updates of the whole run; its last batch is as large as the others."""
        return -(-self.samples // self.batch)

    @property
    def learning_rates(self) -> tuple[float, float, float]:
        """The highest learning rate: in general, of the encoder, and of all weights outside it."""
        common = self.learning_rate
        own = (self.encoder_learning_rate, self.head_learning_rate)
        return common, *(common if rate is None else rate for rate in own)

    @property
    def warmup_samples(self) -> int:
        """The length of the linear warm-up in samples.

        >>> FitSettings(data=(("data", 1.0, 0.0),), samples=2000).warmup_samples
        50
        """
        return round(self.samples * self.warmup_share) if self.warmup is None else self.warmup

    @property
    def view(self) -> AugmentSettings:
        """The augmentation settings at full resolution."""
        return AugmentSettings(
            working_px=self.working_range, crop_px=self.crop, flip=self.flip, **self.augment
        )

    @property
    def shares(self) -> SamplingShares:
        """The shares of the draws."""
        return SamplingShares(liver_free=self.liver_free, scan_weights=self.scan_weights)

    def record(self) -> dict:
        """The content of `settings.json`."""
        return asdict(self)


@dataclass(frozen=True)
class Runtime:
    """How a run uses the machine; no field changes its result."""

    workers: int | None = None  # loader processes for each training process; None: as the machine allows
    threads: int | None = None  # CPU threads; None: OMP_NUM_THREADS, or this process's share of the CPUs
    cache: str | None = None  # folder of the packed datasets; None: the one that all runs share
    save_every: int | None = None  # samples between saves, besides those at scorings
    pictures: int = 6  # slices in the picture of each scoring
    tensorboard: bool = True

    def __post_init__(self) -> None:
        counts = [value for value in (self.threads, self.save_every) if value is not None]
        refuse(
            [
                (min(self.workers or 0, self.pictures) < 0, "Workers and pictures must be 0 or more."),
                (any(count < 1 for count in counts), "Threads and the saving interval must be at least 1."),
            ]
        )
