"""Write EQUATIONS.md: every numbered equation, where it stands, and the tests that name it.

    python tools/equations.py            write
    python tools/equations.py --check    change nothing; exit 1 if the file is out of date

A test names an equation by its number in brackets, in its docstring: "(5.3): …".
"""

import ast
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from course_lib.course_map import NOTEBOOKS_DIR, Lesson, lessons
from tools import generated

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
TARGET = ROOT / "EQUATIONS.md"


def numbered(cells: list[dict], number: str) -> dict[str, str]:
    r"""A notebook's equations, in order: number → the section's heading.

    >>> text = ["## 1. Growth\n", "$$\\dot x = x \\tag{4.1}$$"]
    >>> numbered([{"cell_type": "markdown", "source": text}], "04")
    {'4.1': '1. Growth'}
    """
    found, section = {}, ""
    for cell in cells:
        if cell["cell_type"] != "markdown":
            continue
        for line in "".join(cell["source"]).splitlines():
            if heading := re.match(r"##? (.+)", line):
                section = heading[1].strip()
            for tag in re.findall(rf"\\tag\{{({int(number)}\.\d+)\}}", line):
                found[tag] = section
    return found


def named(source: str) -> dict[str, list[str]]:
    """What the docstrings of a file's tests name: equation → tests, in order.

    >>> named('def test_a(): "(5.1), (5.2): right."')
    {'5.1': ['test_a'], '5.2': ['test_a']}
    """
    found: dict[str, list[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            words = ast.get_docstring(node) or ""
            for tag in dict.fromkeys(re.findall(r"\((\d+\.\d+)\)", words)):
                found.setdefault(tag, []).append(node.name)
    return found


def equations(lesson: Lesson) -> dict[str, str]:
    """The equations of a lesson's stored notebook: number → section."""
    notebook = json.loads((NOTEBOOKS_DIR / lesson.file).read_text(encoding="utf-8"))
    return numbered(notebook["cells"], lesson.number)


def tests_by_equation(folder: Path = TESTS) -> dict[str, list[tuple[str, str]]]:
    """Equation → (file, test) for every test in `folder` that names it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.glob("test_*.py")):
        for tag, names in named(path.read_text(encoding="utf-8")).items():
            found.setdefault(tag, []).extend((path.name, name) for name in names)
    return found


def page() -> str:
    """The whole text of EQUATIONS.md."""
    tests, lines, total, without = tests_by_equation(), [], 0, 0
    for lesson in lessons().values():
        lines += [f"## [{lesson.number} {lesson.title}](notebooks/{lesson.file})", ""]
        lines += ["| equation | section | tests |", "|---|---|---|"]
        for tag, section in equations(lesson).items():
            links = [f"[{name}](tests/{file})" for file, name in tests.get(tag, [])]
            section = section.replace("|", r"\|")
            lines.append(f"| ({tag}) | {section} | {', '.join(links) or 'none'} |")
            total, without = total + 1, without + (not links)
        lines.append("")
    state = "each is named by a test" if not without else f"{without} are named by no test"
    head = f"""# Equations and their tests

<!-- Generated from notebooks and tests by `python tools/equations.py`; do not edit. -->

Numbered equations: {total}; {state}. A test names an equation in its docstring, which also says
what is checked.

"""
    return head + "\n".join(lines).rstrip() + "\n"


def main() -> int:
    return generated.keep({TARGET: page()}, __doc__)


if __name__ == "__main__":
    sys.exit(main())
