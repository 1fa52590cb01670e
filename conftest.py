"""What all tests share: the environment they run in, tidiness, and the notebooks' budgets.

Markers (pyproject.toml): `notebook` is set here on every notebook cell; `browser` drives Chromium;
`install` creates environments; `slow` takes seconds a case; `gpu` needs a CUDA device. `make
test-fast` leaves out the first four.
"""

import os
from collections import defaultdict
from pathlib import Path

# Before the first import of matplotlib: a list of fonts of our own. The user's may have been made
# by an environment that was being removed, and then lacks the fonts that come with matplotlib.
os.environ["MPLCONFIGDIR"] = str(Path(__file__).parent / "build" / "matplotlib")

import hypothesis
import matplotlib
import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from nbval.plugin import IPyNbCell

from tools.execute_notebooks import CPU_SECONDS, PEAK_MIB, USAGE

# Notebooks run as they did for the repository: no progress bars, their own seed and style.
for name in [name for name in os.environ if name.startswith(("COURSE_", "MPLBACKEND"))]:
    del os.environ[name]
os.environ["COURSE_EXECUTING"] = "1"

matplotlib.use("agg")
torch.set_num_threads(1)
# No deadline: a busy machine is no wrong answer. The same examples: a red build repeats.
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)
hypothesis.settings.register_profile("attack", deadline=None)  # `make attack`: new ones each time
hypothesis.settings.load_profile("course")


@pytest.fixture(autouse=True)
def tidy():
    """A test leaves no figure, style or default dtype behind."""
    with matplotlib.rc_context():
        yield
    plt.close("all")
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def float64():
    """Double precision where a test does not say otherwise; `tidy` puts the usual one back."""
    torch.set_default_dtype(torch.float64)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark notebook cells, and let one more cell, the budget, follow each notebook's last."""
    cells = defaultdict(list)
    for item in items:
        if isinstance(item, IPyNbCell):
            item.add_marker("notebook")
            cells[item.parent].append(item)
    for notebook, its_cells in cells.items():
        budget = IPyNbCell.from_parent(
            notebook,
            name="budget",
            cell_num=len(its_cells),
            cell=nbformat.v4.new_code_cell(_budget(notebook.path.name)),
            options=defaultdict(bool),
        )
        budget.add_marker("notebook")
        items.insert(items.index(its_cells[-1]) + 1, budget)


def _budget(file: str) -> str:
    """Source of a cell that fails if the notebook before it took too much."""
    seconds = CPU_SECONDS.get(file[:2], 60)
    mend = "shorten a run, or move it to experiments/ and load the stored rows"
    return (
        f"{USAGE}\n"
        "cpu, peak = _usage()\n"
        f"assert cpu <= {seconds}, f'{{cpu:.0f}} CPU-seconds, allowed are {seconds}: {mend}'\n"
        f"assert peak <= {PEAK_MIB}, f'{{peak:.0f}} MiB, allowed are {PEAK_MIB}: {mend}'"
    )
