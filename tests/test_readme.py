"""What README, INSTRUCTORS and CITATION say is generated, or asserted here, or bound to a test.

`PROMISES` names, for each sentence that promises something, the test that fails if it is not kept.
"""

import ast
import doctest
import functools
import re
import tomllib

import pytest
import yaml

from course_lib.course_map import lessons
from course_lib.exercises import all_exercises, catalogue, engine, find_exercise
from course_lib.results import ROOT
from course_lib.widgets.base import MAX_CONTROLS
from course_lib.widgets.lectures import LECTURES
from tests.test_gallery import WIDGETS
from tools import readme

TEXTS = {
    name: " ".join((ROOT / name).read_text(encoding="utf-8").split())
    for name in ("README.md", "INSTRUCTORS.md")
}

PROMISES = {
    "An answer that is wrong in a known way is told so, with your number": (
        "test_exercises.test_misconception_triggers_its_own_message_with_both_numbers"
    ),
    "A check never stops a notebook.": (
        "test_exercise_engine.test_check_never_raises_and_returns_none"
    ),
    "each with a question to ask the room": "test_widgets.test_explorer",
    "Notebook 00 lets you drag the time.": "test_gallery.test_what_the_lecturer_is_told",
    "Solvers converge at their order": "test_solvers.test_order_at_the_end_of_the_solve",
    "gradients agree with finite differences": (
        "test_gradients.test_every_gradient_through_one_door"
    ),
    "`EQUATIONS.md` names the tests of every numbered equation.": (
        "test_equations.test_every_numbered_equation_has_a_test"
    ),
    "What the text says in numbers is asserted where it is said": (
        "test_claims.test_stored_claims_hold"
    ),
    "Python 3.11 or newer": "test_repository.test_an_old_python_is_named_and_leaves_nothing",
    "opens JupyterLab at the first notebook": (
        "test_browser.test_make_lab_opens_the_first_notebook"
    ),
    "every widget on one page, for a lecture hall": (
        "test_browser.test_make_project_shows_and_moves_every_widget"
    ),
    "the course as static pages, to read without Jupyter": (
        "test_website.test_every_notebook_is_a_page"
    ),
    "`make lab TORCH=cpu` fetches the small build of PyTorch": (
        "test_repository.test_an_environment_is_made_once_and_again_when_its_files_are_newer"
    ),
    "On Windows, or without `make`": "test_repository.test_the_workflow_runs_on_three_systems",
    "Nothing is downloaded when a notebook runs.": "test_browser.test_a_notebook_in_jupyterlab",
    "Each row is asserted by its notebook, in the very run that is stored there": (
        "test_claims.test_ledger_in_the_repository_is_current"
    ),
    # INSTRUCTORS.md
    "Nothing needs the internet.": "test_browser.test_make_project_shows_and_moves_every_widget",
    "in checks by 30 %": "test_exercise_engine.test_projector_context_enlarges",
    "what it changed (random states, default dtype, figures, settings, names of the libraries) is "
    "put back": "test_exercise_engine.test_a_check_leaves_no_trace",
    "For graded work start JupyterLab with `COURSE_SOLUTIONS=off`": (
        "test_exercise_engine.test_solutions_can_be_switched_off"
    ),
    "An answer that never ends is stopped after ten seconds": (
        "test_exercise_engine.test_a_loop_without_an_end_is_stopped_and_its_line_named"
    ),
    "Click on a slider once, and the arrow keys move it; *Page Up* and *Page Down* take large": (
        "test_accessibility.test_keys_reach_and_move_every_control"
    ),
    "Every item of theirs, with the section that teaches it.": (
        "test_coverage.test_an_item_is_taught_where_the_table_says"
    ),
}


@functools.cache
def functions_of(module: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / f"{module}.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_has_its_test(promise):
    assert any(promise in text for text in TEXTS.values()), "the sentence has changed: is it true?"
    module, _, test = PROMISES[promise].partition(".")
    assert test in functions_of(module)


def test_numbers_in_the_first_paragraph():
    count, hours = re.search(r"(\d+) notebooks, about (\d+) hours", TEXTS["README.md"]).groups()
    assert int(count) == len(lessons())
    assert abs(int(hours) - sum(lesson.minutes for lesson in lessons().values()) / 60) <= 0.5


def test_every_command_exists():
    """`make NAME` and `make NAME VARIABLE=…` in both texts, and the files that commands name."""
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.M)
    for text in TEXTS.values():
        named = re.findall(r"(?:`|\s{2,}|; )make ([a-z-]+)", text) + re.findall(
            r"lab make ([a-z]+)", text
        )
        assert named and set(named) <= set(targets), set(named) - set(targets)
        for path in re.findall(r"`((?:course_lib|tools|tests|deploy|notebooks)/[\w./]+)`", text):
            assert (ROOT / path.replace("NN", "04")).exists(), path
    assert "requirements.txt -e ." in TEXTS["README.md"] and (ROOT / "requirements.txt").exists()


def test_python_is_the_one_that_the_package_wants():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert f"Python {wanted.removeprefix('>=')} or newer" in TEXTS["README.md"]


# --- how to cite ---------------------------------------------------------------------------------


def test_bibtex_says_what_the_citation_file_says():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    entry = readme.bibtex()
    assert entry in (ROOT / "README.md").read_text(encoding="utf-8")
    assert entry.count("{") == entry.count("}")
    for words in (citation["title"], citation["date-released"][:4], citation["version"]):
        assert str(words) in entry
    for author in citation["authors"]:
        assert author["name"] in entry


def test_addresses_agree():
    """Where the repository has a public address, CITATION.cff gives the same."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation.get("repository-code") == project.get("urls", {}).get("Repository")


# --- speed ---------------------------------------------------------------------------------------


def test_the_short_table_has_the_numbers_of_the_long_ones():
    """Ours and torchdiffeq's in the README are entries of SPEED.md."""
    long = (ROOT / "SPEED.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+) \| ([\d.]+) \| ([\d.]+) \|$", readme.speed_table(), flags=re.M)
    assert len(rows) == 5
    for _, ours, theirs in rows:
        assert f"| {ours} [" in long and f"| {theirs} [" in long


# --- for instructors -----------------------------------------------------------------------------


def test_all_exercises_are_on_their_page():
    page = (ROOT / "EXERCISES.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| **")]
    assert len(rows) == len(all_exercises())
    for exercise, row in zip(all_exercises(), rows, strict=True):
        cells = re.split(r"(?<!\\)\|", row)
        assert len(cells) == 6, f"{exercise.id}: a bar ends a cell too early"
        assert exercise.title in cells[1] and int(cells[2]) == exercise.minutes
        assert len(cells[3].split()) >= 2, f"{exercise.id}: what does it ask?"
        assert cells[4].count(" · ") == len(exercise.misconceptions) - 1


def test_a_bar_does_not_end_a_cell():
    assert catalogue._in_table(r"log |det| and $\|x\|$") == r"log \|det\| and $\Vert x\Vert $"


def test_links_into_the_page_of_exercises_lead_to_headings():
    page = (ROOT / "EXERCISES.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", page, flags=re.M)
    # GitHub's rule: lower case, punctuation gone, hyphens for blanks.
    there = {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in headings}
    linked = re.findall(r"\(EXERCISES\.md#([\w-]+)\)", TEXTS["INSTRUCTORS.md"])
    assert len(linked) == len(lessons()) and set(linked) == there


WRONG_TURNS = re.findall(
    r"^\| ([\d., ]+) \| \"([^\"]+)\": [^|]+ \| ([^|]+) \|$",
    (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8"),
    flags=re.M,
)


def test_there_are_five_wrong_turns():
    assert len(WRONG_TURNS) == 5


@pytest.mark.parametrize(
    ("ids", "name", "help"), WRONG_TURNS, ids=[turn[0] for turn in WRONG_TURNS]
)
def test_a_wrong_turn_is_known_and_its_widget_has_the_button(ids, name, help):
    for id in ids.split(", "):
        assert name in {known.name for known in find_exercise(id).misconceptions}
    for widget, button in re.findall(r"`(\w+_explorer)`,? \"([^\"]+)\"", help):
        assert widget in LECTURES and button in WIDGETS[widget].presets


def test_numbers_for_instructors():
    text = TEXTS["INSTRUCTORS.md"]
    assert "the hardest has four" in text and max(e.difficulty for e in all_exercises()) == 4
    assert "at most three controls" in text and MAX_CONTROLS == 3
    assert "ten seconds, or twenty times" in text and (engine.SECONDS, engine.SLOWER) == (10, 20)
    rubric = re.search(r"\| points \|.*?\n\n", (ROOT / "INSTRUCTORS.md").read_text(), re.S)[0]
    points = re.findall(r"^\| (\d) \|", rubric, flags=re.M)
    assert "ten points a notebook" in text and sum(map(int, points)) == 10
    projects = readme.projects_table().splitlines()[2:]
    assert "ends with eight" in text and len(projects) == 8


def test_examples_in_the_tool():
    assert doctest.testmod(catalogue).failed == 0
