"""What goes wrong in class: it works all the same, or says what to do.

Here is what takes seconds. `make faults` runs whole notebooks twice in one kernel, without network,
on one processor, in 1 GiB, and in a folder that cannot be written to.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import course_lib
from course_lib import environment, files
from course_lib.results import ROOT
from tools import faults
from tools.execute_notebooks import execute

ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def run(*sources, folder):
    """The cells of a notebook after all of them were run in one kernel, errors included."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    execute(notebook, folder, go_on=True)
    return notebook.cells


def shown(cell) -> str:
    """What a cell shows, without colours."""
    pieces = []
    for output in cell.outputs:
        pieces += [*output.get("traceback", []), output.get("text", "")]
        pieces.append(output.get("data", {}).get("text/plain", ""))
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(pieces))


# --- a package that is missing, cells out of order -----------------------------------------------

HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("ot", "sklearn", "anywidget", "scipy", "tqdm"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

sys.meta_path.insert(0, Hidden())
from course_lib import check, setup
setup()
"""
NEEDS = {
    "POT": "import ot",
    "scikit-learn": "from course_lib.datasets import iris\niris()",
    "anywidget": "from course_lib.widgets import gradient_explorer",
    "scipy": "import course_lib.control",
    "tqdm": "from tqdm.auto import tqdm",
}


@pytest.mark.notebook
def test_an_error_in_a_notebook_says_what_to_do(tmp_path):
    others = ["check('04.1', euler_step)", "import nonsense", "def f():\n    a += 1\nf()", "1 / 0"]
    first, *cells = run(HIDE, *NEEDS.values(), *others, folder=tmp_path)
    assert not first.outputs
    for package, cell in zip(NEEDS, cells, strict=False):
        last = shown(cell).strip().splitlines()[-1]
        assert last.startswith(f"The package {package} is missing in this kernel: run `make lab`")
    early, *unknown = cells[len(NEEDS) :]
    assert "name 'euler_step' is not defined" in shown(early)
    assert "If a cell further up makes `euler_step`, run it first" in shown(early)
    for cell in unknown:  # nothing is said where nothing is known
        assert "Error" in shown(cell)
        assert "make lab" not in shown(cell) and "further up" not in shown(cell)


@pytest.mark.parametrize("package", environment.pinned())
def test_every_pinned_package_has_a_remedy(package):
    module = {name: module for module, name in environment.PACKAGE_OF.items()}.get(package, package)
    assert f"The package {package} is missing" in environment.remedy(
        ModuleNotFoundError(f"No module named {module!r}", name=f"{module}.part")
    )


def test_of_other_errors_nothing_is_said():
    assert environment.remedy(ModuleNotFoundError("No module named 'x'", name="x")) is None
    assert environment.remedy(ModuleNotFoundError("no name")) is None
    assert environment.remedy(UnboundLocalError("a")) is None


# --- interrupted, and run again ------------------------------------------------------------------

TRAINING = """
from course_lib.nets import MLP
from course_lib.training import train
import torch
torch.manual_seed(0)
net, x = MLP([1, 16, 1]), torch.linspace(-1, 1, 64)[:, None]
print("started", flush=True)
history = train(
    net, lambda model, x: ((model(x) - x**2) ** 2).mean(), (x,), steps=STEPS, progress=True
)
print(f"{history.loss[-1]:.6g}")
"""


@pytest.mark.notebook
def test_a_training_that_was_interrupted_can_be_run_again(tmp_path):
    """The cell ends in KeyboardInterrupt; the kernel, and the next run's numbers, are unharmed."""
    interrupt = """
import _thread, threading
STEPS = 10**7
threading.Timer(1.0, _thread.interrupt_main).start()
"""
    cells = ["STEPS = 200", TRAINING, interrupt, TRAINING, "STEPS = 200", TRAINING]
    _, before, _, cut, _, after = run(*cells, folder=tmp_path)
    assert "KeyboardInterrupt" in shown(cut)
    numbers = [cell.outputs[-1].text.split()[-1] for cell in (before, after)]
    assert numbers[0] == numbers[1]


# --- environment ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["abc", "-1", "1.5", "10000000000"])
def test_a_seed_that_is_none_is_named(monkeypatch, text):
    monkeypatch.setenv("COURSE_SEED", text)
    with pytest.raises(ValueError, match=f"COURSE_SEED must be a whole number.*'{text}'"):
        course_lib.setup()


def test_an_empty_seed_is_none_at_all(monkeypatch):
    monkeypatch.setenv("COURSE_SEED", "")
    assert course_lib.course_seed() == 0


BLANKS = "Mes cours – été 2026"


@pytest.mark.notebook
def test_a_folder_with_blanks_and_accents(tmp_path):
    """A clone there finds its own files, its data, and writes its learner's progress."""
    clone = tmp_path / BLANKS
    for name in ("course_lib", "data", "notebooks/04_odes_and_solvers.ipynb", "requirements.txt"):
        target = clone / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target)
    code = (
        "import course_lib, course_lib.datasets, course_lib.results\n"
        "from course_lib.exercises import find_exercise\n"
        "print(course_lib.__file__)\n"
        "course_lib.results.load('depth')\n"
        "course_lib.check('00.1', find_exercise('00.1').solution)\n"
    )
    env = {k: v for k, v in ENVIRONMENT.items() if not k.startswith("COURSE_")}
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        cwd=clone / "notebooks",
        env=env | {"PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert BLANKS in done.stdout.splitlines()[0] and "✓ 00.1" in done.stdout
    assert "00.1" in (clone / ".progress.json").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("make") is None or os.name == "nt", reason="needs make")
def test_make_in_a_folder_with_blanks(tmp_path):
    """What `make` runs there is the same list of words as anywhere else."""
    clone = tmp_path / BLANKS
    clone.mkdir()
    shutil.copy(ROOT / "Makefile", clone)
    (clone / ".venv" / "bin").mkdir(parents=True)
    for name in ("bin/python", ".lab", ".dev", ".project"):
        (clone / ".venv" / name).touch()
    for name in ("", "-dev", "-project", "-site"):
        (clone / f"requirements{name}.txt").touch()
        os.utime(clone / f"requirements{name}.txt", (0, 0))
    (clone / "pyproject.toml").touch()
    os.utime(clone / "pyproject.toml", (0, 0))
    done = subprocess.run(
        ["make", "--dry-run", "project"], cwd=clone, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    words = shlex.split(done.stdout.replace("\\\n", " "))
    assert f"JUPYTER_PATH={clone / 'deploy' / 'projector'}" in words


# --- one file at once or not at all --------------------------------------------------------------


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "notes.json"
    files.replace(path, "old")

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        files.replace(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["notes.json"] and path.read_text() == "old"


# --- the tool behind `make faults` ---------------------------------------------------------------


@pytest.mark.notebook
def test_what_another_run_in_the_same_kernel_changes_is_seen(tmp_path):
    path = tmp_path / "98_trial.ipynb"
    cells = ["x = 1", "print(globals().setdefault('count', []).append(1), len(count))"]
    nbformat.write(new_notebook(cells=[new_code_cell(s) for s in cells]), path)
    assert faults.twice(path) == 'cell 1 differs in outputs: "print(globals().setdefault(\'co"'
    nbformat.write(new_notebook(cells=[new_code_cell("print(1)")]), path)
    assert faults.twice(path) == ""


@pytest.mark.parametrize("fault", faults.PREFIXES)
def test_what_stands_before_a_command_keeps_its_words(fault):
    prefix = faults.PREFIXES[fault]()
    if not faults.can(prefix):
        pytest.skip(f"{fault} cannot be tried on this machine")
    done = subprocess.run([*prefix, "echo", "a b"], capture_output=True, text=True)
    assert done.stdout == "a b\n", done.stderr


def test_without_network_means_without():
    if not faults.can(faults.offline()):
        pytest.skip("offline cannot be tried on this machine")
    names = "import socket; print([name for _, name in socket.if_nameindex()])"
    command = [*faults.offline(), sys.executable, "-c", names]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "['lo']\n"
