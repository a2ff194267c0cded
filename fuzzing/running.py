"""Many trials in worker processes that a trial may end, and what is wrong among them."""

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

LIMIT_S = 5.0
"""What an input may take; one that takes longer is tried a second time before it counts."""
LIMIT_BYTES = 2**30
"""Memory that an input may take over that of the process before it."""
_ADDRESS_SPACE_BYTES = 2 * 2**30  # over the base: beyond it the worker runs out of memory, not the machine
_HANGS_AFTER_CPU_S, _HANGS_AFTER_S = 20.0, 600.0
"""The first is time of the processor: a busy machine lets nothing hang."""
_SHARP_EVERY, _TINY_EVERY, _BUNDLED_EVERY = 11, 31, 97


def run_all(
    seed: int,
    indices: range | list[int],
    workers: int = 2,
    rare_share: float = inputs.RARE_SHARE,
    networks: bool = True,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Trial]:
    """The trial of every index, in order. With `networks` some run a real network instead of the rule.

    Ctrl-C ends it early: then it is those that were done.
    """
    todo = list(reversed(indices))
    second: set[int] = set()
    found: dict[int, Trial] = {}
    team = [_Worker(seed, rare_share, networks) for _ in range(min(workers, len(todo)))]
    try:
        while todo or any(worker.index is not None for worker in team):
            for worker in team:
                if worker.index is None and todo:
                    worker.give(todo.pop())
            for worker in _answering(team):
                trial = _judged(worker.take())
                if trial.outcome == "slow" and trial.index not in second:
                    second.add(trial.index)
                    todo.append(trial.index)
                    continue
                found[trial.index] = trial
                progress(len(found))
    except KeyboardInterrupt:
        pass
    finally:
        for worker in team:
            worker.end()
    return [found[index] for index in indices if index in found]


def _judged(trial: Trial) -> Trial:
    if trial.is_wrong:
        return trial
    if trial.peak_bytes > LIMIT_BYTES:
        return replace(trial, outcome="too much memory", told=f"{trial.outcome}; {trial.told}", is_wrong=True)
    if min(trial.wall_s, trial.cpu_s) > LIMIT_S:
        return replace(trial, outcome="slow", told=f"{trial.outcome}; {trial.told}", is_wrong=True)
    return trial


class _Worker:
    """A process that runs trials; started anew where one ended it."""

    def __init__(self, *settings: object) -> None:
        self._settings = settings
        self.index: int | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=work, args=(theirs, seeds.seeds(), *self._settings), daemon=False
        )
        self._process.start()
        theirs.close()
        self.connection.recv()  # it is ready

    def give(self, index: int) -> None:
        self.index, self.since, self._cpu_before_s = index, time.monotonic(), self._cpu_s()
        self.connection.send(index)

    def take(self) -> Trial:
        """The trial that was given, or what is to be said where the process did not answer."""
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
        what = "hung" if is_hanging else f"ended the process ({self._process.exitcode})"
        family = inputs.hostile(self._settings[0], index, self._settings[1]).family  # type: ignore[arg-type]
        self._start()
        return Trial(index, family, what, "", 0, waited, waited, 0, is_wrong=True)

    def is_hanging(self) -> bool:
        """Whether it computes, or waits, for far longer than an input may take."""
        if time.monotonic() - self.since > _HANGS_AFTER_S:
            return True
        return self._cpu_s() - self._cpu_before_s > _HANGS_AFTER_CPU_S

    def _cpu_s(self) -> float:
        """Time of the processor that the process has had."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        self._process.kill()
        self._process.join()


def _answering(team: list[_Worker]) -> Iterator[_Worker]:
    busy = [worker for worker in team if worker.index is not None]
    answered = wait([worker.connection for worker in busy], timeout=1.0)
    for worker in busy:
        if worker.connection in answered or worker.is_hanging():
            yield worker


def work(
    connection: Connection, made: tuple[seeds.Seed, ...], seed: int, rare_share: float, networks: bool
) -> None:
    """What a worker does: a trial for each index that it is sent."""
    from fuzzing import networks as available
    from fuzzing.trial import Bench, virtual_bytes

    warnings.simplefilter("ignore")  # of zipfile about names that are there twice
    seeds.seeds = lambda: made  # type: ignore[assignment]
    inputs.seeds = seeds.seeds
    rule, sharp = available.rule(), available.rule(1)
    tiny = available.tiny(Path(tempfile.mkdtemp(prefix="liverseg-tiny-"))) if networks else rule
    bundled = available.bundled() if networks else rule

    def segmenter(index: int):  # noqa: ANN202
        for every, one in ((_BUNDLED_EVERY, bundled), (_TINY_EVERY, tiny), (_SHARP_EVERY, sharp)):
            if index % every == 0:
                return one
        return rule

    for index in (0, _TINY_EVERY, 10):  # what is imported late is imported now
        Bench(segmenter).run(index, inputs.Hostile("warm-up", made[0].files, made[0].suffix))
    for one in made:
        Bench(segmenter).run(1, inputs.Hostile("warm-up", one.files, one.suffix, one.kind == "series"))
    limit = virtual_bytes() + _ADDRESS_SPACE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    bench = Bench(segmenter)
    connection.send("ready")
    while True:
        try:
            index = connection.recv()
        except EOFError:
            return
        connection.send(bench.run(index, inputs.hostile(seed, index, rare_share)))
