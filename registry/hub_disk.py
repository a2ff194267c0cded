"""A disk that is full or may not be written to, as one sentence."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from registry.errors import CacheUnwritable

_OF_THE_DISK = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EFBIG", "EIO", "ENOTDIR", "EEXIST")
    if hasattr(errno, name)
}


@contextmanager
def storing(what: str) -> Iterator[None]:
    """Turn an error of the disk into `CacheUnwritable`, about `what`; any other error stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        why = os.strerror(error.errno or 0).lower()
        raise CacheUnwritable(
            f"{what} cannot be stored on this machine ({why}); LIVERSEG_CACHE can name another folder."
        ) from None
