"""Every example in a docstring of course_lib runs and shows what it says."""

import dataclasses
import doctest
import importlib
import inspect
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


#: Modules inside of packages that a notebook imports by their own names.
BY_NAME = [
    f"course_lib.sequences.{name}"
    for name in ("record", "forecasting", "spirals", "bound", "latent", "autoregressive")
]


def public_names() -> list[tuple[str, str]]:
    """(module, name) of every function and class that a module or package of course_lib offers.

    What only holds fields (tuples, dataclasses) and exceptions say in words what they hold.
    """
    found = []
    parts = pkgutil.iter_modules(course_lib.__path__, prefix="course_lib.")
    for part in [*(part.name for part in parts), *BY_NAME]:
        module = importlib.import_module(part)
        own = [n for n, o in vars(module).items() if getattr(o, "__module__", "") == part]
        for name in getattr(module, "__all__", own):
            item = getattr(module, name)
            plain = inspect.isclass(item) and (
                issubclass(item, (tuple, Exception)) or dataclasses.is_dataclass(item)
            )
            if (inspect.isfunction(item) or inspect.isclass(item)) and not plain:
                found.append((part, name))
    return [(module, name) for module, name in found if not name.startswith("_")]


@pytest.mark.parametrize(("module", "name"), public_names())
def test_a_public_name_has_an_example(module, name):
    text = inspect.getdoc(getattr(importlib.import_module(module), name)) or ""
    assert ">>> " in text, f"{module}.{name} has no example in its docstring"
