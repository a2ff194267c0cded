"""Check the code inside a TorchScript archive without running it.

Two operators of TorchScript reach the file system: `aten::save` writes to any path and `aten::from_file` maps
any path into a tensor. An archive that otherwise looks like weights can call them. Therefore
`torch.<operator>` is allowed except for these two, `ops.<namespace>` only for harmless `ops.prim` operators,
and neither namespace may be used as a value, which would hide the call.
"""

from __future__ import annotations

import ast
import re
import threading

from registry.errors import ArchiveRefused

FORBIDDEN_OPERATORS = frozenset({"save", "from_file"})
"""Operators of `torch` that read or write files."""

ALLOWED_PRIM = frozenset(
    "ConstantChunk ListConstruct ListUnpack NumToTensor RaiseException TupleConstruct TupleIndex TupleUnpack "
    "Uninitialized VarConcat VarStack abs data device dtype grad index itemsize layout max min name nbytes "
    "rangelist requires_grad tolist type unchecked_cast unchecked_unwrap_optional".split()
)
_PARSE_LOCK = threading.Lock()
_PARSE_TRIES = 4
_LEAF_NODES = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.Constant)
_NAMESPACES = frozenset({"torch", "ops"})
_PLAIN_TEXT = re.compile(rb"[\n\x20-\x7e]*")
_HIDDEN = re.compile(r"\.\s*(?:save|from_file)\b|\bops\s*\.\s*(?!prim\b)\w")


def check_code(source: bytes) -> None:
    """Raises `ArchiveRefused` when the code could do more than computations.

    >>> check_code(b"def f(x: Tensor) -> Tensor:\\n  return torch.relu(x)\\n")
    >>> check_code(b"def f(x: Tensor) -> Tensor:\\n  torch.save(x, 'a')\\n  return x\\n")
    Traceback (most recent call last):
    registry.errors.ArchiveRefused: The code in model.pt calls save, which reads or writes files.
    """
    # Python and TorchScript split only these characters into the same lines and tokens.
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

    Python 3.11 counts the depth of syntax trees for all threads together, so threads that parse at the same
    time can fail with `SystemError: AST constructor recursion depth mismatch` (python/cpython#106905). The
    lock prevents it between calls of this function; other threads that parse are met by repeated tries.
    """
    with _PARSE_LOCK:
        for _ in range(_PARSE_TRIES - 1):
            try:
                return ast.parse(text)
            except SystemError:
                continue
        return ast.parse(text)


def _check_tree(tree: ast.AST) -> None:
    """Check every node once; a namespace is checked together with its attributes."""
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
                raise ArchiveRefused(f"The code in model.pt uses the namespace {node.id} as a value.")
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            _check_getattr(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            raise ArchiveRefused("The code in model.pt imports something.")
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting.extend(item for item in value if isinstance(item, ast.AST))
            elif isinstance(value, ast.AST) and not isinstance(value, _LEAF_NODES):
                waiting.append(value)


def _check_attribute(node: ast.Attribute) -> ast.AST | None:
    """Check an attribute: `torch.<operator>` or `ops.prim.<allowed operator>`.

    Returns the node that the attribute belongs to, if that is still to be checked.
    """
    if node.attr in FORBIDDEN_OPERATORS:
        raise ArchiveRefused(_refusal(node.attr))
    if node.attr == "classes":
        raise ArchiveRefused("The code in model.pt uses compiled classes.")
    inner = node.value
    if isinstance(inner, ast.Name):
        if _is_ops(inner):  # `ops.<attribute>` without an operator after it
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
    """Allow `getattr(module, "0")` with a literal only, which TorchScript writes for numbered submodules."""
    name = node.args[1] if len(node.args) == 2 else None
    if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
        raise ArchiveRefused("The code in model.pt looks up a name that is not a literal.")
    if name.value in FORBIDDEN_OPERATORS or name.value == "classes":
        raise ArchiveRefused(_refusal(name.value))


def _refusal(operator: str) -> str:
    if operator in FORBIDDEN_OPERATORS:
        return f"The code in model.pt calls {operator}, which reads or writes files."
    return f"The code in model.pt uses the operators of ops.{operator[:40]}."
