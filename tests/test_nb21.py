"""Notebook 21: its equations, its sections to which the messages point, and its widget.

The traps themselves are in test_traps.py.
"""

import ast
import json
import math
import re

import numpy as np
import pytest
import torch

import course_lib
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises.nb21 import intervals, tolerance_exponent, worst_sample
from course_lib.flows import HutchinsonTrace
from course_lib.gradients import loss_gradient
from course_lib.solvers import METHODS, SolverError, odeint, stability_function
from course_lib.solvers.errors import SECTIONS, see
from course_lib.widgets import nb21

NOTEBOOK = NOTEBOOKS_DIR / "21_when_a_solve_goes_wrong.ipynb"
LIBRARY = NOTEBOOKS_DIR.parent / "course_lib"

pytestmark = pytest.mark.usefixtures("float64")


# --- the messages and their sections -------------------------------------------------------------

HEADINGS = {
    "underflow": "Underflow in dt",
    "one step": "One step for the whole interval",
    "straight lines": "Straight lines between the steps",
    "another gradient": "The gradient of another problem",
    "no way back": "No way back",
    "evaluations": "Ever more evaluations",
    "noise": "Noise drawn again at every call",
    "beyond the end": "Beyond the last time",
    "hard sample": "One hard sample among many",
    "digits": "More digits than there are",
    "memory": "Memory that grows all the same",
    "time gradients": "The sign of a time gradient",
    "arguments": "Refused before it starts",
    "unseen": "When it breaks: what no solver sees",
    "guide": "The decision guide",
}


def test_each_section_that_a_message_can_name_is_a_heading():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    found = re.findall(r"^## (\d+\. .*)$", text, flags=re.M)
    assert found == [f"{k}. {HEADINGS[name]}" for k, name in enumerate(SECTIONS, start=1)]


def test_see():
    assert see("guide") == "(notebook 21, §15)"
    assert see("evaluations", "noise", "digits") == "(notebook 21, §6, §7 and §10)"
    with pytest.raises(ValueError):
        see("no such section")


# What is said while nothing is solved: a table of methods, and NotFinite, which becomes another.
SILENT = {"stability_function"}


def complaints(source: str):
    """(line, function, text) of every error or warning that a module words itself."""
    kinds = {"ValueError", "TypeError", "SolverError", "RuntimeError", "warn"}
    tree = ast.parse(source)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in kinds and call.args:
            owners = [f.name for f in functions if f.lineno <= call.lineno <= f.end_lineno]
            yield call.lineno, owners[-1] if owners else "", ast.unparse(call.args[0])


MODULES = [
    *sorted((LIBRARY / "solvers").glob("*.py")),
    *sorted((LIBRARY / "gradients").glob("*.py")),
    LIBRARY / "flows" / "continuous.py",
]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_message_names_its_section(path):
    for line, function, text in complaints(path.read_text(encoding="utf-8")):
        said = function in SILENT or "see(" in text
        assert said, f"{path.name}:{line} must end with see(…), the section of notebook 21"
        for name in re.findall(r"see\(([^)]*)\)", text):
            assert set(ast.literal_eval(f"[{name}]")) <= set(SECTIONS)


def test_the_reader_of_messages_finds_a_mute_one():
    mute = 'def f():\n    raise ValueError("something is wrong")\n'
    ((line, function, text),) = complaints(mute)
    assert (line, function) == (2, "f") and "see(" not in text
    found = complaints((LIBRARY / "solvers" / "errors.py").read_text(encoding="utf-8"))
    assert len(list(found)) > 25


def test_messages_in_use():
    """What a learner reads ends in a section; a failure on the way back names both solves'."""
    y0, t = torch.ones(1), torch.tensor([0.0, 2.0])
    with pytest.raises(SolverError, match=r"\(notebook 21, §1 and §10\)$"):
        odeint(lambda t, y: y**2, y0, t)
    with pytest.raises(ValueError, match=r"\(notebook 21, §15\)$"):
        odeint(lambda t, y: y, y0, t, method="RK45")
    with pytest.raises(RuntimeError, match=r"call start\(x\) .*\(notebook 21, §7\)$"):
        HutchinsonTrace()(lambda t, x: x, 0.0, torch.ones(3, 2))
    rate = torch.tensor(1.0, requires_grad=True)
    settings = {"params": [rate], "gradient": "continuous adjoint"}
    steps = {"adjoint_options": {"max_num_steps": 2}, "rtol": 1e-9}
    with pytest.raises(SolverError, match=r"backward solve.*§6, §7 and §10.*§5\)$"):
        loss_gradient(lambda y: y[-1].sum(), lambda t, y: rate * y, y0, t, **settings, **steps)


# --- the equations -------------------------------------------------------------------------------


@pytest.mark.parametrize("h", [0.25, 0.5, 1.0])
def test_adjoint_of_one_step(h):
    """(21.1): the continuous adjoint of one Euler step is off by the factor 1 − hθ."""
    theta = torch.tensor(1.7, requires_grad=True)
    found = loss_gradient(
        lambda y: y[-1].sum(),
        lambda t, y: -theta * y,
        torch.tensor([3.0]),
        torch.tensor([0.0, h]),
        params=[theta],
        gradient="continuous adjoint",
        method="euler",
        options={"step_size": h},
    )
    assert found.parts[0].item() == pytest.approx((1 - h * 1.7) * (-h * 3.0))


def test_growth_on_the_way_back():
    """(21.2): an error of the state grows by exp(λ Δt), and `intervals` keeps it down."""
    lam, dt = 12.0, 0.7
    end = torch.tensor([1.0, 1.0 + 1e-6])
    steps = {"method": "rk4", "options": {"step_size": 1e-3}}
    back = odeint(lambda t, x: -lam * (x - 1), end, torch.tensor([dt, 0.0]), **steps)[-1]
    assert (back[1] - back[0]).item() == pytest.approx(1e-6 * math.exp(lam * dt), rel=1e-3)
    n = intervals(lam, dt, 1e-6, 1e-4)
    assert 1e-6 * math.exp(lam * dt / n) <= 1e-4 < 1e-6 * math.exp(lam * dt / (n - 1))


def test_evaluations_against_tolerance():
    """(21.3): m = 1/5 for dopri5 on a smooth problem, and it tells it from a stiff one."""
    func = lambda t, y: 30 * torch.stack([y[1], -y[0]])  # noqa: E731
    y0, t = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0])
    counts = [
        odeint(func, y0, t, rtol=tol, atol=tol, return_stats=True)[1].nfe for tol in (1e-5, 1e-9)
    ]
    assert tolerance_exponent(*counts, 1e-5, 1e-9) == pytest.approx(1 / 5, abs=0.01)


@pytest.mark.parametrize("lam", [300.0, 1000.0])
def test_evaluations_of_a_stiff_problem(lam):
    """(21.4): about 6 λT / 3.3, because dopri5 is stable up to hλ = 3.3."""
    assert abs(stability_function("dopri5", -3.3)) < 1 < abs(stability_function("dopri5", -3.32))
    t = torch.tensor([0.0, 2.0])
    stats = odeint(
        lambda t, y: -lam * (y - torch.cos(t)),
        torch.ones(1), t, rtol=1e-4, atol=1e-4, return_stats=True,
    )[1]  # fmt: skip
    assert 0.8 < stats.nfe / (6 * lam * 2 / 3.3) < 1.5


def test_a_hard_sample_is_diluted():
    """(21.5): a norm over n samples passes √n times the tolerance in one of them."""
    n, rtol, atol = 400, 0.0, 1e-3
    error, y = torch.zeros(n, 1), torch.ones(n, 1)
    error[0] = math.sqrt(n) * atol
    whole = (error / atol).square().mean().sqrt()
    assert whole.item() == pytest.approx(1.0)
    assert worst_sample(error, y, y, rtol, atol).item() == pytest.approx(math.sqrt(n))


def test_sum_of_time_gradients():
    """(21.6): Σ dL/dt_i = ∫ aᵀ ∂f/∂t dt; y' = t y, L = y(t₁)² + y(t₂), in closed form."""
    t = torch.tensor([0.2, 0.9, 1.5], requires_grad=True)
    y = odeint(lambda t, y: t * y, torch.tensor([2.0]), t, rtol=1e-10, atol=1e-12)
    (g,) = torch.autograd.grad(y[1].square().sum() + y[2].sum(), t)
    y1, y2 = y[1].item(), y[2].item()
    # a y is constant between observations, and ∂f/∂t = y
    before, after = 2 * y1 * y1 + y2, y2
    assert g.sum().item() == pytest.approx(before * 0.7 + after * 0.6, rel=1e-6)


# --- the widget ----------------------------------------------------------------------------------


def test_explorers_solution_and_count():
    """The exact solution obeys the equation; implicit Euler by hand is the library's."""
    lam, t, e = 7.0, 0.9, 1e-6
    slope = (nb21.exact(t + e, lam) - nb21.exact(t - e, lam)) / (2 * e)
    assert slope == pytest.approx(-lam * (nb21.exact(t, lam) - math.cos(t)), rel=1e-6)
    run = nb21.solved("implicit_euler", 0.1, lam)
    ys, stats = odeint(
        lambda t, y: -lam * (y - torch.cos(t)), torch.tensor([nb21.START]),
        torch.tensor([0.0, nb21.T]), method="implicit_euler", options={"step_size": 0.1},
        return_stats=True,
    )  # fmt: skip
    assert run.y[-1] == pytest.approx(ys[-1].item(), rel=1e-8)
    assert run.nfe == stats.nfe


@pytest.mark.parametrize("method", ["dopri5", "rk4", "euler"])
def test_explorers_runs(method):
    run = nb21.solved(method, 1e-3, 3.0)
    assert run.error < 0.02 and len(run.y) == len(nb21.TIMES)
    assert run.h is None or run.h == pytest.approx(max(1e-3 ** (1 / METHODS[method].order), 0.002))


def test_explorers_verdicts():
    """What the text asks the reader to find."""
    assert "stability alone asks for 364" in nb21.diagnose("dopri5", 1e-4, 100.0)
    assert "the rest is what the tolerance costs" in nb21.diagnose("dopri5", 1e-6, 1.0)
    assert nb21.diagnose("rk4", 1e-4, 100.0).startswith("blows up: hλ = 10")
    assert "coarser" in nb21.diagnose("euler", 1e-6, 1.0)
    assert "as accurate as asked" in nb21.diagnose("implicit_euler", 1e-2, 300.0)
    euler, dopri5 = (nb21.solved(m, 1e-2, 100.0) for m in ("euler", "dopri5"))
    assert euler.nfe < dopri5.nfe and euler.error < 1e-2, "Euler is cheaper there"


def test_explorer_marks_what_blew_up():
    figure = nb21.solve_doctor.figure(solver="Runge–Kutta 4", lam=100.0)
    left, right = figure.axes
    labels = [text.get_text() for text in right.get_legend().get_texts()]
    assert "Runge–Kutta 4 (blown up)" in labels and "dopri5" in labels
    assert np.nanmax(np.abs(left.lines[1].get_ydata())) < 10
    assert course_lib.plotting.COLORS["model"] == left.lines[1].get_color()
