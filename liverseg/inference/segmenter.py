"""From a CT image to its segmentation, with a checkpoint of a registry."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

import registry
from liverseg.core.image import CTImage
from liverseg.core.labels import check_threshold
from liverseg.core.largest_component import keep_largest_body
from liverseg.core.limits import MAX_SIDE_PX, check_shape
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.core.slice_skipping import gaps, run_what_is_needed, sample_step
from liverseg.core.slicing import check_slice
from liverseg.errors import CheckpointRefused
from liverseg.inference import engines
from liverseg.inference.prediction import PredictionBuffer
from liverseg.inference.progress import Progress, Stop, Watch
from liverseg.inference.resampling import grid_shape
from liverseg.inference.sliding_window import VolumeRun
from registry import Checkpoint, InputSpec, Registries, RegistryError

DEFAULT_CHECKPOINT = "segformer-b0"
"""The checkpoint that is used when none is named, where the registry has it."""

DEFAULT_PATCH_SIDE = 128
"""Voxels a side, where a manifest for volumes does not give its patch."""


def find_checkpoint(ref: str | None = None, registries: Registries | None = None) -> Checkpoint:
    """The checkpoint of a reference (`name` or `name@version`), or the default one.

    Raises `CheckpointRefused` when there is none of that name, or none at all.
    """
    try:
        registries = registries or registry.open_registries()
        if ref is not None:
            return registries.find(ref)
        checkpoints = registries.list()
        for checkpoint in checkpoints:
            if checkpoint.manifest.name == DEFAULT_CHECKPOINT:
                return registries.find(DEFAULT_CHECKPOINT)
    except RegistryError as error:
        raise CheckpointRefused(str(error)) from error
    if not checkpoints:
        reasons = [problem.reason for problem in registries.problems if not problem.where]
        nothing = "The registry holds no checkpoint; LIVERSEG_REGISTRY names the registries to look in."
        raise CheckpointRefused(" ".join([nothing, *reasons]))
    return checkpoints[0]


def patch_of(spec: InputSpec) -> tuple[int, int, int]:
    """The voxels that a network for volumes is run with at once.

    >>> patch_of(InputSpec("volume", 1, (), 256))
    (128, 128, 128)
    """
    side = min(spec.working_size, DEFAULT_PATCH_SIDE)
    return spec.patch or (side, side, side)


def check_fits(checkpoint: Checkpoint, ct: CTImage) -> None:
    """Raises `CheckpointRefused` unless a checkpoint for volumes can be run on `ct`."""
    if len(ct.hu) == 1:
        raise CheckpointRefused(
            f"{checkpoint.ref} takes volumes and this is a single slice; choose a checkpoint for slices."
        )
    needed = checkpoint.manifest.input.spacing_mm
    if needed is None:
        return
    if ct.spacing_mm is None:
        raise CheckpointRefused(
            f"{checkpoint.ref} works at {' × '.join(f'{s:g}' for s in needed)} mm and the spacing of this "
            "input is unknown; choose a checkpoint for slices."
        )
    if max(grid_shape(ct.shape, ct.spacing_mm, needed)) > MAX_SIDE_PX:
        raise CheckpointRefused(f"{checkpoint.ref} works at too fine a spacing for a volume of this extent.")


class Segmenter:
    """A loaded checkpoint. One instance may be shared between threads."""

    def __init__(self, checkpoint: Checkpoint, engine: engines.Engine) -> None:
        self.checkpoint = checkpoint
        self.engine = engine
        self.identity = CheckpointIdentity(
            checkpoint.ref, checkpoint.sha256, checkpoint.registry, checkpoint.revision
        )

    @classmethod
    def load(
        cls, ref: str | None = None, *, engine: str = "auto", registries: Registries | None = None
    ) -> Segmenter:
        """Find, verify and load a checkpoint.

        `ref` is `name` or `name@version`, None is the default checkpoint; `engine` is "auto",
        "torch" or "openvino". Raises `CheckpointRefused` when it is unknown or its files are not
        what its manifest says, `EngineUnavailable` when the engine is not installed.
        """
        return cls.from_checkpoint(find_checkpoint(ref, registries), engine=engine)

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, *, engine: str = "auto", archive: bytes | None = None
    ) -> Segmenter:
        """Verify and load a checkpoint that was found already; errors as for `load`.

        `archive` is what its `read_model` gave, where that was read and verified before.
        """
        spec = checkpoint.manifest.input
        try:
            archive = archive or checkpoint.read_model()
        except RegistryError as error:
            raise CheckpointRefused(str(error)) from error
        patch = patch_of(spec) if spec.kind == "volume" else None
        return cls(checkpoint, engines.load(archive, spec.context_slices, engine, patch))

    @property
    def threshold(self) -> float:
        """The tumour probability from which a pixel is called tumour, unless the caller says otherwise."""
        return self.checkpoint.manifest.tumour_threshold

    def segment(
        self,
        ct: CTImage,
        *,
        threshold: float | None = None,
        only_slice: int | None = None,
        keep_all: bool = False,
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> Segmentation:
        """Segment every slice of `ct`, or with `only_slice` that one, the others being left empty.

        Of a volume only the largest connected body is kept (`core.largest_component`), and slices that
        cannot change it are not run (`liverseg.core.slice_skipping`); with `keep_all` everything is kept and
        run. A lone slice may show the liver in several parts: there nothing is removed.

        `threshold` replaces the checkpoint's own. Raises `InputTooSmall` or `InputTooLarge` when a
        slice is outside the sizes that checkpoints take, `InvalidSetting` for a threshold outside
        (0, 1] or a slice that is not there, `CheckpointRefused` when a checkpoint for volumes does not
        fit the input, `Cancelled` when `cancelled` (a function or a `threading.Event`) says to stop.
        """
        check_shape(1, *ct.shape[1:])  # an image need not come from a reader
        threshold = self.threshold if threshold is None else threshold
        check_threshold(threshold)
        wanted = range(len(ct.hu)) if only_slice is None else [check_slice(ct, only_slice)]
        largest_only = len(ct.hu) > 1 and only_slice is None and not keep_all
        watch = Watch(len(wanted), progress, cancelled)
        found = PredictionBuffer(ct.shape, threshold)
        started = time.perf_counter()
        bodies, todo = None, np.zeros(len(ct.hu), bool)
        if self.checkpoint.manifest.input.kind == "volume":
            self._run_volume(ct, found, wanted, watch)
        elif largest_only and (step := sample_step(len(ct.hu), ct.spacing_mm)) > 1:
            todo[:] = True
            run = partial(self._run_slices, ct, found, watch)
            bodies = run_what_is_needed(found.labels, todo, step, run)
        else:
            self._run_slices(ct, found, watch, wanted)
        removed = keep_largest_body(found.labels, bodies) if largest_only else None
        passed_s = time.perf_counter() - started
        watch.done(len(wanted))
        return Segmentation(
            labels=found.labels,
            tumour_probability=found.tumour,
            organ_probability=found.organ,
            threshold=threshold,
            checkpoint=self.identity,
            engine=self.engine.name,
            timing_s={"network": found.network_s, "post-processing": passed_s - found.network_s},
            removed=removed,
            skipped=tuple((gap.start, gap.stop - 1) for gap in gaps(todo)),
            keep_all=keep_all,
            only_slice=only_slice,
        )

    def _run_slices(self, ct: CTImage, found: PredictionBuffer, watch: Watch, wanted: Sequence[int]) -> None:
        """Run slices of (S, H, W), each with its neighbours."""
        reach = self.checkpoint.manifest.input.context_slices // 2

        def given() -> Iterator[np.ndarray]:
            for index in wanted:
                watch.check()
                around = np.clip(np.arange(index - reach, index + reach + 1), 0, len(ct.hu) - 1)
                yield ct.hu[around][None]

        # A lone slice is done soonest by all threads together.
        several = self.engine.run_each(given()) if len(wanted) > 1 else map(self.engine.run, given())
        for index, (_, liver, tumour) in zip(wanted, found.timed_each(several), strict=True):
            found.put(index, liver, tumour)
            watch.done()

    def _run_volume(self, ct: CTImage, found: PredictionBuffer, wanted: Sequence[int], watch: Watch) -> None:
        """Run the volume in patches and keep the slices that are `wanted`."""
        spec = self.checkpoint.manifest.input
        check_fits(self.checkpoint, ct)
        run = VolumeRun(ct.hu, ct.spacing_mm, patch_of(spec), spec.spacing_mm)

        def before_a_patch(patches: int) -> None:
            watch.check()
            watch.done(patches * len(wanted) // run.patches)

        for z, liver, tumour in run.probabilities(found.timed(self.engine.run), before_a_patch):
            if z in wanted:
                found.put(z, liver, tumour)
