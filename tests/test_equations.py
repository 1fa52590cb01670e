"""Every numbered equation of a notebook is bound to a test: `(5.3)` in a test's docstring."""

import ast
import re
from pathlib import Path

import pytest

from course_lib.course_map import NOTEBOOKS_DIR, lessons

TESTS = Path(__file__).parent
NUMBERS = [
    number
    for number, lesson in lessons().items()
    if lesson.written and (TESTS / f"test_nb{number}.py").exists()
]


def numbered(number: str, notebook: str) -> set[str]:
    """The numbers of the equations in a notebook's file, `{"5.1", …}`."""
    return set(re.findall(rf"tag\{{({int(number)}\.\d+)\}}", notebook))


def bound(number: str, tests: str) -> set[str]:
    """The numbers that stand in brackets in the docstrings of tests."""
    functions = [n for n in ast.walk(ast.parse(tests)) if isinstance(n, ast.FunctionDef)]
    words = [ast.get_docstring(f) or "" for f in functions if f.name.startswith("test_")]
    return set(re.findall(rf"\(({int(number)}\.\d+)\)", " ".join(words)))


@pytest.mark.parametrize("number", NUMBERS)
def test_every_numbered_equation_has_a_test(number):
    notebook = (NOTEBOOKS_DIR / lessons()[number].file).read_text(encoding="utf-8")
    equations = numbered(number, notebook)
    missing = equations - bound(number, (TESTS / f"test_nb{number}.py").read_text(encoding="utf-8"))
    assert equations, "no numbered equation"
    assert not missing, f"tests/test_nb{number}.py has no test for {sorted(missing)}"


def test_an_equation_without_a_test_is_seen():
    assert numbered("05", r'"$$a = b \\tag{5.1}$$", "$$c \\tag{5.12}$$"') == {"5.1", "5.12"}
    tests = 'def test_a():\n    """(5.1), (5.2): right."""\n\ndef helper():\n    """(5.12)"""\n'
    assert bound("05", tests) == {"5.1", "5.2"}
