"""The languages of the page, and which of them a visitor gets (pure)."""

from __future__ import annotations

ENGLISH = "en"
NAMES = {
    ENGLISH: "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "zh-CN": "中文",
}
"""Each language by its own name. The tags are those of gradio's translations of its own components."""

_BY_FIRST_PART = {tag.partition("-")[0]: tag for tag in NAMES}


def known_language(tag: str | None) -> str | None:
    """The language of the page for a language tag (RFC 5646); None where the page does not have it.

    >>> known_language("de-AT"), known_language("zh-TW"), known_language("pl"), known_language(None)
    ('de', 'zh-CN', None, None)
    """
    return _BY_FIRST_PART.get((tag or "").strip().partition("-")[0].lower())


def language_of(chosen: str | None, accepted: str | None) -> str:
    """The language of a visitor: the chosen one, else the first of theirs that the page has, else English.

    Args:
        chosen: the tag in the address of the page, `?lang=de`; None or unknown: nothing was chosen.
        accepted: the header `Accept-Language` (RFC 9110, 12.5.4).

    >>> language_of(None, "pl, de-CH;q=0.7, fr;q=0.8, en;q=0.1"), language_of("es", "de")
    ('fr', 'es')
    >>> language_of(None, "pl"), language_of("xx", None)
    ('en', 'en')
    """
    named = known_language(chosen)
    if named is not None:
        return named
    wanted = sorted(map(_tag_and_weight, (accepted or "").split(",")), key=lambda one: -one[1])
    found = (known_language(tag) for tag, weight in wanted if weight > 0)
    return next((one for one in found if one is not None), ENGLISH)


def _tag_and_weight(part: str) -> tuple[str, float]:
    """A tag of the header and its weight, from 0 to 1; a weight that is no number counts as 0.

    >>> _tag_and_weight(" fr-CH;q=0.9"), _tag_and_weight("de"), _tag_and_weight("es;q=x")
    (('fr-CH', 0.9), ('de', 1.0), ('es', 0.0))
    """
    tag, _, parameter = part.partition(";")
    name, _, weight = parameter.partition("=")
    if name.strip().lower() != "q":
        return tag.strip(), 1.0
    try:
        return tag.strip(), float(weight)
    except ValueError:
        return tag.strip(), 0.0
