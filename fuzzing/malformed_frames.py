"""Enhanced CT with functional groups that lie, and series whose slices differ in rescale and padding."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pydicom
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from fuzzing.seeds import CANARY, SLICES, ct_dataset, dicom_bytes, enhanced

_NUMBERS = ("0", "-1", "1e30", "1e-30", "-1024", "0.5", "1", "-0.0", "65536", "9999999999")
_RESCALE_TYPES = ("HU", "hu", "US", "MGML", "Z_EFF", "ED", "HU_MOD", "", CANARY[:16], "OD")
_FRAME_TYPES = ("VIRTUAL_MONOENERGETIC", "MATERIAL", "EFFECTIVE_ATOMIC_NUM", "LOCALIZER", "VOLUME", "")
_ORIENTATIONS = ((0, 1, 0, 1, 0, 0), (1, 0, 0, 0, 0, -1), (0,) * 6, (1, 0, 0, 1, 0, 0), (1,) * 5)
_GROUPS = (
    *("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"),
    *("PixelValueTransformationSequence", "FrameContentSequence", "CTImageFrameTypeSequence"),
)


def lying_groups(rng: random.Random) -> bytes:
    """An Enhanced CT whose functional groups contradict each other, the image or the standard."""
    dataset = enhanced()
    with _without_checks():
        for _ in range(rng.choice((1, 1, 2, 4))):
            rng.choice(_LIES)(dataset, rng)
        return dicom_bytes(dataset)


def rescale_by_slice(rng: random.Random) -> tuple[bytes, ...]:
    """A series in which slices lack the rescale, or have another one, a Modality LUT or odd padding."""
    datasets = [ct_dataset(k, "volume") for k in range(SLICES)]
    with _without_checks():
        for k in rng.sample(range(SLICES), rng.choice((1, 1, 2, SLICES))):
            _change_rescale(datasets[k], rng)
        return tuple(dicom_bytes(dataset) for dataset in datasets)


@contextmanager
def _without_checks() -> Iterator[None]:
    """Let pydicom write values that the standard forbids."""
    settings = config.settings
    before = settings.writing_validation_mode
    settings.writing_validation_mode = config.IGNORE
    try:
        yield
    finally:
        settings.writing_validation_mode = before


def _change_rescale(dataset: Dataset, rng: random.Random) -> None:
    defect = rng.randrange(6)
    if defect == 0:
        both = ("RescaleSlope", "RescaleIntercept")
        for keyword in rng.choice((both[:1], both[1:], both)):
            if keyword in dataset:
                delattr(dataset, keyword)
    elif defect == 1:
        dataset.RescaleSlope, dataset.RescaleIntercept = rng.choice(_NUMBERS), rng.choice(_NUMBERS)
    elif defect == 2:
        dataset.RescaleType = rng.choice(_RESCALE_TYPES)
    elif defect == 3:
        dataset.ModalityLUTSequence = [_modality_lut(rng)]
    elif defect == 4:
        dataset.PixelRepresentation = rng.choice((0, 1))
        dataset.add_new("PixelPaddingValue", "US", rng.choice((0, 1, 63536, 65535)))
    else:
        dataset.PixelData = struct.pack("<H", rng.choice((63536, 65535, 0))) * (len(dataset.PixelData) // 2)


def _modality_lut(rng: random.Random) -> Dataset:
    """A table with a descriptor that may not fit its length."""
    lut = Dataset()
    count = rng.choice((0, 1, 16, 4096, 65535))
    lut.add_new("LUTDescriptor", "US", [count, rng.choice((0, 100, 65535)), rng.choice((8, 12, 16, 99))])
    lut.ModalityLUTType = rng.choice(("HU", "US", "", "OD"))
    length = rng.choice((0, 2, 2 * 16, 2 * 4096))
    lut.add_new(0x00283006, "OW", rng.randbytes(length))
    return lut


def _item(**elements: object) -> Dataset:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def _frames(dataset: Dataset) -> Sequence:
    return dataset.PerFrameFunctionalGroupsSequence


def _change_positions(dataset: Dataset, rng: random.Random) -> None:
    """Positions that repeat, run backwards, jump or are missing."""
    frames = _frames(dataset)
    for k, frame in enumerate(frames):
        height = rng.choice((0, 5 * (k % 2), 5 * (len(frames) - k), 1e30, 5 * k + rng.random()))
        if rng.random() < 0.5:
            frame.PlanePositionSequence = [_item(ImagePositionPatient=[0, 0, height])]
        elif rng.random() < 0.3 and "PlanePositionSequence" in frame:
            del frame.PlanePositionSequence


def _change_rescale_of_frames(dataset: Dataset, rng: random.Random) -> None:
    """Rescale in the shared groups, the frames and the image, of which no two agree."""
    places = [dataset.SharedFunctionalGroupsSequence[0], *_frames(dataset)]
    for place in rng.sample(places, rng.randrange(1, len(places) + 1)):
        place.PixelValueTransformationSequence = [
            _item(
                RescaleSlope=rng.choice(_NUMBERS),
                RescaleIntercept=rng.choice(_NUMBERS),
                RescaleType=rng.choice(_RESCALE_TYPES),
            )
        ]
    if rng.random() < 0.3:
        dataset.RescaleType = rng.choice(_RESCALE_TYPES)


def _change_geometry(dataset: Dataset, rng: random.Random) -> None:
    """Orientation and pixel spacing by frame."""
    frames = list(_frames(dataset))
    for frame in rng.sample(frames, min(len(frames), rng.choice((1, 2, SLICES)))):
        if rng.random() < 0.5:
            vectors = list(rng.choice(_ORIENTATIONS))
            frame.PlaneOrientationSequence = [_item(ImageOrientationPatient=vectors)]
        else:
            spacing = rng.choice(([1, 1], [0, 0], [-2, 2], [1e9, 1], [2], [2, 2, 2]))
            frame.PixelMeasuresSequence = [_item(PixelSpacing=spacing, SliceThickness=rng.choice(_NUMBERS))]


def _change_types(dataset: Dataset, rng: random.Random) -> None:
    """Frame types that are no CT in HU, stacks and temporal positions."""
    for frame in _frames(dataset):
        kind = rng.choice(_FRAME_TYPES)
        frame.CTImageFrameTypeSequence = [_item(FrameType=["DERIVED", "PRIMARY", "VOLUME", kind])]
        frame.FrameContentSequence = [
            _item(StackID=rng.choice(("1", "2", CANARY[:16])), TemporalPositionIndex=rng.choice((0, 1, 2)))
        ]


def _change_items(dataset: Dataset, rng: random.Random) -> None:
    """Groups that are empty, have several items, or are missing."""
    places = [dataset.SharedFunctionalGroupsSequence[0], *_frames(dataset)]
    for place in rng.sample(places, min(len(places), rng.choice((1, 2, 9)))):
        keyword = rng.choice(_GROUPS)
        if rng.random() < 0.5:
            setattr(place, keyword, rng.choice(([], [Dataset()], [Dataset(), Dataset()])))
        elif keyword in place:
            delattr(place, keyword)


def _change_frames(dataset: Dataset, rng: random.Random) -> None:
    """More or fewer descriptions than frames, and files that are part of a concatenation."""
    frames = list(_frames(dataset))
    changed = rng.choice((frames[:-1], frames[:1], [*frames, *frames[:1]], frames[::-1], []))
    dataset.PerFrameFunctionalGroupsSequence = changed
    if rng.random() < 0.5:
        dataset.NumberOfFrames = max(len(changed), 1)
    if rng.random() < 0.3:
        dataset.InConcatenationNumber, dataset.InConcatenationTotalNumber = 1, rng.choice((1, 3, 65535))


_LIES: tuple[Callable[[pydicom.Dataset, random.Random], None], ...] = (
    _change_positions,
    _change_rescale_of_frames,
    _change_geometry,
    _change_types,
    _change_items,
    _change_frames,
)
