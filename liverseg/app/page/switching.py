"""Card, list of checkpoints and result agree during a switch, and after one that failed or was cancelled.

Values in, updates by name out, as in `actions`.
"""

from __future__ import annotations

import gradio as gr

from liverseg.app.html import page_text, waiting_text
from liverseg.app.page.updates import Updates, empty_page
from liverseg.app.state import session
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.choices import Choices
from liverseg.app.state.session import PageAnalysis
from liverseg.app.state.view import RunRequest
from liverseg.errors import Cancelled, CheckpointRefused, LiversegError
from liverseg.inference.segmenter import Segmenter


def segmenter_or_next(checkpoints: Checkpoints, request: RunRequest) -> tuple[Segmenter, Updates]:
    """The checkpoint of a request, or the next one where it is damaged and the visitor did not choose it.

    The updates say so, and select the checkpoint that is used. Raises `CheckpointRefused`.
    """
    wanted = request.checkpoint
    try:
        return checkpoints.segmenter(wanted), {}
    except CheckpointRefused as error:
        if wanted is None or request.choices.checkpoint is not None:
            raise
        if any(ref == wanted for _, ref in checkpoints.choices()):
            raise  # it is refused for another reason than damage
        segmenter = checkpoints.segmenter(None)
        used = segmenter.checkpoint
        sentence = waiting_text.fallback_sentence(wanted, used.ref, str(error))
        return segmenter, {
            "problem": page_text.problem(sentence),
            "checkpoint": gr.update(choices=checkpoints.choices(), value=used.ref),
            "card": page_text.checkpoint_card(used),
        }


def choose(
    checkpoints: Checkpoints, analysis: PageAnalysis | None, ref: str | None, choices: Choices
) -> Updates:
    """A checkpoint was chosen: its card, and whose result is shown until its own is there."""
    choices.checkpoint = ref
    try:
        chosen = checkpoints.find(ref)
    except LiversegError:
        return {"card": "", "waiting": ""}  # the run says why
    line = ""
    if analysis is not None and not session.is_result_of(analysis, chosen):
        sentence = waiting_text.still_shown(analysis.seg.checkpoint.ref, chosen.ref)
        line = waiting_text.waiting_line(sentence)
    return {"card": page_text.checkpoint_card(chosen), "waiting": line}


def kept_result(
    checkpoints: Checkpoints,
    analysis: PageAnalysis,
    choices: Choices,
    sentence: str,
    failed: str | None,
) -> Updates:
    """The result as it was after the run of another checkpoint gave none, and the reason.

    The list goes back to the result's checkpoint, unless another one than `failed` was chosen meanwhile.
    """
    updates: Updates = {"problem": page_text.refusal(sentence)}
    if choices.checkpoint not in (None, failed):
        return updates
    ref = analysis.seg.checkpoint.ref
    choices.checkpoint = ref
    try:
        card = page_text.checkpoint_card(checkpoints.find(ref))
    except LiversegError:  # it has left the registry since
        card = ""
    return {**updates, "checkpoint": ref, "card": card, "waiting": ""}


def cancel(
    checkpoints: Checkpoints,
    kind: str | None,
    analysis: PageAnalysis | None,
    ref: str | None,
    choices: Choices,
) -> Updates:
    """A run was cancelled while it waited or ran; `kind` is "input", "switch" or "compare".

    The result stays if another checkpoint was to run on it.
    """
    if kind == "compare":
        return {}  # `ComparisonActions.show_finished` says it
    sentence = str(Cancelled())
    if analysis is not None and kind == "switch":
        return kept_result(checkpoints, analysis, choices, sentence, ref)
    again = gr.update(visible=True)
    return {**empty_page(), "problem": page_text.refusal(sentence), "run_again": again}
