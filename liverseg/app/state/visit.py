"""What the server holds of one open page: the result shown, what its visitor has set, and the run under way.

Events of one page may overlap. Each takes the lock of its `Visit`, works on the result that is held then, and
puts back the one it makes, so that no event overwrites another's result with one that it saw earlier.

A result has a key that cannot be guessed. As long as some page holds the result, another page that knows the
key may show it too: a reload, or a second tab. The keys are weak references, so a result is deleted when
`retention` deletes it from the last page, and never later.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from liverseg.app.state.choices import Choices
from liverseg.app.state.session import PageAnalysis


class Visit:
    """One open page. Its methods are called with `lock` held. No dataclass: gradio would copy its fields."""

    def __init__(self) -> None:
        self.analysis: PageAnalysis | None = None
        self.choices = Choices()
        self.key = ""  # of the result; empty without one
        self.lock = threading.RLock()
        self._run = 0  # number of the latest run

    def __deepcopy__(self, memo: dict[int, Any]) -> Visit:
        """An empty page: gradio copies the first value of a state for each visitor."""
        return Visit()

    def show(self, analysis: PageAnalysis | None) -> None:
        """Hold another result. One on another image, or the first one, gets a new key."""
        is_same = analysis is not None and self.analysis is not None and analysis.ct is self.analysis.ct
        if not is_same:
            _by_key.pop(self.key, None)
            self.key = "" if analysis is None else secrets.token_urlsafe(18)
            if self.key:
                _by_key[self.key] = self
        self.analysis = analysis

    def begin_run(self) -> int:
        """The number of a new run; the result of every run before it is no longer wanted."""
        self._run += 1
        return self._run

    def wants(self, run: int) -> bool:
        """Whether the result of a run is still to be shown."""
        return run == self._run


def with_choices(analysis: PageAnalysis, choices: Choices) -> PageAnalysis:
    """A new result at the threshold and the lesion cut that the visitor has set."""
    threshold = analysis.seg.threshold if choices.threshold is None else choices.threshold
    cut = choices.lesion_cut if analysis.own_cut is not None else None
    return analysis.at_threshold(threshold, cut)


_by_key: WeakValueDictionary[str, Visit] = WeakValueDictionary()


def result_of_key(key: str) -> tuple[PageAnalysis, Choices] | None:
    """The result under a key, and what was set on its page; None where no page holds it any more."""
    visit = _by_key.get(key) if key else None
    if visit is None:
        return None
    with visit.lock:
        return None if visit.analysis is None else (visit.analysis, replace(visit.choices))
