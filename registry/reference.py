"""References to checkpoints, `name` or `name@version`, and the order of versions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from registry.errors import InvalidReference
from registry.text import one_line

NAME_PATTERN = r"[a-z0-9][a-z0-9._-]{0,63}"
"""A checkpoint's name: safe as a folder name, in a URL and on a command line."""

VERSION_PATTERN = r"[0-9][0-9a-z.-]{0,31}"
"""A version's characters; `packaging.version` must also be able to parse it."""


@dataclass(frozen=True)
class Reference:
    """A parsed reference; `version` None means the newest.

    >>> str(Reference("segformer-b0", "1.2.0"))
    'segformer-b0@1.2.0'
    """

    name: str
    version: str | None = None

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}@{self.version}"


def parse_reference(text: str) -> Reference:
    """A `Reference` from `name` or `name@version`.

    Raises `InvalidReference` for anything else: paths, URLs, empty parts.

    >>> parse_reference("segformer-b0")
    Reference(name='segformer-b0', version=None)
    >>> parse_reference("segformer-b0@1.0.0").version
    '1.0.0'
    """
    name, at, version = text.partition("@")
    if not is_name(name) or (at and not is_version(version)):
        raise InvalidReference(
            f"'{one_line(text, 80)}' is not a checkpoint reference; write name or name@version, "
            "for instance segformer-b0@1.0.0."
        )
    return Reference(name, version if at else None)


def is_name(text: str) -> bool:
    """Whether the text is a safe checkpoint name.

    >>> is_name("segformer-b0"), is_name("../b0"), is_name("B0")
    (True, False, False)
    """
    return re.fullmatch(NAME_PATTERN, text) is not None


def is_version(text: str) -> bool:
    """Whether the text is a version that can be ordered.

    >>> is_version("1.10.0"), is_version("1.0.0rc1"), is_version("latest"), is_version("1..0")
    (True, True, False, False)
    """
    if re.fullmatch(VERSION_PATTERN, text) is None:
        return False
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def version_key(version: str) -> tuple[bool, Version, str]:
    """Sort key of a version: numbers by value, every release above every pre-release.

    A pre-release is the newest only where there is no release. Versions
    that compare equal (1.0 and 1.0.0) are ordered by their text, which makes the order total.

    >>> sorted(["1.10.0", "2.0.0rc1", "1.9.0", "1.9"], key=version_key)
    ['2.0.0rc1', '1.9', '1.9.0', '1.10.0']
    """
    parsed = Version(version)
    return (not parsed.is_prerelease, parsed, version)


def newest(versions: Iterable[str]) -> str:
    """The newest of one or more versions.

    >>> newest(["1.9.0", "1.10.0", "2.0.0rc1"])
    '1.10.0'
    """
    return max(versions, key=version_key)
