"""The language of the visitor whose event or request is handled."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from gradio.context import LocalContext

from liverseg.app.text.catalogue import speaking
from liverseg.app.text.languages import language_of

PARAMETER = "lang"
"""The parameter of the page's address that names a language. Gradio passes it on with every event."""


def language_of_request(request: Any) -> str:
    """The language for a request of starlette or gradio; English for None."""
    query: Mapping[str, str] = getattr(request, "query_params", None) or {}
    headers: Mapping[str, str] = getattr(request, "headers", None) or {}
    return language_of(query.get(PARAMETER), headers.get("accept-language"))


def in_visitors_language(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a handler of gradio so that its texts are in the language of the visitor."""

    @functools.wraps(handler)
    def speaking_handler(*values: Any, **named: Any) -> Any:
        with speaking(language_of_request(LocalContext.request.get(None))):
            return handler(*values, **named)

    return speaking_handler
