"""Sentences on waiting, the end of a run and a lost server, and the HTML that carries them (pure)."""

from __future__ import annotations

from html import escape

from liverseg.app.html.scripts import script_after
from liverseg.app.state.session import PageAnalysis
from liverseg.app.text.catalogue import say, say_count


def time_text(seconds: float) -> str:
    """A duration as an estimate is given: in steps of 5 s, from 90 s on in minutes.

    >>> time_text(2), time_text(38), time_text(100), time_text(89.9)
    ('5 s', '40 s', '2 min', '90 s')
    """
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{round(seconds / 60)} min"


def place_sentence(place: int, seconds: float | None) -> str:
    """The place in the queue, from 1, and the expected time until the run starts; None: not known yet.

    >>> place_sentence(2, 41)
    'You are number 2 in the queue. Your run starts in about 40 s.'
    >>> place_sentence(1, None)
    'You are number 1 in the queue. No run has been measured yet, so the waiting time is not known.'
    """
    start = say("waiting.place", place=place)
    if seconds is None:
        return _sentences(start, say("waiting.unknown"))
    return _sentences(start, say("waiting.starts", time=time_text(seconds)))


def progress_sentence(done: int, slices: int, seconds: float | None) -> str:
    """How far the visitor's own run is, and the expected time that is left; None: not known yet.

    >>> progress_sentence(12, 119, 20)
    'Slice 12 of 119 is done. About 20 s are left.'
    >>> progress_sentence(0, 1, None)
    'The run has started.'
    """
    start = say("waiting.done", slice=done, count=slices) if done else say("waiting.started")
    return start if seconds is None else _sentences(start, say("waiting.left", time=time_text(seconds)))


def _sentences(first: str, second: str) -> str:
    """Two sentences with a space between them, which Chinese, whose full stop holds one, has not."""
    return f"{first}{'' if first.endswith('。') else ' '}{second}"


def still_shown(shown_ref: str, chosen_ref: str) -> str:
    """The numbers and pictures on the page are those of another checkpoint than the chosen one."""
    return say("waiting.still_shown", chosen=chosen_ref, shown=shown_ref)


def fallback_sentence(wanted_ref: str, used_ref: str, reason: str) -> str:
    """A damaged checkpoint was replaced by another one."""
    return say("fallback", used=used_ref, wanted=wanted_ref, reason=reason)


def result_sentence(analysis: PageAnalysis) -> str:
    """What is announced to screen readers when a result is ready."""
    likely, unsure = len(analysis.report.likely_lesions), len(analysis.report.unsure_lesions)
    if analysis.own_cut is None:
        return say("ready", found=_counted("count.lesions", likely + unsure))
    both = {"likely": _counted("count.likely", likely), "unsure": _counted("count.unsure", unsure)}
    return say("ready_likely", **both)


def _counted(key: str, number: int) -> str:
    return say_count(key, number) if number else say(f"{key}.none")


def waiting_line(sentence: str) -> str:
    """A line beside the button Cancel, below which `session.js` shows the place in the queue."""
    return f'<p class="ls-waiting-line">{escape(sentence)}</p>'


def session_data(session: str, key: str, said: str) -> str:
    """What `session.js` reads: gradio's session, the key of the result, and the sentence to announce."""
    fields = {"session": session, "key": key, "said": said}
    return "<i " + " ".join(f'data-{name}="{escape(text)}"' for name, text in fields.items()) + "></i>"


def stamped(html: str, analysis: PageAnalysis) -> str:
    """Results with the threshold and the lesion cut they belong to, for `session.js` to compare."""
    cut = analysis.seg.lesion_cut
    levels = f'data-threshold="{analysis.seg.threshold}"' + ("" if cut is None else f' data-cut="{cut}"')
    return f'<div class="ls-levels" {levels}>{html}</div>'


def session_javascript() -> str:
    """`typed.js`, `session.js` and `language.js`."""
    return script_after({}, "typed.js", "session.js", "language.js")


RESULT_KEY_JS = """(...inputs) => {
  const named = location.hash.match(/^#result=([\\w-]+)$/);
  let kept = null;
  try {
    if (window.parent !== window) kept = sessionStorage.getItem('liverseg-result');
  } catch { /* the browser blocks it */ }
  inputs[0] = named ? named[1] : kept || '';
  return inputs;
}"""
"""Sets the first input of an event to the key in the address. In a frame, whose address a
reload loses, the key is also kept for the tab."""
