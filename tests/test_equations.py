"""Every numbered equation of a notebook is bound to a test: `(5.3)` in a test's docstring."""

import subprocess
import sys

import pytest

from course_lib.course_map import lessons
from course_lib.results import ROOT
from tools import equations

TESTS = equations.tests_by_equation()


@pytest.mark.parametrize("number", lessons())
def test_every_numbered_equation_has_a_test(number):
    found = equations.equations(lessons()[number])
    assert found, "no numbered equation"
    missing = [tag for tag in found if tag not in TESTS]
    assert not missing, f"no test names {missing}: write one, in tests/test_nb{number}.py"


@pytest.mark.parametrize("number", lessons())
def test_numbers_run_without_gaps_and_headings_are_there(number):
    found = equations.equations(lessons()[number])
    assert list(found) == [f"{int(number)}.{k}" for k in range(1, len(found) + 1)]
    assert all(found.values()), "an equation stands before the first heading"


def test_no_test_names_an_equation_that_is_not_there():
    """A number in a test of a notebook that the notebook does not have is an old one."""
    for number, lesson in lessons().items():
        found = equations.equations(lesson)
        for tag, places in TESTS.items():
            if tag.split(".")[0] == str(int(number)) and tag not in found:
                assert not [f for f, _ in places if f == f"test_nb{number}.py"], f"({tag}) is gone"


def test_the_table_is_current():
    command = [sys.executable, "tools/equations.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_equation_without_a_test_is_seen():
    cells = [{"cell_type": "markdown", "source": "# 05 A\n$$a \\tag{5.1}$$ $$b \\tag{5.12}$$"}]
    assert equations.numbered(cells, "05") == {"5.1": "05 A", "5.12": "05 A"}
    tests = 'def test_a():\n    """(5.1), (5.2): right."""\n\ndef helper():\n    """(5.12)"""\n'
    assert equations.named(tests) == {"5.1": ["test_a"], "5.2": ["test_a"]}
