"""Run many trials in worker processes, which are replaced when a trial crashes or hangs."""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from fuzzing import inputs, seeds
from fuzzing.trial import Trial
from liverseg.inference.segmenter import Segmenter

LIMIT_S = 5.0
"""Time limit of an input; one that exceeds it is run a second time before it counts as slow."""

LIMIT_BYTES = 2**30
"""Memory limit of an input above the base of the process."""

_ADDRESS_SPACE_BYTES = 2 * 2**30  # above the base; protects the memory of the machine
# Processor time, which does not depend on other load, or wall time after which a trial counts as hanging
_HANGS_AFTER_CPU_S, _HANGS_AFTER_S = 20.0, 600.0
# Every n-th input is segmented by another segmenter than the rule

_NOISY_EVERY, _TINY_EVERY, _BUNDLED_EVERY = 11, 31, 97


def run_all(
    seed: int,
    indices: range | list[int],
    workers: int = 2,
    rare_share: float = inputs.RARE_SHARE,
    networks: bool = True,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Trial]:
    """Run the inputs `indices` of a seed; returns their trials in order.

    With `networks` some inputs are segmented by a network instead of the rule. `progress` receives the number
    of finished trials. After Ctrl-C only the finished trials are returned.
    """
    pending = list(reversed(indices))
    repeated: set[int] = set()
    finished: dict[int, Trial] = {}
    pool = [_Worker(seed, rare_share, networks) for _ in range(min(workers, len(pending)))]
    try:
        while pending or any(worker.index is not None for worker in pool):
            for worker in pool:
                if worker.index is None and pending:
                    worker.give(pending.pop())
            for worker in _ready(pool):
                trial = check_limits(worker.take())
                if trial.outcome == "slow" and trial.index not in repeated:
                    repeated.add(trial.index)
                    pending.append(trial.index)
                    continue
                finished[trial.index] = trial
                progress(len(finished))
    except KeyboardInterrupt:
        pass
    finally:
        for worker in pool:
            worker.end()
    return [finished[index] for index in indices if index in finished]


def check_limits(trial: Trial) -> Trial:
    """The trial, marked as wrong where it exceeds the limits of time or memory."""
    if trial.is_wrong:
        return trial
    detail = f"{trial.outcome}; {trial.detail}"
    if trial.peak_bytes > LIMIT_BYTES:
        return replace(trial, outcome="too much memory", detail=detail, is_wrong=True)
    if min(trial.wall_s, trial.cpu_s) > LIMIT_S:
        return replace(trial, outcome="slow", detail=detail, is_wrong=True)
    return trial


class _Worker:
    """A process that runs trials; it is replaced where a trial ends it or hangs."""

    def __init__(self, *settings: object) -> None:
        self._settings = settings
        self.index: int | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, child_connection = context.Pipe()
        self._process = context.Process(
            target=run_worker, args=(child_connection, seeds.seeds(), *self._settings), daemon=False
        )
        self._process.start()
        child_connection.close()
        self.connection.recv()  # wait until the worker is ready

    def give(self, index: int) -> None:
        """Start the trial of an input."""
        self.index, self.since, self._cpu_before_s = index, time.monotonic(), self._cpu_s()
        self.connection.send(index)

    def take(self) -> Trial:
        """The finished trial; where the process crashed or hangs, a trial that says so and a new process."""
        assert self.index is not None
        index, self.index = self.index, None
        if self.connection.poll():
            try:
                return self.connection.recv()
            except EOFError:
                pass
        waited = time.monotonic() - self.since
        is_hanging = self._process.is_alive() and self.is_hanging()
        self._process.kill()
        self._process.join()
        outcome = "hung" if is_hanging else f"ended the process ({self._process.exitcode})"
        family = inputs.hostile(self._settings[0], index, self._settings[1]).family  # type: ignore[arg-type]
        self._start()
        return Trial(index, family, outcome, "", 0, waited, waited, 0, is_wrong=True)

    def is_hanging(self) -> bool:
        """Whether the trial exceeds the limits of a hanging process."""
        if time.monotonic() - self.since > _HANGS_AFTER_S:
            return True
        return self._cpu_s() - self._cpu_before_s > _HANGS_AFTER_CPU_S

    def _cpu_s(self) -> float:
        """Processor time of the process."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self._process.kill()
        self._process.join()


def _ready(pool: list[_Worker]) -> Iterator[_Worker]:
    """The workers whose trial has finished or hangs; waits up to one second."""
    busy = [worker for worker in pool if worker.index is not None]
    ready = wait([worker.connection for worker in busy], timeout=1.0)
    for worker in busy:
        if worker.connection in ready or worker.is_hanging():
            yield worker


def run_worker(
    connection: Connection, seed_files: tuple[seeds.Seed, ...], seed: int, rare_share: float, networks: bool
) -> None:
    """The main function of a worker: run a trial for each index received."""
    from fuzzing import segmenters
    from fuzzing.trial import TrialRunner, virtual_bytes

    warnings.simplefilter("ignore")  # zipfile warns about duplicate names
    seeds.seeds = lambda: seed_files  # type: ignore[assignment]
    inputs.seeds = seeds.seeds
    rule, noisy_rule = segmenters.rule(), segmenters.rule(1)
    tiny = segmenters.tiny(Path(tempfile.mkdtemp(prefix="liverseg-tiny-"))) if networks else rule
    bundled = segmenters.bundled() if networks else rule

    def segmenter(index: int) -> Segmenter:
        for every, one in ((_BUNDLED_EVERY, bundled), (_TINY_EVERY, tiny), (_NOISY_EVERY, noisy_rule)):
            if index % every == 0:
                return one
        return rule

    for index in (0, _TINY_EVERY, 10):  # loads modules that are imported on first use
        TrialRunner(segmenter).run(
            index, inputs.Hostile("warm-up", seed_files[0].files, seed_files[0].suffix)
        )
    for one in seed_files:
        TrialRunner(segmenter).run(1, inputs.Hostile("warm-up", one.files, one.suffix, one.kind == "series"))
    limit = virtual_bytes() + _ADDRESS_SPACE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    runner = TrialRunner(segmenter)
    connection.send("ready")
    while True:
        try:
            index = connection.recv()
        except EOFError:
            return
        connection.send(runner.run(index, inputs.hostile(seed, index, rare_share)))
