"""Every notebook keeps the house style; and every rule of it is shown to find its fault.

The broken notebooks are made from one small good one by a single change each.
"""

import sys
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib.claims import MIME as CLAIM
from course_lib.course_map import NOTEBOOKS_DIR, Lesson
from tools import notebook_style as style
from tools.execute_notebooks import WIDGET, normalise, text_of

NOTEBOOKS = sorted(NOTEBOOKS_DIR.glob("[0-9][0-9]_*.ipynb"))
COURSE = {
    "04": Lesson("04", "04_odes_and_solvers.ipynb", "Solvers", "II", 75, ()),
    "98": Lesson("98", "98_good.ipynb", "A good notebook", "V", 60, ("04",)),
    "99": Lesson("99", "99_later.ipynb", "Later", "V", 45, ("98",)),
}


@pytest.mark.parametrize("rule", style.RULES)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_the_rule(path, rule):
    if rule in style.exempt(path):
        pytest.skip("this notebook has a shape of its own")
    found = style.faults(path, only=rule)
    assert not found, "\n" + "\n".join(found)


# --- one good notebook -----------------------------------------------------------------------

WORDS = "what is drawn here, and what a reader who cannot see it should know of it, said at length"


def figure():
    return new_output("display_data", {"image/png": "iVBORw0=", "text/plain": "<Figure>"})


def claim(passed=True):
    return new_output("display_data", {"text/plain": "✓", CLAIM: {"claim": "c", "passed": passed}})


def widget():
    data = {WIDGET: {"model_id": "0123", "version_major": 2, "version_minor": 0}}
    return new_output("execute_result", {**data, "text/plain": "VBox()"}, execution_count=1)


def text(value):
    return new_output("stream", name="stdout", text=value)


def good():
    """A notebook without a fault; cells are found by name in `page.names`."""
    opening = (
        "# 98 A good notebook\n\n**What does a rule find?**\n\n60 minutes; needs "
        "[Solvers](04_odes_and_solvers.ipynb). Afterwards you can\n\n1. a;\n2. b;\n3. c.\n\n"
        "<!-- binder-badge -->Binder: not set."
    )
    formulas = (
        "## 98.1 Loop\n\nPredict the end. Guess. Commit to an answer.\n\n"
        "$$ x = 1 \\tag{98.1} $$\n\n$$ y = 2 \\tag{98.2} $$\n\nBy (98.1), as in Figure 98.1."
    )
    breaks = "## 98.2 When it breaks\n\n**Exercise 98.1** ●○○○○ 5 min. Do."
    others = "\n\n".join(f"**Exercise 98.{k}** ●●○○○ 5 min. Do." for k in (2, 3, 4))
    closing = (
        "## Summary\n\nIt holds.\n\n## References\n\n- A. Author, *Title*, doi:10.1000/xyz\n\n"
        "Previous: [Solvers](04_odes_and_solvers.ipynb) · Next: 99 (coming)"
    )
    cells = {
        "opening": new_markdown_cell(opening),
        "setup": new_code_cell("from course_lib import hint, setup, solution\n\nsetup(seed=0)"),
        "formulas": new_markdown_cell(formulas),
        "plot": new_code_cell("plt.plot(x)\nplt.show()", outputs=[figure()]),
        "caption": new_markdown_cell(f"**Figure 98.1.** {WORDS}"),
        "widget": new_code_cell("explorer()", outputs=[widget()]),
        "static": new_code_cell("explorer.figure()\nplt.show()", outputs=[figure()]),
        "caption 2": new_markdown_cell(f"**Figure 98.2.** {WORDS}"),
        "checked": new_code_cell("# NBVAL_CHECK_OUTPUT\nprint(1)", outputs=[text("1\n")]),
        "claim": new_code_cell("claim('a', 1, above=0)", outputs=[claim()]),
        "claim 2": new_code_cell("claim('b', 1, above=0)", outputs=[claim()]),
        "breaks": new_markdown_cell(breaks),
        "check": new_code_cell('check("98.1", ...)'),
        "others": new_markdown_cell(others),
        "checks": new_code_cell('check("98.2", 1)\ncheck("98.3", 1)\ncheck("98.4", 1)'),
        "closing": new_markdown_cell(closing),
    }
    return cells


def write(cells, folder, *, regular=True):
    """Store the cells as an executed notebook in its regular form, and return its path."""
    path = folder / "98_good.ipynb"
    (folder / "04_odes_and_solvers.ipynb").write_text("")
    notebook = new_notebook(cells=list(cells.values()))
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), start=1):
        if cell.execution_count is None:
            cell.execution_count = count
    if regular:
        normalise(notebook)
        path.write_text(text_of(notebook), encoding="utf-8")
    else:
        nbformat.write(notebook, path)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty place for notebooks, and a library that declares the four exercises."""
    exercises = [SimpleNamespace(id=f"98.{k}") for k in (1, 2, 3, 4)]
    module = SimpleNamespace(EXERCISES=exercises)
    monkeypatch.setitem(sys.modules, "course_lib.exercises.nb98", module)
    return tmp_path


def test_the_good_notebook_has_no_fault(folder):
    assert style.faults(write(good(), folder), course=COURSE) == []


# --- what each rule finds --------------------------------------------------------------------


def edit(name, old, new):
    """A change of one cell's source; the text to change must be there."""

    def change(cells):
        assert old in cells[name].source
        cells[name].source = cells[name].source.replace(old, new)

    return change


def outputs(name, *made):
    """A change of one cell's outputs."""

    def change(cells):
        cells[name].outputs = list(made)

    return change


def drop(name):
    return lambda cells: cells.pop(name)


def longer(lines, width=5):
    return "\n".join(["x = 1" + " " * (width - 5)] * lines)


def stderr():
    return new_output("stream", name="stderr", text="warning")


def fail():
    return new_output("error", ename="ValueError", evalue="no", traceback=[])


def axes():
    data = {"text/plain": "[<matplotlib.lines.Line2D>]"}
    return new_output("execute_result", data, execution_count=1)


def unexecuted(cells):
    cells["checked"].execution_count = 7


BROKEN = [
    ("opening", edit("opening", "A good notebook", "Another title"), "title of the course map"),
    ("opening", edit("formulas", "## 98.1", "# 98.1"), "several first-level headings"),
    ("opening", edit("opening", "find?**", "find.**"), "one bold sentence"),
    ("opening", edit("opening", "60 minutes", "an hour"), "60 minutes"),
    ("opening", edit("opening", "(04_odes_and_solvers.ipynb)", "(x.ipynb)"), "needed first"),
    ("opening", edit("opening", "2. b;\n3. c.", ""), "1 objectives"),
    ("opening", edit("opening", "<!-- binder-badge -->", ""), "binder-badge"),
    ("setup_cell", edit("setup", "setup(seed=0)", "pass"), "must call setup"),
    ("setup_cell", edit("setup", "seed=0", "seed=3"), "setup(seed=0)"),
    ("setup_cell", edit("setup", "hint, ", ""), "must import hint"),
    ("setup_cell", edit("setup", "\n\n", "\n" + longer(8) + "\n"), "at most 8"),
    ("setup_cell", edit("setup", "\n\n", "\n%matplotlib inline\n"), "magics"),
    ("breaks", edit("breaks", "When it breaks", "Limits"), "When it breaks"),
    ("predictions", edit("formulas", "Guess. Commit to", "Give"), "1 predictions"),
    ("references", edit("closing", "## Summary", "## End"), "'Summary'"),
    ("references", edit("closing", "## References", "## Books"), "'References'"),
    ("references", edit("closing", "doi:10.1000/xyz", "1999"), "DOI"),
    ("references", edit("closing", "10.1000/xyz", "10.1000/xyz\n- B. Other"), "'B. Other'"),
    ("neighbours", edit("closing", "99 (coming)", "soon"), "without a link: 99"),
    ("links", edit("closing", "99 (coming)", "[99](99_later.ipynb)"), "'99_later.ipynb'"),
    ("code_size", edit("plot", "plt.plot(x)", longer(30)), "more than 30 lines"),
    ("code_size", edit("plot", "plt.plot(x)", longer(1, width=90) + "."), "88 columns"),
    ("network", edit("plot", "plt.plot(x)", "!ls"), "'!ls'".replace("ls", "")),
    ("network", edit("plot", "plt.plot(x)", "urlopen(x)"), "'urlopen'"),
    ("network", edit("plot", "plt.plot(x)", "a = 'https://x.org'"), "'https://'"),
    ("network", edit("plot", "plt.plot(x)", "fetch_openml(1)"), "'fetch_openml('"),
    ("executed", unexecuted, "not executed whole"),
    ("executed", outputs("checked", fail()), "ends in ValueError"),
    ("executed", outputs("checked", stderr()), "writes to stderr"),
    ("executed", outputs("plot", axes(), figure()), "plt.show()"),
    ("captions", drop("caption"), "before the next figure"),
    ("captions", edit("caption", "**Figure 98.1.** ", ""), "must begin '**Figure 98.M.**"),
    ("captions", edit("caption 2", "98.2", "98.3"), "not in order"),
    ("captions", edit("caption", WORDS, "A plot."), "fewer than 15 words"),
    ("captions", edit("formulas", "in Figure 98.1", "in Figure 98.5"), "Figure 98.5"),
    ("captions", outputs("plot", figure(), figure()), "2 figures"),
    ("equations", edit("formulas", "tag{98.2}", "tag{98.1}"), "increasing order"),
    ("equations", edit("formulas", "By (98.1)", "By (98.9)"), "(98.9) is referred to"),
    ("equations", edit("claim", "above=0", "above=0, source='(98.7)'"), "(98.7) is referred to"),
    ("exercises", edit("checks", 'check("98.2", 1)\n', ""), "3 exercises"),
    ("exercises", edit("checks", "98.4", "98.5"), "['98.4', '98.5']"),
    ("exercises", edit("others", "**Exercise 98.3** ●●○○○", "Now"), "exercise 98.3"),
    ("widgets", drop("widget"), "no widget"),
    ("widgets", drop("static"), "static figure"),
    ("widgets", edit("widget", "explorer()", "a = 1\nexplorer()"), "one call"),
    ("claims", drop("claim"), "fewer than two claims"),
    ("claims", outputs("claim", claim(), claim()), "at most one a cell"),
    ("claims", outputs("claim", claim(passed=False)), "does not hold"),
    ("checked", edit("checked", "# NBVAL_CHECK_OUTPUT\n", ""), "no checked output"),
    ("checked", edit("checked", "# NBVAL_CHECK_OUTPUT\n", "x\n# NBVAL_CHECK_OUTPUT\n"), "alone"),
    ("checked", outputs("checked"), "no text to compare"),
]


@pytest.mark.parametrize(("rule", "change", "message"), BROKEN)
def test_rule_finds_the_fault(folder, rule, change, message):
    cells = good()
    change(cells)
    found = style.faults(write(cells, folder), only=rule, course=COURSE)
    assert any(message in line for line in found), found


def test_code_sizes_are_shares_of_all_cells(folder):
    cells = good()
    for name in ("plot", "checked", "claim", "claim 2"):
        cells[name].source = longer(20)
    found = style.faults(write(cells, folder), only="code_size", course=COURSE)
    assert any("one code cell in ten has 20 lines" in line for line in found)
    for name in ("static", "check"):
        cells[name].source = longer(7)
    found = style.faults(write(cells, folder), only="code_size", course=COURSE)
    assert any("median code cell has 7 lines" in line for line in found)


def test_an_irregular_file_is_found(folder):
    path = write(good(), folder, regular=False)
    assert any("stored form" in line for line in style.faults(path, course=COURSE))


def test_every_rule_is_shown_to_fail():
    shown = {rule for rule, _, _ in BROKEN} | {"stored_form"}
    assert shown == set(style.RULES)


def test_exemptions_name_rules_that_exist():
    assert set().union(*style.EXEMPT.values()) <= set(style.RULES)
