"""The library's modules import in one direction (DESIGN §2): from what is built on to what stands
on it, and never in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parent.parent / "course_lib"

# A module may import from its own row and from those above it.
ROWS = [
    {"systems", "datasets", "densities", "weather", "environment", "files"},
    {"nets", "neurons", "optimisers", "autodiff", "results"},
    {"solvers"},
    {"schemes", "fields", "gradients"},
    {"training", "metrics", "bunny"},
    {"control", "sequences", "flows", "rings", "shears", "odenet", "sparse", "beyond"},
    {"transport"},  # stands on flows
    {
        "plotting",
        "flow_plots",
        "latent_plots",
        "sparse_plots",
        "density_plots",
        "matching_plots",
        "beyond_plots",
        "crowd_plots",
        "weather_plots",
        "course_map",
    },
    {"widgets"},
    {"claims", "exercises", "progress"},
    {"__init__"},
]
# A right answer is written down by `progress`, which lists the exercises: each asks the other
# inside a function.
LATE = {("exercises", "progress")}


def imports() -> dict[str, set[str]]:
    """Module or package of course_lib → the others that it imports, anywhere in its files."""
    found: dict[str, set[str]] = {}
    for path in LIBRARY.rglob("*.py"):
        own = path.relative_to(LIBRARY).parts[0].removesuffix(".py")
        others = found.setdefault(own, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "course_lib":
                others |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_lib."):
                others.add(node.module.split(".")[1])
            elif isinstance(node, ast.Import):
                names = [alias.name.split(".") for alias in node.names]
                others |= {name[1] for name in names if name[0] == "course_lib" and len(name) > 1}
    modules = set(found)
    return {own: (others & modules) - {own} for own, others in found.items()}


FOUND = imports()


@pytest.mark.parametrize("module", sorted(FOUND))
def test_a_module_imports_from_above_only(module):
    rank = {name: row for row, names in enumerate(ROWS) for name in names}
    assert module in rank, f"say in ROWS, and in CONTRIBUTING, where {module} stands"
    late = {other for own, other in LATE if own == module}
    below = {other for other in FOUND[module] - late if rank.get(other, 99) > rank[module]}
    assert not below, f"{module} imports {sorted(below)}, which stand on it"


def test_the_order_is_told():
    text = (LIBRARY.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [name for row in ROWS[:-1] for name in sorted(row) if f"`{name}`" not in text] == []


def test_there_is_no_circle():
    graph = {own: {o for o in others if (own, o) not in LATE} for own, others in FOUND.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other in a circle: {error.args[1]}")


def test_the_reader_of_imports_sees_them():
    assert {"plotting", "solvers"} <= FOUND["widgets"] and "systems" not in FOUND["solvers"]
