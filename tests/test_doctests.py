"""Every example in a docstring of course_lib runs and shows what it says."""

import doctest
import importlib
import pkgutil

import pytest

import course_lib

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(course_lib.__path__, prefix="course_lib.")
    if not module.name.endswith(".__main__")  # importing one is running its command
)


@pytest.mark.parametrize("name", ["course_lib", *MODULES])
def test_examples_in_docstrings(name, monkeypatch, tmp_path):
    """In a directory of its own, so that an example that writes a file leaves nothing behind."""
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0, f"{failed} examples of {name} differ: see the captured output"


def test_the_solvers_have_examples():
    """The runner finds examples at all, where there must be some."""
    found = doctest.DocTestFinder().find(importlib.import_module("course_lib.solvers.integrate"))
    assert sum(len(test.examples) for test in found) >= 5
