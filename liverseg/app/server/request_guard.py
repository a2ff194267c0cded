"""What an event may be given: numbers that are numbers, text that is text, and files that were uploaded.

No path of this machine is read, and nothing from another address: gradio would fetch any public address for
whoever asks, without a limit to its size, and this page reaches out to nobody. Whatever else gradio would
answer with an error of its own, and a log entry that quotes what was given, is refused here in one sentence.
"""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import gradio as gr
from gradio.routes import JSONResponse
from gradio.utils import get_upload_folder

NOT_UPLOADED = (
    "This is no file that was uploaded here: upload it first, then give what the upload answered. "
    "A path of any machine and an address on another server are not read."
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
    try:
        return os.path.realpath(path).startswith(os.path.realpath(get_upload_folder()) + os.sep)
    except ValueError:  # a path that no system has
        return False


def path_in(address: str) -> str:
    """The path of an upload from the address at which gradio serves it; anything else as it is.

    >>> path_in("http://127.0.0.1:7860/gradio_api/file=/tmp/a%20b.png"), path_in("/tmp/a.png")
    ('/tmp/a b.png', '/tmp/a.png')
    """
    _, route, path = address.partition(_ROUTE)
    return unquote(path) if route else address


def guard(page: gr.Blocks) -> None:
    """Refuse, in one sentence, what no event of the page can be given."""
    preprocess = page.preprocess_data

    async def preprocess_data(block_fn: Any, inputs: list[Any], *rest: Any, **named: Any) -> list[Any]:
        why = refusal_of(block_fn.inputs, inputs)
        if why is not None:
            raise gr.Error(why, print_exception=False)
        return await preprocess(block_fn, inputs, *rest, **named)

    page.preprocess_data = preprocess_data  # type: ignore[method-assign]


def refusal_of(components: list[Any], inputs: list[Any]) -> str | None:
    """Why these inputs cannot be given to an event with those components; None if they can."""
    if len(inputs) < len(components):
        names = ", ".join(str(getattr(component, "label", "") or "…") for component in components)
        return (
            f"{len(components)} values are needed, null for those to leave out, not {len(inputs)}: {names}."
        )
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
        return f"{component.label} is a number."
    if isinstance(component, gr.Textbox) and not isinstance(given, str):
        return f"{component.label} is text."
    return None


def is_file(value: Any) -> bool:
    """Whether a value has the form in which gradio passes files."""
    return isinstance(value, dict) and isinstance(value.get("path"), str) and value.get("meta") == FILE_META


def paths_in_values(value: Any) -> Iterator[str]:
    """Whatever gradio could take for the path of a file, however deep it lies."""
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        yield value["path"]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from paths_in_values(inner)


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)


class WithoutDeepLinks:
    """Around the whole app: gradio's route of deep links is not there.

    The page has none, and the route writes what a session shows to the disk for whoever names the session.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer 404 to that route and hand on everything else."""
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith(_DEEP_LINK):
            await JSONResponse({"detail": "Not Found"}, status_code=404)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def wrong_arguments(request: gr.Request, error: Exception) -> JSONResponse:
    """The answer to a call that names an argument there is not, or leaves out one that is needed."""
    if traceback.extract_tb(error.__traceback__)[-1].name != "construct_args":
        raise error
    return JSONResponse({"detail": str(error)}, status_code=422)
