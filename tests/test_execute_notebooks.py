"""The tool that executes notebooks: regular outputs, honest failures."""

import json
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_lib.results import ROOT
from tools import execute_notebooks as tool
from tools.execute_notebooks import VIEW, WIDGET

pytestmark = pytest.mark.notebook

TRIAL = [
    "import os, ipywidgets\nimport matplotlib.pyplot as plt",
    "print(1, flush=True)\nprint(2, flush=True)\nprint(os.environ['COURSE_EXECUTING'])",
    "object()",
    "slider = ipywidgets.IntSlider()\nipywidgets.VBox([slider])",
    "slider",
    "ipywidgets.VBox([slider])",
    "plt.plot([1, 2])\nplt.show()",
]


def store(folder, sources, name="98_trial.ipynb"):
    cells = [new_markdown_cell("# 98 Trial"), *map(new_code_cell, sources)]
    path = folder / name
    nbformat.write(new_notebook(cells=cells), path)
    return path


def run(*arguments):
    command = [sys.executable, str(ROOT / "tools" / "execute_notebooks.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """A notebook that was executed once, and the tool's words."""
    path = store(tmp_path_factory.mktemp("trial"), TRIAL)
    done = run(path)
    assert done.returncode == 0, done.stdout + done.stderr
    return path, done.stdout


def test_a_second_run_changes_nothing(trial):
    path, said = trial
    before = path.read_bytes()
    assert "stored" in said and "s CPU" in said and "MiB" in said
    again = run(path)
    assert "unchanged" in again.stdout and path.read_bytes() == before
    assert run("--check", path).returncode == 0


def test_what_is_stored(trial):
    cells = nbformat.read(trial[0], as_version=4).cells[1:]
    assert [cell.execution_count for cell in cells] == list(range(1, len(TRIAL) + 1))
    assert [o.text for o in cells[1].outputs] == ["1\n2\n1\n"]
    assert cells[2].outputs[0].data["text/plain"] == "<object>"
    for cell in cells[3:6]:  # a view would look for its kernel, and say "model not found"
        data = cell.outputs[0].data
        assert WIDGET in data and data["text/plain"] and VIEW not in data
    assert "image/png" in cells[6].outputs[0].data
    text = trial[0].read_text(encoding="utf-8")
    assert '"version": "' not in text and "iopub" not in text and "widget-state" not in text


def test_check_tells_which_cell_differs_and_writes_nothing(trial, tmp_path):
    path = tmp_path / trial[0].name
    text = trial[0].read_text(encoding="utf-8").replace('"1\\n"', '"one\\n"')
    path.write_text(text, encoding="utf-8")
    done = run("--check", path)
    assert done.returncode == 1
    assert "cell 2 differs in outputs: 'print(1, flush=True)" in done.stdout
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n1 / 0", "cell 2 ('x = 1'): ZeroDivisionError: division by zero"),
        ("import os\nos._exit(1)", "DeadKernelError"),
        ("import time\ntime.sleep(60)", "timed out"),
    ],
)
def test_a_failure_names_its_cell_and_leaves_the_file(tmp_path, source, message):
    path = store(tmp_path, ["print('before')", source, "print('after')"])
    before = path.read_bytes()
    done = run("--timeout", "5", path)
    assert done.returncode == 1
    assert "98_trial.ipynb: FAILED" in done.stdout and message in done.stdout
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_an_unknown_notebook_is_named():
    done = run("77")
    assert done.returncode == 1 and "no notebook '77'; there are: 00_start_here" in done.stderr


def test_missing_and_doubled_ids_become_stable(tmp_path):
    path = store(tmp_path, ["x", "x", "y"])
    data = json.loads(path.read_text(encoding="utf-8"))
    first, *rest = data["cells"]
    del first["id"]
    for cell in rest:
        cell["id"] = "a"
    path.write_text(json.dumps(data), encoding="utf-8")
    ids = [[cell.id for cell in tool.read(path).cells] for _ in range(2)]
    assert ids[0] == ids[1] and len(set(ids[0])) == 4 and ids[0][1] == "a"


def test_addresses_and_colours_go_from_text_but_not_from_images():
    text = "\x1b[31mred\x1b[0m <f at 0x7f12ab>"
    data = {"text/plain": text, "image/svg+xml": "<svg> at 0x12</svg>"}
    cell = new_code_cell("x", outputs=[new_output("display_data", data)])
    notebook = new_notebook(cells=[cell])
    tool.normalise(notebook)
    stored = notebook.cells[0].outputs[0].data
    assert stored == {"text/plain": "red <f>", "image/svg+xml": "<svg> at 0x12</svg>"}
