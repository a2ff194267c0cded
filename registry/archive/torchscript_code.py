"""What the code inside a TorchScript archive may call.

TorchScript is a language of its own, and two of its operators reach the file system:
`aten::save` writes any path and `aten::from_file` maps any path into a tensor. Both can
stand in the code of an archive that otherwise looks like weights, so the code is read
before torch is asked: `torch.<operator>` is allowed except for those two, `ops.<namespace>`
only for harmless `ops.prim` operators, and neither namespace may be passed around as a
value, which would hide what is called.
"""

from __future__ import annotations

import ast
import re
import threading

from registry.errors import ArchiveRefused

FORBIDDEN_OPERATORS = frozenset({"save", "from_file"})
"""Operators of `torch` that read or write files by path."""

ALLOWED_PRIM = frozenset(
    "ConstantChunk ListConstruct ListUnpack NumToTensor RaiseException TupleConstruct TupleIndex TupleUnpack "
    "Uninitialized VarConcat VarStack abs data device dtype grad index itemsize layout max min name nbytes "
    "rangelist requires_grad tolist type unchecked_cast unchecked_unwrap_optional".split()
)
_PARSING = threading.Lock()
_TRIES = 4
_NOTHING_WITHIN = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.Constant)
_NAMESPACES = frozenset({"torch", "ops"})
_PLAIN_TEXT = re.compile(rb"[\n\x20-\x7e]*")
_HIDDEN = re.compile(r"\.\s*(?:save|from_file)\b|\bops\s*\.\s*(?!prim\b)\w")


def check_code(source: bytes) -> None:
    """Raises `ArchiveRefused` when the code could do more than compute.

    >>> check_code(b"def f(x: Tensor) -> Tensor:\\n  return torch.relu(x)\\n")
    >>> check_code(b"def f(x: Tensor) -> Tensor:\\n  torch.save(x, 'a')\\n  return x\\n")
    Traceback (most recent call last):
    registry.errors.ArchiveRefused: The code in model.pt calls save, which reads or writes files.
    """
    # Only characters that Python and TorchScript split into the same lines and tokens.
    if not _PLAIN_TEXT.fullmatch(source):
        raise ArchiveRefused("The code in model.pt is not plain ASCII text.")
    text = source.decode("ascii")
    if hidden := _HIDDEN.search(text):
        raise ArchiveRefused(_refusal(re.findall(r"\w+", hidden.group())[-1]))
    try:
        _check_tree(_parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        raise ArchiveRefused("The code in model.pt cannot be parsed.") from None


def _parse(text: str) -> ast.AST:
    """`ast.parse`, one thread at a time.

    Python 3.11 counts the depth of its trees for all threads together, so that two that parse at once may
    both be told `SystemError: AST constructor recursion depth mismatch` (python/cpython#106905). Code that is
    too deep is told so each time; a foreign thread that parses meanwhile is met by trying again.
    """
    with _PARSING:
        for _ in range(_TRIES - 1):
            try:
                return ast.parse(text)
            except SystemError:
                continue
        return ast.parse(text)


def _check_tree(tree: ast.AST) -> None:
    """Every node once; a namespace is checked together with the attributes that are taken of it."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Attribute):
            inner = _check_attribute(node)
            if inner is not None:
                waiting.append(inner)
            continue
        if isinstance(node, ast.Name):
            if node.id in _NAMESPACES:
                raise ArchiveRefused(f"The code in model.pt passes the namespace {node.id} around.")
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            _check_getattr(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            raise ArchiveRefused("The code in model.pt imports something.")
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting.extend(item for item in value if isinstance(item, ast.AST))
            elif isinstance(value, ast.AST) and not isinstance(value, _NOTHING_WITHIN):
                waiting.append(value)


def _check_attribute(node: ast.Attribute) -> ast.AST | None:
    """`torch` must be followed by an operator, `ops` by `prim` and an allowed operator.

    Returns what the attribute is taken of, where that is still to be checked.
    """
    if node.attr in FORBIDDEN_OPERATORS:
        raise ArchiveRefused(_refusal(node.attr))
    if node.attr == "classes":
        raise ArchiveRefused("The code in model.pt uses compiled classes.")
    inner = node.value
    if isinstance(inner, ast.Name):
        if _is_ops(inner):  # and not followed by another attribute
            raise ArchiveRefused(f"The code in model.pt uses the operators of {node.attr}.")
        return None
    if not isinstance(inner, ast.Attribute) or not _is_ops(inner.value):
        return inner
    if inner.attr != "prim":
        raise ArchiveRefused(f"The code in model.pt uses the operators of {inner.attr}.")
    if node.attr not in ALLOWED_PRIM and not node.attr.startswith("is_"):
        raise ArchiveRefused(f"The code in model.pt calls prim.{node.attr}.")
    return None


def _is_ops(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "ops"


def _check_getattr(node: ast.Call) -> None:
    """`getattr(module, "0")` is how TorchScript names numbered submodules; nothing else needs it."""
    name = node.args[1] if len(node.args) == 2 else None
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
        raise ArchiveRefused("The code in model.pt looks up a name that is not a plain text.")
    if name.value in FORBIDDEN_OPERATORS or name.value == "classes":
        raise ArchiveRefused(_refusal(name.value))


def _refusal(operator: str) -> str:
    if operator in FORBIDDEN_OPERATORS:
        return f"The code in model.pt calls {operator}, which reads or writes files."
    return f"The code in model.pt uses the operators of ops.{operator[:40]}."
