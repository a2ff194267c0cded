"""Check the pickles of a TorchScript archive without running them.

A pickle is a program. `pickletools` lists its instructions and runs nothing. Only instructions that torch
writes are allowed. Of these GLOBAL alone refers to names outside the pickle, and it may refer only to torch's
functions that rebuild tensors and to the archive's own classes.
"""

from __future__ import annotations

import pickletools
import re

from registry.errors import ArchiveRefused
from registry.text import one_line

ALLOWED_INSTRUCTIONS = frozenset(
    "PROTO STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE EMPTY_TUPLE "
    "TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS BINPUT "
    "LONG_BINPUT BINGET LONG_BINGET GLOBAL NEWOBJ REDUCE BUILD BINPERSID".split()
)

ALLOWED_GLOBALS = frozenset(
    [("collections", "OrderedDict"), ("torch", "device")]
    + [("torch._utils", name) for name in ("_rebuild_tensor_v2", "_rebuild_parameter")]
    + [
        ("torch.jit._pickle", name)
        for name in ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist")
        + ("restore_type_tag",)
    ]
    + [
        ("torch", f"{kind}Storage")
        for kind in "Float Double Half BFloat16 Long Int Short Char Byte Bool".split()
    ]
)

_OWN_CLASS = re.compile(r"__torch__(?:\.[A-Za-z_]\w*)*", re.ASCII)


def check_pickle(data: bytes, member: str) -> None:
    """Raises `ArchiveRefused` when the pickle has an instruction or a name that torch never writes.

    `member` is the name of the pickle inside the archive, for the message.

    >>> check_pickle(b"\\x80\\x02).", "constants.pkl")
    >>> check_pickle(b"cposix\\nsystem\\n.", "data.pkl")
    Traceback (most recent call last):
    registry.errors.ArchiveRefused: The pickle data.pkl in model.pt refers to posix.system.
    """
    position = 0
    try:
        for opcode, argument, start in pickletools.genops(data):
            if opcode.name not in ALLOWED_INSTRUCTIONS:
                raise ArchiveRefused(f"The pickle {member} in model.pt uses the instruction {opcode.name}.")
            if opcode.name == "GLOBAL" and not _is_allowed(str(argument)):
                name = one_line(str(argument).replace(" ", ".", 1), 80)
                raise ArchiveRefused(f"The pickle {member} in model.pt refers to {name}.")
            position = (start or 0) + 1
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError):
        raise ArchiveRefused(f"The pickle {member} in model.pt is damaged.") from None
    if position != len(data):
        raise ArchiveRefused(f"The pickle {member} in model.pt has data after its end.")


def _is_allowed(argument: str) -> bool:
    module, _, name = argument.partition(" ")
    if (module, name) in ALLOWED_GLOBALS:
        return True
    if module.startswith("__torch__.torch.classes"):  # compiled classes of torch, not classes of the archive
        return False
    return _OWN_CLASS.fullmatch(module) is not None and name.isidentifier()
