"""The part of Ray that a pool of workers uses, in this process: actors, references, their errors, a clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    """Any error of Ray."""


class RayTaskError(RayError):
    """A method of an actor raised an error; the actor lives on."""


class RayActorError(RayError):
    """An actor died."""


class NodeDiedError(RayError):
    """A node died."""


class Died(Exception):
    """Raised in a method of an actor: the process ends. Its text is that of the error of the calls."""


class Hangs(Exception):
    """Raised in a method of an actor: the call never ends."""


MAX_WAITS = 5000  # a scan that hangs twice takes about 1500

_order = itertools.count()


class Reference:
    """A call of an actor, with its result or error."""

    def __init__(self, actor: Actor, method: str, arguments: tuple[Any, ...]) -> None:
        self.actor, self.name, self.order = actor, method, next(_order)
        self._arguments, self._ended = arguments, False
        self._value: Any = None
        self._error: Exception | None = None

    def is_ready(self) -> bool:
        """Make the call if it was not made; False for a call that hangs on a live actor."""
        if self._ended or self.actor.death is not None:
            return True
        try:
            self._value = self.actor.call(self.name, self._arguments)
        except Hangs:
            return False
        except Died as death:
            self.actor.death = str(death) or "The actor died unexpectedly."
            return True
        except Exception as error:
            self._error = RayTaskError(f"Traceback\n{type(error).__module__}.{type(error).__name__}: {error}")
        self._ended = True
        return True

    def result(self) -> Any:
        assert self.is_ready()
        if not self._ended:
            raise RayActorError(self.actor.death)
        if self._error is not None:
            raise self._error
        return self._value


class Actor:
    """A worker in its own "process"; `death` says why it died."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build, self._worker = build, None
        self.death: str | None = None

    def call(self, method: str, arguments: tuple[Any, ...]) -> Any:
        if self._worker is None:
            self._worker = self._build()
        return getattr(self._worker, method)(*arguments)

    def __getattr__(self, method: str) -> Any:
        return SimpleNamespace(remote=lambda *arguments: Reference(self, method, arguments))


class FakeRay:
    """Stands for `ray`. `wait` ends the oldest call that is ready; without one, the clock advances."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError, NodeDiedError=NodeDiedError)

    def __init__(self) -> None:
        self.actors: list[Actor] = []
        self.options: dict[str, Any] = {}
        self.clock = 0.0
        self.waits = 0
        self.most_waiting = 0  # calls of one actor in progress at once

    def monotonic(self) -> float:
        return self.clock

    def remote(self, worker: type) -> SimpleNamespace:
        def start(*arguments: Any) -> Actor:
            self.actors.append(Actor(lambda: worker(*arguments)))
            return self.actors[-1]

        def configure(**options: Any) -> SimpleNamespace:
            self.options = options
            return SimpleNamespace(remote=start)

        return SimpleNamespace(options=configure)

    def put(self, value: Any) -> Any:
        return value

    def get(self, references: Any) -> Any:
        if isinstance(references, Sequence):
            return [reference.result() for reference in references]
        return references.result()

    def wait(
        self, references: Sequence[Reference], num_returns: int, timeout: float
    ) -> tuple[list[Reference], list[Reference]]:
        self.waits += 1
        assert self.waits < MAX_WAITS, "the pool does not end"
        runs = [reference.actor for reference in references if reference.name == "run"]
        self.most_waiting = max([self.most_waiting, *map(runs.count, runs)])
        for reference in sorted(references, key=lambda reference: reference.order):
            if reference.is_ready():
                return [reference], [other for other in references if other is not reference]
        self.clock += timeout
        return [], list(references)

    def kill(self, actor: Actor) -> None:
        actor.death = "The actor was killed."
