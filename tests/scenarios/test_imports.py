"""Imports go down only: the order of the rooms, and what each room may import."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FLOORS = {
    "liverseg": (
        ("errors",),
        ("core",),
        ("analysis", "inference", "phantom"),
        ("rendering",),
        ("io",),
        ("pipeline",),
        ("app", "cohort"),
        ("cli",),
    ),
    "liverseg.app": (
        ("text",),
        ("state",),
        ("html", "examples"),
        ("server",),
        ("api",),
        ("page",),
        ("launch",),
    ),
}
"""Rooms from the lowest floor up; a room imports only from floors below its own."""

THIRD_PARTY = {
    "liverseg.core": {"numpy", "cv2"},
    "liverseg.analysis": {"numpy", "cv2", "scipy"},
    "liverseg.rendering": {"numpy", "cv2", "scipy", "PIL"},
}
"""All that the pure rooms import besides the standard library."""

REGISTRY_READERS = (
    *("liverseg.inference", "liverseg.io.files", "liverseg.cohort", "liverseg.app", "liverseg.__main__"),
    "train",
)
"""The only rooms that import `registry`; `liverseg.__main__` for what the commands of all packages share."""

PACKAGES = ("liverseg", "registry", "train")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {
        module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))
    }


@cache
def imports_of(module: str, late: bool = True) -> frozenset[str]:
    """Modules of the three packages and top-level names of others; `late`: also inside functions."""
    tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if late else iter(tree.body)
    imported: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = {name for name in inner if name in modules()}
            imported |= submodules
            if len(submodules) < len(inner):
                imported.add(node.module)
    return frozenset(imported)


def room_of(module: str, package: str) -> str | None:
    """The first name below `package`; None for the package itself and for what lies outside it."""
    inside = module.removeprefix(package + ".")
    return None if inside == module else inside.partition(".")[0]


@pytest.mark.parametrize("package", FLOORS)
def test_rooms_import_lower_floors_only(package):
    floor = {room: height for height, rooms in enumerate(FLOORS[package]) for room in rooms}
    wrong = []
    for module in modules():
        room = room_of(module, package)
        if room in (None, "__main__"):
            continue
        assert room in floor, f"{module} lies in no room of {package}"
        for imported in imports_of(module):
            other = room_of(imported, package)
            if other not in (None, room) and floor[other] >= floor[room]:
                wrong.append(f"{module} imports {imported}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("room", THIRD_PARTY)
def test_pure_rooms_import_arrays_and_nothing_else(room):
    import sys

    allowed = THIRD_PARTY[room] | set(sys.stdlib_module_names) | {"liverseg"}
    wrong = [
        f"{module} imports {imported}"
        for module in modules()
        if module == room or module.startswith(room + ".")
        for imported in imports_of(module)
        if imported.partition(".")[0] not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_rooms_that_open_checkpoints_import_the_registry():
    wrong = [
        f"{module} imports {imported}"
        for module in modules()
        if not module.startswith(("registry", *REGISTRY_READERS))
        for imported in imports_of(module)
        if imported.partition(".")[0] == "registry"
    ]
    assert not wrong, "\n".join(wrong)


def test_packages_import_one_another_in_one_direction():
    may = {"registry": set(), "liverseg": {"registry"}, "train": {"liverseg", "registry"}}
    wrong = [
        f"{module} imports {imported}"
        for module in modules()
        for imported in imports_of(module)
        if (other := imported.partition(".")[0]) in may
        and other != module.partition(".")[0]
        and other not in may[module.partition(".")[0]]
    ]
    assert not wrong, "\n".join(wrong)


def test_no_module_imports_itself_by_way_of_others():
    circles: list[str] = []
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            circles.append(" -> ".join((*path[path.index(module) :], module)))
        elif module not in done:
            for imported in sorted(imports_of(module)):
                if imported in modules() and imported != "liverseg":
                    visit(imported, (*path, module))
            done.add(module)

    for module in modules():
        if module != "liverseg":  # its own names are loaded on first use
            visit(module, ())
    assert not circles, "\n".join(circles)


def test_nothing_lies_flat_in_liverseg_but_the_four_modules():
    flat = {path.stem for path in (ROOT / "liverseg").glob("*.py")}
    assert flat == {"__init__", "__main__", "errors", "pipeline"}
