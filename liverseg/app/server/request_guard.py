"""Checks the inputs of every event: numbers, text, and files that were uploaded here.

No path of this machine and no other address is read: gradio alone would fetch any public address for anyone,
without a size limit. Inputs that gradio would answer with an error and a log entry that quotes them are
refused here in one sentence.
"""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import gradio as gr
from gradio.i18n import I18nData
from gradio.routes import JSONResponse
from gradio.utils import get_upload_folder

from liverseg.app.text.catalogue import say

NOT_UPLOADED = (
    "This file was not uploaded here: upload it first, then give the path that the upload answered. "
    "Other paths and addresses on other servers are not read."
)
NO_FILE = (
    'A file is given as {"path": ..., "meta": {"_type": "gradio.FileData"}} with the path that the upload '
    "answered."
)
FILE_META = {"_type": "gradio.FileData"}
_ROUTE = "/gradio_api/file="
_DEEP_LINK = "/gradio_api/deep_link"


def is_uploaded(path: str) -> bool:
    """Whether a path lies in the folder of the uploads; symbolic links are followed."""
    try:  # gradio documents the variable GRADIO_TEMP_DIR; only `get_upload_folder` has its default too
        return os.path.realpath(path).startswith(os.path.realpath(get_upload_folder()) + os.sep)
    except ValueError:  # not a valid path
        return False


LATER_ARGUMENTS = ("lesion_cut", "formats")
"""Arguments that were added at the end of the endpoints. Older clients do not send them."""


def upload_path(address: str) -> str:
    """The path of an upload from the address at which gradio serves it; anything else unchanged.

    >>> upload_path("http://127.0.0.1:7860/gradio_api/file=/tmp/a%20b.png"), upload_path("/tmp/a.png")
    ('/tmp/a b.png', '/tmp/a.png')
    """
    _, route, path = address.partition(_ROUTE)
    return unquote(path) if route else address


def guard_inputs(page: gr.Blocks) -> None:
    """Refuse invalid inputs of any event in one sentence.

    Gradio has no public hook before it reads files, so `Blocks.preprocess_data` is wrapped.
    """
    preprocess = page.preprocess_data

    async def preprocess_data(block_fn: Any, inputs: list[Any], *rest: Any, **named: Any) -> list[Any]:
        inputs = with_later_arguments(block_fn.inputs, inputs)
        inputs = within_ranges(block_fn.inputs, inputs, rest[0] if rest else named.get("state"))
        reason = refusal_of(block_fn.inputs, inputs)
        if reason is not None:
            raise gr.Error(reason, print_exception=False)
        return await preprocess(block_fn, inputs, *rest, **named)

    page.preprocess_data = preprocess_data  # type: ignore[method-assign]


def with_later_arguments(components: list[Any], inputs: list[Any]) -> list[Any]:
    """Inputs of a client that does not know `LATER_ARGUMENTS` yet, completed with None."""
    missing = components[len(inputs) :]
    if missing and all(getattr(component, "label", None) in LATER_ARGUMENTS for component in missing):
        return [*inputs, *(None for _ in missing)]
    return inputs


def within_ranges(components: list[Any], inputs: list[Any], state: Any) -> list[Any]:
    """Inputs in which the value of every slider lies in its range; a text or nothing becomes its first value.

    Gradio answers a value outside with an error and a traceback. `state` has the visitor's own components,
    since the range of the slices differs between results.
    """

    def within(component: Any, given: Any) -> Any:
        if not isinstance(component, gr.Slider):
            return given
        if state is not None and component._id in state:
            component = state[component._id]
        if not _is_number(given):
            return component.value
        return min(max(given, component.minimum), component.maximum)

    return [within(*pair) for pair in zip(components, inputs, strict=False)] + inputs[len(components) :]


def refusal_of(components: list[Any], inputs: list[Any]) -> str | None:
    """Why inputs do not fit the components of an event, in one sentence; None if they fit."""
    if len(inputs) < len(components):
        names = ", ".join(_label_of(component) or "…" for component in components)
        return f"{len(components)} values are needed (null for those left out), not {len(inputs)}: {names}."
    reasons = (_refusal(component, given) for component, given in zip(components, inputs, strict=False))
    return next((why for why in reasons if why is not None), None)


def _refusal(component: Any, given: Any) -> str | None:
    if not all(is_uploaded(path) for path in paths_in_values(given)):
        return NOT_UPLOADED
    if given is None:
        return None
    if isinstance(component, gr.File):
        wanted = given if isinstance(given, list) else [given]
        return None if all(is_file(file) for file in wanted) else NO_FILE
    if isinstance(component, gr.Number) and not _is_number(given):
        return f"{_label_of(component)} must be a number."
    if isinstance(component, gr.Textbox) and not isinstance(given, str):
        return f"{_label_of(component)} must be text."
    return None


def _label_of(component: Any) -> str:
    """The label of a component, in English where it is the mark of a text."""
    label = getattr(component, "label", None)
    return say(label.key) if isinstance(label, I18nData) else label or ""


def is_file(value: Any) -> bool:
    """Whether a value has the form in which gradio passes files."""
    return isinstance(value, dict) and isinstance(value.get("path"), str) and value.get("meta") == FILE_META


def paths_in_values(value: Any) -> Iterator[str]:
    """Every path of a file in a value, at any depth."""
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        yield value["path"]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from paths_in_values(inner)


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)


class NoDeepLinks:
    """Middleware that removes gradio's deep-link route.

    The page does not use it, and it writes what a session shows to the disk for anyone who names the session.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer 404 to that route and pass on every other request."""
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith(_DEEP_LINK):
            await JSONResponse({"detail": "Not Found"}, status_code=404)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def wrong_arguments(request: gr.Request, error: Exception) -> JSONResponse:
    """The answer to a call with an unknown argument or without a required one.

    Gradio raises a plain `TypeError` for these and answers status 500; the function that raised it,
    `construct_args`, is all that tells it from other errors.
    """
    if traceback.extract_tb(error.__traceback__)[-1].name != "construct_args":
        raise error
    return JSONResponse({"detail": str(error)}, status_code=422)
