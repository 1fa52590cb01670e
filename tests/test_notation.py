"""One notation for the whole course: the two tables of notebook 00 against the notebooks.

The first table is of letters that keep their meaning, the second of those that mean different
things in different notebooks.
"""

import re
from collections import defaultdict
from functools import cache

import nbformat
import pytest

from course_lib.course_map import NOTEBOOKS_DIR, lessons

WRITTEN = [number for number, lesson in lessons().items() if lesson.written]
TABLE_ROW = re.compile(r"^\| (\$.+?) \| (.+?) \| (\d\d) \|$", re.M)
LOCAL_ROW = re.compile(r"^\| (\$[^|$]+\$) \| (\d\d[^|]*:[^|]*) \|$", re.M)
WORDS = r"\\(?:text|textrm|operatorname\*?|mathrm|begin|end|tag|quad|qquad)\s*\{[^}]*\}"


@cache
def prose(number: str) -> str:
    notebook = nbformat.read(NOTEBOOKS_DIR / lessons()[number].file, as_version=4)
    cells = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    text = "\n\n".join(cells)
    return re.sub(r"```.*?```|`[^`]*`", " ", text, flags=re.S)


def symbols(mathematics: str) -> set[str]:
    """The letters of a piece of LaTeX, `\\mathcal L` and Greek ones as one symbol each."""
    plain = re.sub(WORDS, " ", mathematics, flags=re.S)
    plain = re.sub(r"\\mathcal\s*\{?\s*([A-Z])\s*\}?", r" @\1 ", plain)
    return set(re.findall(r"\\[a-zA-Z]+|@?[A-Za-z]", plain))


def in_mathematics(number: str) -> set[str]:
    """Every symbol between dollar signs in a notebook; in 00, outside of the tables themselves."""
    text = LOCAL_ROW.sub("", TABLE_ROW.sub("", prose(number)))
    return set().union(*(symbols(part) for part in re.findall(r"\$\$?(.+?)\$\$?", text, re.S)))


def in_equations(number: str) -> set[str]:
    """The symbols of a notebook's numbered equations."""
    shown = re.findall(r"\$\$(.+?)\$\$", prose(number), re.S)
    return set().union(*(symbols(part) for part in shown if "\\tag" in part), set())


def table() -> list[tuple[str, str, str]]:
    return TABLE_ROW.findall(prose("00"))


def numbers_in(text: str) -> set[str]:
    """The notebooks in front of the colons: `04, 05: this; 07: that`."""
    return set(re.findall(r"\b\d\d\b(?=[^;:]*:)", text))


def local() -> dict[str, set[str]]:
    """Letter of the second table → the notebooks that it is explained for."""
    return {
        symbol: numbers_in(text)
        for cell, text in LOCAL_ROW.findall(prose("00"))
        for symbol in symbols(cell.strip("$"))
    }


def test_the_table_is_there_and_nothing_is_in_it_twice():
    seen = [symbol for row in table() for symbol in re.findall(r"\$(.+?)\$", row[0])]
    assert len(seen) >= 15
    assert len(seen) == len(set(seen)), "a symbol stands in two rows"
    both = set().union(*(symbols(row[0]) for row in table())) & set(local())
    assert not both, f"in both tables: {both}"


@pytest.mark.parametrize(("entry", "first"), [(row[0], row[2]) for row in table()])
def test_a_symbol_is_first_met_where_the_table_says(entry, first):
    wanted = symbols(re.search(r"\$(.+?)\$", entry)[1])
    users = [number for number in WRITTEN if wanted <= in_mathematics(number)]
    assert users and users[0] == first, f"{entry} is first used in {users[:1]}, not in {first}"


def test_letters_that_notebooks_share_are_in_the_table():
    """A letter in the numbered equations of two notebooks is in one of the tables, and the second
    says what it means in each of them."""
    used = defaultdict(list)
    for number in WRITTEN:
        for symbol in in_equations(number):
            used[symbol].append(number)
    listed = set().union(*(symbols(row[0]) for row in table()))
    commands = {symbol for symbol in used if symbol.startswith("\\") and symbol not in GREEK}
    missing = {
        symbol: sorted(set(numbers) - local().get(symbol, set()))
        for symbol, numbers in used.items()
        if len(numbers) > 1 and symbol not in listed | commands | {"d"}  # d of dx/dt
    }
    missing = {symbol: numbers for symbol, numbers in sorted(missing.items()) if numbers}
    assert not missing, f"explain in a table of notebook 00: {missing}"


def test_reading_the_second_table():
    row = LOCAL_ROW.fullmatch("| $K$ | 04, 05: a capacity; 07: how many (see 03) |")
    assert row[1] == "$K$" and numbers_in(row[2]) == {"04", "05", "07"}


GREEK = {
    *(r"\alpha", r"\beta", r"\gamma", r"\delta", r"\epsilon", r"\varepsilon", r"\zeta", r"\eta"),
    *(r"\theta", r"\kappa", r"\lambda", r"\mu", r"\nu", r"\xi", r"\pi", r"\rho", r"\sigma"),
    *(r"\tau", r"\phi", r"\varphi", r"\chi", r"\psi", r"\omega", r"\Gamma", r"\Delta", r"\Theta"),
    *(r"\Lambda", r"\Xi", r"\Pi", r"\Sigma", r"\Phi", r"\Psi", r"\Omega", r"\ell"),
}


def test_reading_latex():
    assert symbols(r"\mathcal{L}(\theta) = \tfrac12 x_\ell \text{ for all } \tag{3.1}") == {
        *("@L", r"\theta", r"\tfrac", "x", r"\ell")
    }
