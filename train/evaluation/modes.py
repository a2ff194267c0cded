"""Scoring scans in one mode or in both: single slices, and all slices of a scan together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from train.data.dataset import DatasetFolder
from train.evaluation.models import Model
from train.evaluation.protocol import Protocol
from train.evaluation.record import metrics_record
from train.evaluation.scan_image import not_a_volume
from train.evaluation.scans import ScanSlices
from train.evaluation.score_scan import score_scan
from train.evaluation.scores import ScanScore
from train.evaluation.volume_mode import score_volume


@dataclass(frozen=True)
class Modes:
    """The modes in which scans are scored."""

    protocols: tuple[Protocol, ...]  # one or two; slice mode comes first
    asked_for: bool  # False: volume mode is left out where no scan is a volume

    @classmethod
    def of(cls, name: str | None, protocol: Protocol, folders: Iterable[DatasetFolder]) -> Modes:
        """The modes that an option names: "slice", "volume", "both" or None.

        None is both modes, but slice mode alone where the protocol hides neighbours or flips slices, or
        where no scan of the folders has several slices. Raises `TrainError` where volume mode is named for
        such a protocol.
        """
        if name is None:
            rows = [row for folder in folders for row in folder.rows]
            several = len({(row.scan, row.split) for row in rows}) < len(rows)
            names = ["slice", "volume"] if several and protocol.context and not protocol.flips else ["slice"]
        else:
            names = ["slice", "volume"] if name == "both" else [name]
        return cls(tuple(replace(protocol, mode=mode) for mode in names), name is not None)

    def score(self, scan: ScanSlices, model: Model, snapshots: bool = False) -> list[ScanScore]:
        """The score of a scan in each mode; with `snapshots` the first keeps some slices to draw."""
        return [
            score_in_mode(scan, model, protocol, snapshots and not number)
            for number, protocol in enumerate(self.protocols)
        ]

    def results(self, scores: Iterable[Sequence[ScanScore]]) -> list[ModeScores]:
        """The scores of all scans by mode; `scores` holds those of one scan after another."""
        by_mode = [
            ModeScores(protocol, tuple(own))
            for protocol, own in zip(self.protocols, zip(*scores, strict=True), strict=True)
        ]
        if not self.asked_for and not any(score.mode == "volume" for score in by_mode[-1].scores):
            return by_mode[:1]
        return by_mode


@dataclass(frozen=True)
class ModeScores:
    """The scores of all scans in one mode."""

    protocol: Protocol
    scores: tuple[ScanScore, ...]


def score_in_mode(scan: ScanSlices, model: Model, protocol: Protocol, snapshots: bool = False) -> ScanScore:
    """The score of a scan in the protocol's mode.

    In volume mode, a scan that is no volume (`scan_image.not_a_volume`) is scored slice by slice; its score
    has the mode "slice" and a note.
    """
    reason = ""
    if protocol.mode == "volume" and model.segmenter is not None:
        reason = not_a_volume(scan)
        if not reason:
            return score_volume(scan, model.segmenter, protocol, snapshots)
    by_slice = replace(protocol, mode="slice")
    score = score_scan(scan, model.predict, model.context_slices, by_slice, snapshots, model.rules)
    if not reason:
        return score
    return replace(score, note=f"Scan {scan.scan} is scored slice by slice, because {reason}")


def score_all(
    scans: Iterable[ScanSlices], model: Model, modes: Modes, snapshots: bool = False
) -> Iterator[list[ScanScore]]:
    """The scores of each scan, one in each mode."""
    for scan in scans:
        yield modes.score(scan, model, snapshots)


def joint_record(results: Sequence[ModeScores], name: str, model: dict) -> dict:
    """The metrics record of the first mode; that of a second mode is its key `volumes`."""
    records = [metrics_record(result.scores, name, model, result.protocol) for result in results]
    return records[0] | ({"volumes": records[1]} if len(records) > 1 else {})
