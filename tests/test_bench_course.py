"""The course's own speed: the tables say what was measured, and judge it by the budgets.

No time is asserted; `make bench-course` measures.
"""

import itertools
import json

import pytest

from benchmarks import course, latency
from course_lib.widgets import Choice, Slider

FOOT = {"cpu": "a processor", "python": "3", "versions": {}, "date": "today"}


def notebook_row(name, cpu=50.0, peak=300):
    return {"notebook": name, "cpu_seconds": cpu, "peak_mib": peak, "load": 1.0, "date": "today"}


@pytest.mark.parametrize(
    ("name", "cpu", "peak", "words"),
    [
        ("04_odes", 50.0, 300, ["met", "met"]),
        ("04_odes", 54.1, 300, ["near", "met"]),
        ("04_odes", 60.1, 1025, ["over", "over"]),
        ("17_transport", 100.0, 922, ["met", "near"]),
    ],
)
def test_a_notebook_is_judged_by_its_own_budget(name, cpu, peak, words):
    page = course.table({**FOOT, "rows": [notebook_row(name, cpu, peak)]})
    cells = next(line for line in page.splitlines() if name in line).split(" | ")
    assert [cells[3], cells[5]] == words


def test_the_suite_is_summed():
    rows = [notebook_row(f"{n:02d}_x", 75.1) for n in range(20)]
    assert "All 20 together: 25.0 CPU-minutes; 25 are allowed: over." in course.table(
        {**FOOT, "rows": rows}
    )


def test_a_new_row_takes_the_place_of_the_old_one():
    known = [notebook_row("04_odes", 1.0), notebook_row("02_b", 2.0)]
    new = [notebook_row("04_odes", 3.0), notebook_row("03_c", 4.0)]
    merged = course.merged("notebook", ["02_b", "03_c", "04_odes"], known, new)
    assert [row["cpu_seconds"] for row in merged] == [2.0, 4.0, 3.0]
    assert course.merged("notebook", ["03_c"], known, new) == new[1:], "one that is no more"


def test_measuring_executes_a_copy(tmp_path):
    path = tmp_path / "99_small.ipynb"
    cell = {"cell_type": "code", "source": "x = 1", "outputs": [], "metadata": {}, "id": "a"}
    cell["execution_count"] = None
    path.write_text(
        json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    before = path.read_bytes()
    row = course.measure(path)
    assert row["notebook"] == "99_small" and row["cpu_seconds"] > 0 and row["peak_mib"] > 10
    assert path.read_bytes() == before


TABLES = {"course": (course, course.notebooks()), "latency": (latency, list(latency.LECTURES))}


@pytest.mark.parametrize("name", TABLES)
def test_the_stored_page_is_made_from_the_stored_numbers_and_says_what_is_missing(name):
    module, order = TABLES[name]
    if not (course.RESULTS / f"{name}.json").exists():
        pytest.skip("not measured yet: make bench-course")
    record = json.loads((course.RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    page = (course.RESULTS / f"{name}.md").read_text(encoding="utf-8")
    assert page == module.table(record)
    assert all(item in page for item in order)


def test_every_stored_latency_is_of_enough_updates():
    for row in course.stored("latency"):
        # Two settings may have the same picture, which is not sent again.
        enough = {"kernel": 20 if row["kind"] == "figure" else 0, "screen": 15}
        for count, wanted in zip(row["updates"], enough.values(), strict=True):
            assert count >= wanted, row["widget"]


def widget_row(kind, kernel, screen):
    return {"kind": kind, "kernel_ms": kernel, "screen_ms": screen}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (widget_row("figure", [90, 120], [300, 400]), "kernel ≤ 120: met"),
        (widget_row("figure", [90, 121], [10, 10]), "kernel ≤ 120: met by the median"),
        (widget_row("figure", [121, 130], [10, 10]), "kernel ≤ 120: missed"),
        (widget_row("canvas", None, [40, 60]), "screen ≤ 100: met"),
        (widget_row("canvas", [10, 10], [101, 110]), "screen ≤ 100: missed"),
    ],
)
def test_a_widget_is_judged_by_what_its_kind_is_for(row, said):
    assert latency.judged(row) == said


@pytest.mark.parametrize(
    "control",
    [
        Slider("h", 0.01, 1.0, 0.25, 1.0, log=True),
        Slider("n", 1, 16, 1, 4),
        Slider("x", 0.0, 0.9, 0.1, 0.9),
        Choice("method", ["a", "b", "c"], "c"),
    ],
)
def test_every_setting_is_in_the_range_and_a_change(control):
    values = [control.value, *latency.settings(control, 20)]
    assert len(values) == 21
    for before, value in itertools.pairwise(values):
        control.check(value)
        assert value != before


def test_settings_are_those_that_the_slider_has():
    assert set(latency.settings(Slider("m", 5, 100, 5, 30), 3)) <= set(range(5, 101, 5))


@pytest.mark.parametrize(
    ("control", "count"),
    [
        (Slider("n", 1, 16, 1, 4), 16),
        (Slider("x", 0.0, 0.9, 0.1, 0.3), 10),
        (Slider("ρ", 0.01, 100.0, 0.25, 1.0, log=True), 17),
        (Choice("method", ["a", "b"], "a"), 2),
    ],
)
def test_positions_that_a_key_reaches(control, count):
    assert latency.positions(control) == count


def test_there_and_back_never_leaves_the_range():
    place = 0
    for move in latency.there_and_back(4, 20):
        place += move
        assert 0 <= place < 4
