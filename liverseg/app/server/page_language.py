"""The page in the language of its visitor: the marks of `gr.I18n` in it are replaced on the server.

Gradio would send the texts of all languages and put them in place in the browser, in the language of the
browser even where the page does not have it: gradio's own words would then be in one language and the page's
in another. It also leaves marks in choices and all but the first mark of a text. So the page is served in one
language, and `navigator.language`, from which gradio takes its own, is set to it.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from liverseg.app.server.visitor_language import language_of_request

Translations = Mapping[str, Mapping[str, str]]
"""Texts by key for each language, as `gr.I18n.translations`."""

_CONFIG = re.compile(r"window\.gradio_config = (\{.*?\});</script>", re.DOTALL)
_MARK = re.compile(r"__i18n__(\{[^{}]*\})")
_LANG = 'lang="en"'

BROWSER_LANGUAGE_JS = """
for (const [name, value] of [['language', {tag}], ['languages', [{tag}]]])
  Object.defineProperty(navigator, name, {{ configurable: true, get: () => value }});
window.liversegTexts = {texts};
"""
"""Runs before gradio: sets the language from which it chooses, and gives the page's scripts their texts."""


class PageLanguage:
    """Middleware that serves the page in the language of its visitor.

    Args:
        app: the application whose page is served.
        translations: the texts of the marks.
        script_texts: the texts of the page's scripts in a language, as JSON data.
    """

    def __init__(
        self, app: Any, translations: Translations, script_texts: Callable[[str], Mapping[str, Any]]
    ) -> None:
        self._app = app
        self._translations = translations
        self._script_texts = script_texts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Rewrite the page, and pass on every other answer as it is."""
        root = scope.get("root_path", "").rstrip("/")
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or scope["path"] not in ("/", root, f"{root}/")
        ):
            return await self._app(scope, receive, send)
        request = Request(scope)
        language = language_of_request(request)
        takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
        start: dict[str, Any] = {}
        body = b""

        async def collect(message: Any) -> Any:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return None
            if message["type"] != "http.response.body":
                return await send(message)
            body += message.get("body", b"")
            if message.get("more_body"):
                return None
            whole = body
            headers = MutableHeaders(scope=start)
            if headers.get("content-type", "").startswith("text/html"):
                whole = self._in_language(body.decode(), language).encode()
                headers["content-language"] = language
                headers.add_vary_header("Accept-Language, Accept-Encoding")
                if (
                    takes_gzip
                ):  # gradio compresses its scripts, but not the page, which holds those of liverseg
                    whole = gzip.compress(whole, mtime=0)
                    headers["content-encoding"] = "gzip"
                headers["content-length"] = str(len(whole))
            await send(start)
            return await send({"type": "http.response.body", "body": whole})

        return await self._app(scope, receive, collect)

    def _in_language(self, page: str, language: str) -> str:
        found = _CONFIG.search(page)
        if found is None:
            return page
        config = translated(json.loads(found[1]), self._translations[language])
        config["i18n_translations"] = {language: own_words(self._translations[language])}
        texts = _script_json(self._script_texts(language))
        script = BROWSER_LANGUAGE_JS.format(tag=_script_json(language), texts=texts)
        served = f"window.gradio_config = {_script_json(config)};</script><script>{script}</script>"
        page = page[: found.start()] + served + page[found.end() :]
        return page.replace(_LANG, f'lang="{language}"', 1)


def own_words(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Words of gradio itself that its translations lack, as its frontend takes them.

    >>> own_words({"gradio.common.complete": "Fertig", "label.slice": "Schicht"})
    {'common': {'complete': 'Fertig'}}
    """
    found: dict[str, dict[str, str]] = {}
    for key, text in texts.items():
        owner, _, rest = key.partition(".")
        if owner == "gradio":
            group, _, name = rest.partition(".")
            found.setdefault(group, {})[name] = text
    return found


def translated(value: Any, texts: Mapping[str, str]) -> Any:
    """JSON data with every mark of `gr.I18n`, as an object or within a text, replaced by its text.

    >>> translated([{"__type__": "translation_metadata", "key": "a"}, 'x __i18n__{"key": "a"}'], {"a": "b"})
    ['b', 'x b']
    """
    if isinstance(value, dict):
        if value.get("__type__") == "translation_metadata":
            return texts[value["key"]]
        return {name: translated(inner, texts) for name, inner in value.items()}
    if isinstance(value, list):
        return [translated(inner, texts) for inner in value]
    if isinstance(value, str) and "__i18n__{" in value:
        return _MARK.sub(lambda mark: texts[json.loads(mark[1])["key"]], value)
    return value


def _script_json(value: Any) -> str:
    """JSON that can stand in a script of an HTML page."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
