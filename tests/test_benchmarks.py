"""The benchmarks say what they measure: counts are exact, pages follow from the stored numbers."""

import importlib
import json
import math

import matplotlib.pyplot as plt
import pytest
import torch

from benchmarks import harness, memory, operators, peers, scaling, solvers, work_precision
from course_lib.solvers import odeint
from course_lib.systems import kepler
from tools import readme

# What `make bench` and `make bench PEERS=all` store; the course's own costs have tests elsewhere.
NAMES = [
    "gradients",
    "memory",
    "operators",
    "peers",
    "scaling",
    "solvers",
    "traces",
    "work_precision",
]
STORED = [name for name in NAMES if (harness.RESULTS / f"{name}.json").exists()]
PICTURES = {"memory": memory, "scaling": scaling, "work_precision": work_precision}


def stored(name):
    return json.loads((harness.RESULTS / f"{name}.json").read_text(encoding="utf-8"))


# --- harness ---------------------------------------------------------------------------------


def test_the_ratio_of_a_run_to_itself_is_one_and_of_nothing_below_one():
    def work():
        return torch.randn(200, 200) @ torch.randn(200, 200)

    contenders = [harness.Contender("same", work, work), harness.Contender("no", int, work)]
    found = harness.paired_ratios(contenders, 5)
    assert 0.2 < found["same"]["median"] < 5 and found["no"]["median"] < 0.2


def test_slope_is_the_exponent():
    assert harness.slope([1, 2, 8], [3, 12, 192]) == pytest.approx(2)


@pytest.mark.parametrize(
    "value, target, expected",
    [(1.0, 1.0, "≤ 1, met"), (1.01, 1.0, "≤ 1, missed"), (1.0, None, "")],
)
def test_verdict(value, target, expected):
    assert harness.verdict(value, target) == expected


def test_a_look_stores_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    monkeypatch.setattr("sys.argv", ["bench", "--quick"])
    harness.run("some", 7, lambda rounds: [{"n": rounds}], lambda record: str(record["rows"]))
    assert str(harness.QUICK_ROUNDS) in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("sys.argv", ["bench"])
    harness.run("some", 7, lambda rounds: [{"n": rounds}], lambda record: "page")
    assert json.loads((tmp_path / "results" / "some.json").read_text())["rows"] == [{"n": 7}]
    assert (tmp_path / "results" / "some.md").read_text() == "page"


# --- what is stored --------------------------------------------------------------------------


@pytest.mark.parametrize("name", STORED)
def test_a_page_is_what_its_table_makes_of_the_stored_numbers(name):
    module = importlib.import_module(f"benchmarks.{'solvers' if name == 'peers' else name}")
    page = (harness.RESULTS / f"{name}.md").read_text(encoding="utf-8")
    assert page == module.table(stored(name)), f"run `python -m benchmarks.{name} --page`"


@pytest.mark.parametrize("name", [name for name in STORED if name in PICTURES])
def test_a_picture_is_small_and_can_be_drawn(name):
    assert 5_000 < (harness.RESULTS / f"{name}.png").stat().st_size < 200_000
    figure = PICTURES[name].plot(stored(name))
    assert all(ax.lines for ax in figure.axes)
    plt.close(figure)


def test_the_speed_page_has_every_benchmark():
    shown = {"speed" if name == "solvers" else name for name in STORED}
    assert set(readme.PARTS["SPEED.md"]) >= shown


# --- the benchmarks themselves ---------------------------------------------------------------


def test_operators_are_counted_exactly():
    """Euler is one addition and one time a step; rk4 has ten sums of slopes less three for y."""
    found, calls = operators.count(odeint, "euler", 10)
    more, _ = operators.count(odeint, "euler", 30)
    assert calls == 10
    assert more["full"] - found["full"] == 20 and more["add"] - found["add"] == 20
    assert (more - found).total() == 40


def test_the_stored_operators_are_those_of_today():
    kept = {
        (row["method"], row["contender"]): row["operators"] for row in stored("operators")["rows"]
    }
    assert kept == {
        (row["method"], row["contender"]): row["operators"] for row in operators.rows(1)
    }


def test_ratio_at_equal_error_of_a_solver_that_needs_a_quarter_more():
    errors = [1e-3, 1e-5, 1e-7]
    base = {"errors": errors, "nfe": [100, 200, 400]}
    slow = {"errors": errors[::-1], "nfe": [500, 250, 125]}
    assert work_precision.ratio_at_equal_error(slow, base) == pytest.approx(1.25)


def test_the_satellite_returns():
    """Arenstorf's orbit is closed: after one period it is where it began."""
    func, start, end = work_precision.problems()["Arenstorf"]
    y0 = torch.tensor(start, dtype=torch.float64)
    found = work_precision.scipy_solve(func, y0, end, "DOP853", 1e-12)
    assert (found - y0).norm() < 1e-3


def test_calls_are_counted_and_errors_measured():
    planet = kepler(0.5)
    y0 = planet.y0.double()
    nfe, error = work_precision.measure(
        planet.func, y0, [1.0], [planet.exact(1.0, y0)], "course_lib", 1e-8
    )
    assert nfe % 6 == 2 and 1e-12 < error < 1e-6


def test_memory_of_the_adjoint_is_flat_and_of_backprop_is_not():
    found = memory.memory_of(lambda n: memory.gradient("course_lib, backprop", n), 4)
    less = memory.memory_of(lambda n: memory.gradient("course_lib, continuous adjoint", n), 4)
    assert found["tensors"] > 3 * less["tensors"]


def test_sizes_grow_one_at_a_time():
    case, func, y0 = scaling.problem("dimension", 8)
    assert (case.batch, case.steps, y0.shape) == (128, 20, (128, 8))
    assert func(None, y0).shape == y0.shape
    case, _, y0 = scaling.problem("steps", 30)
    t = torch.tensor([0.0, case.horizon])
    visited = solvers.Recorder(lambda t, y: -y)
    solvers.torch_solve(odeint, case, y0)(visited)
    assert len(visited.visited) == 4 * 30 and t[-1] == 2


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    assert peers.missing() == list(peers.PEERS)
    case = solvers.CASES[0]
    assert peers.torch_peers(case, torch.zeros(1, 2)) == {}


def test_break_even_is_compile_time_over_time_saved(monkeypatch):
    monkeypatch.setattr(peers, "diffrax_solve", lambda case, y0, net: lambda: torch.ones(2))
    ratio = {"median": 0.5, "quartiles": [0.4, 0.6]}
    row = peers.diffrax_row(solvers.CASES[0], None, None, torch.ones(2), lambda solve: (ratio, 1e9))
    assert row["break_even"] == 0 and math.isclose(row["median"], 0.5)
    row = peers.diffrax_row(solvers.CASES[0], None, None, torch.ones(2), lambda solve: (ratio, -1))
    assert row["break_even"] is None
    with pytest.raises(AssertionError, match="diffrax disagrees"):
        peers.diffrax_row(solvers.CASES[0], None, None, torch.zeros(2), lambda solve: (ratio, 1))


def test_every_peer_is_pinned():
    text = (harness.ROOT / "benchmarks" / "requirements-peers.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line[0] not in "#-"]
    assert all(line.count("==") == 1 for line in lines)
    assert {line.partition("==")[0] for line in lines} >= set(peers.PEERS)
    assert "-r ../requirements.txt" in text
