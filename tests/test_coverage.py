"""INSTRUCTORS.md says where each item of the five sources is taught: every section named exists."""

import json
import re
from pathlib import Path

import pytest

from course_lib.course_map import NOTEBOOKS_DIR, lessons

TEXT = (Path(__file__).parents[1] / "INSTRUCTORS.md").read_text(encoding="utf-8")
TABLES = TEXT.partition("## What the sources contain")[2].partition("\n## ")[0]
ROWS = [line for line in TABLES.splitlines() if line.startswith("| ") and "| where |" not in line]


def sections(number: str) -> set[str]:
    """The numbered headings of a notebook, `{"4.1", …}`."""
    cells = json.loads((NOTEBOOKS_DIR / lessons()[number].file).read_text(encoding="utf-8"))[
        "cells"
    ]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return set(re.findall(r"^##+ (\d+\.\d+) ", text, re.M))


@pytest.mark.parametrize("row", ROWS)
def test_an_item_is_taught_where_the_table_says(row):
    place = row.rstrip("| ").rpartition("|")[2]
    named = re.findall(r"§(\d+)\.(\d+)", place)
    assert named, "name the section, as §4.2"
    for chapter, section in named:
        assert f"{chapter}.{section}" in sections(chapter.zfill(2))


def test_all_sources_are_there():
    assert re.findall(r"^### \[(\w)\]", TABLES, re.M) == ["H", "R", "C", "I", "W"]
    assert len(ROWS) > 50


def test_plans_name_sections_that_exist():
    plans = TEXT.partition("## Plans")[2].partition("\n## ")[0]
    named = re.findall(r"§(\d+)\.(\d+)", plans)
    assert len(named) > 20
    missing = [f"§{a}.{b}" for a, b in named if f"{a}.{b}" not in sections(a.zfill(2))]
    assert not missing, f"no such sections: {missing}"
