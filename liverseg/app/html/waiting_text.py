"""Sentences on waiting, the end of a run and a lost server, and the HTML that carries them (pure)."""

from __future__ import annotations

from html import escape

from liverseg.app.html.scripts import script_after
from liverseg.app.state.session import PageAnalysis

GONE = (
    "The result of this address is no longer held: it has expired, or the server was restarted. "
    "Upload the file again."
)
UNREACHABLE = (
    "The server does not answer. What you see stays; the page goes on as soon as the connection is back."
)
RESTARTED = (
    "The server was restarted and has deleted this result. What you see stays until you reload the page; "
    "then upload the file again."
)
RELOAD = "Reload the page"


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
    start = f"You are number {place} in the queue."
    if seconds is None:
        return f"{start} No run has been measured yet, so the waiting time is not known."
    return f"{start} Your run starts in about {time_text(seconds)}."


def progress_sentence(done: int, slices: int, seconds: float | None) -> str:
    """How far the visitor's own run is, and the expected time that is left; None: not known yet.

    >>> progress_sentence(12, 119, 20)
    'Slice 12 of 119 is done. About 20 s are left.'
    >>> progress_sentence(0, 1, None)
    'The run has started.'
    """
    start = f"Slice {done} of {slices} is done." if done else "The run has started."
    return start if seconds is None else f"{start} About {time_text(seconds)} are left."


def still_shown(shown_ref: str, chosen_ref: str) -> str:
    """The numbers and pictures on the page are those of another checkpoint than the chosen one."""
    return f"{chosen_ref} is running. Pictures and numbers are still those of {shown_ref}."


def fallback_sentence(wanted_ref: str, used_ref: str, reason: str) -> str:
    """A damaged checkpoint was replaced by another one."""
    return f"{used_ref} was used, because {wanted_ref} is damaged: {reason}"


def result_sentence(analysis: PageAnalysis) -> str:
    """What is announced to screen readers when a result is ready."""
    likely, unsure = len(analysis.report.likely_lesions), len(analysis.report.unsure_lesions)
    if analysis.own_cut is None:
        return f"Result ready: {_count(likely + unsure, 'lesion')}."
    return f"Result ready: {_count(likely, 'likely lesion')}, {unsure or 'no'} unsure."


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


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
    """`typed.js` and `session.js` after their sentences."""
    said = {"unreachable": UNREACHABLE, "restarted": RESTARTED, "reload": RELOAD}
    return script_after({"SAY": said}, "typed.js", "session.js")


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
