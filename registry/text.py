"""Text from a checkpoint made safe for a terminal, a log or Markdown."""

from __future__ import annotations

import re


def one_line(value: object, limit: int = 160) -> str:
    r"""The value as text on one line: control characters become spaces, long text is cut.

    >>> one_line("a\nb\x1b[31m")
    'a b [31m'
    >>> one_line("x" * 9, limit=5)
    'xxxx…'
    """
    text = "".join(c if c.isprintable() else " " for c in str(value))
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def markdown(value: str) -> str:
    r"""The value as plain text for one line of Markdown, also inside a table.

    >>> print(markdown("a | b\n`c`"))
    a \| b \`c\`
    """
    return re.sub(r"([\\`|<>\[\]])", r"\\\1", " ".join(value.split()))
