"""Notebook 04: every numbered equation is checked, and its widgets do what the text says.

The equations that define a method, (4.8) to (4.24), are written out here once more, independently
of the library, and compared with it or with the property that the notebook derives from them.
"""

import doctest
import inspect
import math
import re

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_lib import plotting, systems
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises import grade
from course_lib.exercises.nb04 import euler_step, next_step, observed_order, rk4_step
from course_lib.solvers import METHODS, odeint, stability_function
from course_lib.widgets import guess, nb04, slope_field_explorer
from course_lib.widgets.guess import LAWS, MYSTERIES, Game, guess_the_ode, trajectory_error

NOTEBOOK = NOTEBOOKS_DIR / "04_odes_and_solvers.ipynb"


pytestmark = pytest.mark.usefixtures("float64")


def run(step, func, y0, t_end, n):
    """States [n + 1, d] after n equal steps: the notebook's `integrate`, written here once more."""
    h, states = t_end / n, [y0]
    for i in range(n):
        states.append(step(func, i * h, states[-1], h))
    return torch.stack(states)


def midpoint_step(func, t, y, h):
    return y + h * func(t + h / 2, y + h / 2 * func(t, y))


# --- equations -----------------------------------------------------------------------------------


def test_growth_equations():
    """(4.1), (4.2), (4.3), (4.4), (4.5): the formulas solve their equations and start at B₀."""
    r, K, B0 = 0.5, 100.0, 10.0
    for formula, rate in [
        (lambda t: B0 * math.exp(r * t), lambda B: r * B),
        (lambda t: K / (1 + (K / B0 - 1) * math.exp(-r * t)), lambda B: r * B * (1 - B / K)),
    ]:
        assert formula(0.0) == pytest.approx(B0)
        for t in (0.0, 1.0, 3.0, 8.0):
            slope = (formula(t + 1e-5) - formula(t - 1e-5)) / 2e-5
            assert slope == pytest.approx(rate(formula(t)), rel=1e-8)
    logistic = systems.logistic(r, K)
    assert logistic.exact(3.0, torch.tensor([B0])).item() == pytest.approx(formula(3.0))
    late = logistic.exact(90.0, torch.tensor([[2.0], [10.0], [60.0], [140.0]]))
    assert late.unique().tolist() == [100.0]  # section 4.8: where they came from is lost


def test_lipschitz_condition():
    """(4.6): a tanh network has a finite L; the root has none near zero."""
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(8, 8, generator=generator) for _ in range(2))
    bound = torch.linalg.norm(first, 2) * torch.linalg.norm(second, 2)
    y, z = (3 * torch.randn(500, 8, generator=generator) for _ in range(2))
    change = (torch.tanh(y @ first) @ second - torch.tanh(z @ first) @ second).norm(dim=1)
    assert bool((change <= bound * (y - z).norm(dim=1)).all())
    steepness = [math.sqrt(e) / e for e in (1e-2, 1e-6, 1e-12)]
    assert steepness == pytest.approx([1e1, 1e3, 1e6])


def test_many_solutions_from_zero():
    """(4.7): for every c the waiting curve solves ẏ = √|y| and starts at zero."""
    for c in (0.0, 0.7, 2.0):
        curve = lambda t, c=c: max(t - c, 0.0) ** 2 / 4  # noqa: E731
        assert curve(0.0) == 0.0
        for t in (0.3, 1.5, 3.0):
            slope = (curve(t + 1e-6) - curve(t - 1e-6)) / 2e-6
            assert slope == pytest.approx(math.sqrt(curve(t)), abs=1e-6)


def test_the_jump_is_the_problems_and_the_gap_to_four_is_eulers():
    """From 10⁻¹² the exact end is 4.000004; smaller steps close Euler's gap of 0.11 to it."""

    def end(n):
        y = 1e-12
        for _ in range(n):
            y += 4 / n * math.sqrt(y)
        return y

    exact = (4 / 2 + 1e-6) ** 2
    assert exact - end(400) == pytest.approx(0.11, abs=0.005)
    assert exact - end(4_000) < 0.02 and exact - end(40_000) < 0.002


def test_euler_by_hand():
    """(4.8): the table of the notebook, 10, 15, 22.5, 33.75, 50.625."""
    B = run(euler_step, systems.exponential(0.5).func, torch.tensor([10.0]), 4.0, 4)
    assert B[:, 0].tolist() == [10.0, 15.0, 22.5, 33.75, 50.625]


def test_local_error_of_euler():
    """(4.9): one step misses by ½h²ÿ(ξ) with ξ inside the step."""
    system, y0 = systems.exponential(0.5), torch.tensor([10.0])
    for h in (1.0, 0.1):
        miss = (system.exact(h, y0) - euler_step(system.func, 0.0, y0, h)).item()
        second = miss / (h**2 / 2)
        assert 0.25 * 10 < second < 0.25 * 10 * math.exp(0.5 * h)


def test_global_error_bound_of_euler():
    """(4.10): the bound holds, and is not vacuous (the error is more than a sixth of it)."""
    r, T, y0 = 0.5, 4.0, torch.tensor([10.0])
    system, M = systems.exponential(r), r**2 * 10 * math.exp(r * T)
    for n in (8, 64, 512):
        error = (run(euler_step, system.func, y0, T, n)[-1] - system.exact(T, y0)).abs().item()
        bound = M / (2 * r) * (math.exp(r * T) - 1) * T / n
        assert bound / 6 < error < bound


@pytest.mark.parametrize(("step", "order"), [(euler_step, 1), (midpoint_step, 2), (rk4_step, 4)])
def test_observed_order_needs_no_exact_solution(step, order):
    """(4.11), (4.12): three runs tell the order of Euler, midpoint (4.13) and RK4 (4.14)."""
    system, y0 = systems.seasonal_logistic(), torch.tensor([10.0])
    results = [run(step, system.func, y0, 3.0, n)[-1].item() for n in (60, 120, 240)]
    assert observed_order(*results) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize(
    ("step", "method"), [(euler_step, "euler"), (midpoint_step, "midpoint"), (rk4_step, "rk4")]
)
def test_library_takes_the_same_steps(step, method):
    """(4.8), (4.13), (4.14): what the learner wrote is what `odeint` computes."""
    system, y0 = systems.van_der_pol(2.0), torch.tensor([0.5, 0.3])
    ours = run(step, system.func, y0, 2.0, 20)
    options = {"step_size": 0.1}
    theirs = odeint(system.func, y0, torch.tensor([0.0, 2.0]), method=method, options=options)
    assert torch.allclose(ours[-1], theirs[-1], rtol=1e-12, atol=1e-12)


def notebook_functions():
    """What the notebook's own cells define: tableau and Dormand–Prince step, solver, leapfrog."""
    import nbformat

    space = {"torch": torch, "next_step": next_step}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code" and re.search(
            r"^def (dopri5_step|solve)|^A = ", cell.source, flags=re.M
        ):
            exec(cell.source, space)
        if cell.cell_type == "code" and "def leapfrog_step" in cell.source:
            exec(cell.source.partition("\n\n\n")[0], space)
    return space


def test_tableau():
    """(4.15), (4.16): the printed numbers are the library's, consistent, and of orders 5 and 4."""
    space, table = notebook_functions(), METHODS["dopri5"]
    for row, known in zip(space["A"], table.a, strict=True):
        assert row == pytest.approx(list(known), rel=1e-14)
    assert space["c"] == pytest.approx(list(table.c))
    difference = [u - v for u, v in zip(space["b"], space["b_hat"], strict=True)]
    assert difference == pytest.approx(list(table.error), abs=1e-15)
    c = np.array(space["c"])
    for q in range(1, 6):  # quadrature conditions: Σ bᵢ cᵢ^(q−1) = 1/q
        assert np.dot(space["b"], c ** (q - 1)) == pytest.approx(1 / q, abs=1e-14)
    for q in range(1, 5):
        assert np.dot(space["b_hat"], c ** (q - 1)) == pytest.approx(1 / q, abs=1e-14)
    assert np.dot(space["b_hat"], c**4) != pytest.approx(1 / 5, abs=1e-6)


def test_error_estimate_falls_with_the_fifth_power():
    """(4.17): the estimate of one step is proportional to h⁵."""
    step, system = notebook_functions()["dopri5_step"], systems.van_der_pol(1.0)
    y = torch.tensor([0.5, 1.0])
    sizes = [step(system.func, 0.0, y, h)[1].norm().item() for h in (0.04, 0.02)]
    assert math.log2(sizes[0] / sizes[1]) == pytest.approx(5, abs=0.15)


def test_controller():
    """(4.18): aims at nine tenths, limits the factor, ends at the end, and solves to tolerance."""
    assert next_step(0.1, 1.0, 9.0) == pytest.approx(0.09)
    assert next_step(0.1, 2.0**5, 9.0) == pytest.approx(0.045)
    assert next_step(0.1, 1e-12, 9.0) == pytest.approx(0.5)
    assert next_step(0.1, 1e12, 9.0) == pytest.approx(0.02)
    assert next_step(0.1, 1e-12, 0.3) == 0.3
    system = systems.kepler(0.5)
    times, states = notebook_functions()["solve"](system.func, system.y0, 0.0, 7.0, tol=1e-8)
    assert times[-1].item() == pytest.approx(7.0, abs=1e-14)
    assert torch.allclose(states[-1], system.exact(7.0, system.y0), atol=1e-5)


def test_stiff_problem_and_its_exact_solution():
    """(4.19): cos t + (y₀ − 1) exp(λt) solves it."""
    system = systems.stiff_linear(-50.0)
    for t in (0.0, 0.02, 1.0):
        y = system.exact(t, system.y0).item()
        assert y == pytest.approx(math.cos(t) - math.exp(-50 * t))
        slope = -math.sin(t) + 50 * math.exp(-50 * t)
        assert system.func(t, torch.tensor([y])).item() == pytest.approx(slope)


@pytest.mark.parametrize("method", ["euler", "midpoint", "rk4", "implicit_euler"])
def test_one_step_multiplies_by_the_stability_function(method):
    """(4.20), (4.22): on ẏ = λy a step multiplies by R(λh); Euler 1 + z, implicit 1/(1 − z)."""
    z, y0 = -1.7, torch.tensor([1.0])
    options = {"step_size": 1.0}
    y = odeint(lambda t, y: z * y, y0, torch.tensor([0.0, 1.0]), method=method, options=options)
    assert y[-1].item() == pytest.approx(stability_function(method, z), rel=1e-9)
    known = {"euler": 1 + z, "implicit_euler": 1 / (1 - z)}
    assert known.get(method, y[-1].item()) == pytest.approx(y[-1].item(), rel=1e-9)


def test_stability_limit_of_euler():
    """(4.21): bounded up to h = 2/|λ|, unbounded beyond."""
    for h, grows in [(0.0396, False), (0.0404, True)]:
        y = run(euler_step, lambda t, y: -50 * y, torch.tensor([1.0]), 400 * h, 400)
        assert (y[-1].abs().item() > 1) is grows


def test_euler_feeds_energy():
    """(4.23): exactly 1 + ω²h² a step on the oscillator."""
    system, h = systems.harmonic(1.7), 0.05
    energy = system.invariant(run(euler_step, system.func, torch.tensor([1.0, 0.4]), 2.0, 40))
    assert torch.allclose(energy[1:] / energy[:-1], torch.tensor(1 + (1.7 * h) ** 2), rtol=1e-12)
    pendulum, y0 = systems.pendulum(), torch.tensor([1.5, 0.0])  # not in every step: Figure 4.9
    q, v = states = run(euler_step, pendulum.func, y0, 80.0, 1600).T
    energy = pendulum.invariant(states.T)
    assert torch.allclose(energy, v**2 / 2 - q.cos())  # E as the text writes it
    assert energy[-1] > energy[0] and bool((energy.diff() < 0).any())


def test_leapfrog_retraces_its_steps_and_agrees_with_the_library():
    """(4.24): reversible to rounding; the notebook's cell is the library's rule."""
    leapfrog = notebook_functions()["leapfrog_step"]
    system, y0 = systems.pendulum(), torch.tensor([1.5, 0.0])
    there = run(leapfrog, system.func, y0, 10.0, 200)
    back = run(leapfrog, lambda t, y: system.func(t, y), there[-1], -10.0, 200)
    assert torch.allclose(back[-1], y0, atol=1e-12)
    euler_there = run(euler_step, system.func, y0, 10.0, 200)
    assert not torch.allclose(
        run(euler_step, system.func, euler_there[-1], -10.0, 200)[-1], y0, atol=1e-2
    )
    span, options = torch.tensor([0.0, 10.0]), {"step_size": 0.05}
    theirs = odeint(system.func, y0, span, method="leapfrog", options=options)
    assert torch.allclose(theirs[-1], there[-1], atol=1e-10)


def test_there_and_back():
    """Exercise 04.6: below ten for every rh < 1, which longer steps are not bound to."""
    growth = systems.exponential(0.5)

    def back(h, n):
        there = run(euler_step, growth.func, torch.tensor([10.0]), n * h, n)[-1]
        return run(euler_step, growth.func, there, -n * h, n)[-1].item()

    assert all(0 < back(h, n) < 10 for h in (0.1, 1.0, 1.9) for n in (1, 2, 7))
    assert back(4.0, 2) == pytest.approx(90.0)


# --- answers that were once taken for right, and more ways to make a known mistake ---------------


def answer(source, name):
    space = {"torch": torch, "math": math}
    exec(source, space)
    return space[name]


KUTTA_38 = """
def rk4_step(func, t, y, h):
    k1 = func(t, y)
    k2 = func(t + h / 3, y + h / 3 * k1)
    k3 = func(t + 2 / 3 * h, y + h * (-k1 / 3 + k2))
    k4 = func(t + h, y + h * (k1 - k2 + k3))
    return y + h * (k1 / 8 + 3 * k2 / 8 + 3 * k3 / 8 + k4 / 8)
"""
PLAIN_FACTOR = """
def next_step(h, ratio, remaining):
    return max(0.2, min(5.0, 0.9 * ratio ** -0.2))
"""
NO_LIMITS = """
def next_step(h, ratio, remaining):
    return min(0.9 * h / ratio ** 0.2, remaining)
"""
ROUNDED = """
def observed_order(coarse, medium, fine):
    return float(round(math.log2((coarse - medium) / (medium - fine))))
"""


@pytest.mark.parametrize(
    ("id", "given", "name"),
    [
        ("04.2", answer(ROUNDED, "observed_order"), "rounded"),
        ("04.3", answer(KUTTA_38, "rk4_step"), "another method of order four"),
        ("04.4", answer(PLAIN_FACTOR, "next_step"), "returns the factor"),
        ("04.4", answer(NO_LIMITS, "next_step"), "no limits on the factor"),
        ("04.5", 0.0393, "rounded beyond the limit"),
        ("04.5", 0.039, "two digits"),
        ("04.5", 51, "the eigenvalue itself"),
    ],
)
def test_wrong_answer_is_recognised(id, given, name):
    result = grade(id, given)
    assert (result.outcome, result.name) == ("misconception", name), result


@pytest.mark.parametrize("given", [2 / 51, 0.0392, 0.03922, 0.039216])
def test_stable_step_is_taken_to_three_digits_and_more(given):
    assert grade("04.5", given).outcome == "correct"


# --- figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", ["notebook", "projector"])
def test_labels_of_long_and_short_ticks_stand_in_line(context):
    """On a logarithmic axis 0.1, at a long tick, is written as high as 0.05 and 0.2."""
    with plt.rc_context():
        plotting.use_style(context)
        ax = plotting.convergence([0.05, 0.1, 0.2], {"Euler": [0.1, 0.2, 0.4]})
        fig = ax.figure
        fig.canvas.draw()
        labels = [*ax.get_xticklabels(), *ax.get_xticklabels(minor=True)]
        tops = {text.get_text(): text.get_window_extent().y1 for text in labels}
        ends = [*ax.get_yticklabels(), *ax.get_yticklabels(minor=True)]
        rights = {text.get_text(): text.get_window_extent().x1 for text in ends}
        plt.close(fig)
    assert {"0.05", "0.1", "0.2"} <= tops.keys() and {"0.1", "0.2"} <= rights.keys()
    assert max(tops.values()) - min(tops.values()) < 1.0
    assert max(rights.values()) - min(rights.values()) < 1.0


def test_last_points_are_not_clipped():
    """The mystery's points lie on the edge of the axes at both ends."""
    fig = guess_the_ode.figure()
    points = [line for line in fig.axes[0].lines if line.get_marker() not in ("", "None", None)]
    assert points and not any(line.get_clip_on() for line in points)
    plt.close(fig)


# --- the slope-field explorer --------------------------------------------------------------------


def test_stability_limits_that_the_text_states():
    limit = nb04.largest_stable_step
    assert limit("stiff: λ = −50", "euler") == pytest.approx(0.04, rel=1e-6)
    assert limit("stiff: λ = −50", "midpoint") == pytest.approx(0.04, rel=1e-6)
    assert limit("stiff: λ = −50", "rk4") == pytest.approx(0.0557, abs=1e-4)
    assert limit("stiff: λ = −50", "implicit_euler") == math.inf
    assert limit("oscillator", "euler") == limit("oscillator", "midpoint") == 0.0
    assert limit("oscillator", "rk4") == pytest.approx(math.sqrt(8), rel=1e-6)
    assert limit("bunnies, little grass", "euler") == pytest.approx(1.0, rel=1e-6)
    assert limit("bunnies", "euler") is None and limit("Van der Pol", "rk4") is None


@pytest.mark.parametrize("problem", nb04.PROBLEMS)
def test_explorer_draws_the_exact_solution(problem):
    fig = slope_field_explorer.figure(problem=problem, method="rk4", h=0.05)
    left, right = fig.axes
    blue = [line for line in left.lines if line.get_linestyle() == "-" and len(line.get_xdata())]
    orange = [line for line in left.lines if line.get_linestyle() == "--" and len(line.get_xdata())]
    chosen = nb04.PROBLEMS[problem]
    assert len(blue) == len(orange) == len(chosen.starts)
    end = np.array([blue[0].get_xdata()[-1], blue[0].get_ydata()[-1]])
    t_end, y0 = chosen.t_end, torch.tensor(chosen.starts[0])
    if chosen.system.exact is not None:
        exact = chosen.system.exact(t_end, y0).numpy()
        assert end[-chosen.system.dim :] == pytest.approx(exact, abs=1e-6)
    computed = np.array([orange[0].get_xdata()[-1], orange[0].get_ydata()[-1]])
    assert computed == pytest.approx(end, abs=0.02 * np.abs(end).max())
    assert "λh" in right.get_title() or "lambda h" in right.get_title()


def test_explorer_says_on_which_side_of_the_limit_it_is():
    panel = slope_field_explorer.panel()
    assert "within" in panel.status.value
    panel.presets["Just too long"].click()
    assert "beyond" in panel.status.value
    panel.controls["method"].value = "implicit_euler"
    assert "Stable for every h" in panel.status.value


def test_explorer_does_not_tell_what_is_to_be_found():
    """The text asks for the largest stable h: the verdict takes a side and names no number."""
    for problem in ("stiff: λ = −50", "oscillator", "bunnies, little grass"):
        for method in ("euler", "midpoint", "rk4"):
            for h in (0.03, 0.2, 1.9):
                limit = nb04.largest_stable_step(problem, method)
                side = "within" if h <= limit else "beyond"
                verdict = nb04._verdict(problem, method, h)
                assert verdict == f"This h is {side} the limit of stability."


def test_explorer_survives_a_blow_up():
    panel = slope_field_explorer.panel()
    panel.set(problem="bunnies, little grass", method="euler", h=1.9)
    assert panel.message.value == "" and panel.image.value
    t, y = nb04._computed("bunnies, little grass", "euler", 1.9)
    assert len(t) == len(y) >= 3


# --- the game ------------------------------------------------------------------------------------


def test_docstring_examples():
    for module, least in [(guess, 5), (nb04, 2)]:
        failed, attempted = doctest.testmod(module)
        assert attempted >= least and failed == 0


def law_of(mystery):
    return next(i for i, law in enumerate(LAWS) if law.name == mystery.law)


def test_the_talks_systems_are_all_there():
    wanted = {
        "harmonic oscillator",
        "Van der Pol oscillator",
        "logistic growth",
        "Lotka–Volterra",
        "pendulum",
        "Lorenz system",
    }
    assert wanted <= {mystery.law for mystery in MYSTERIES}


def test_right_guesses_win_every_round_but_the_last():
    game = Game()
    for mystery in MYSTERIES[:-1]:
        assert "That is it" in game.guess(law_of(mystery), mystery.p)
        assert game.closed and game.points[game.round] == 100
        assert "over" in game.guess(0, 1.0)  # nothing counts any more
        assert len(game.guesses) == 1
        game.next_round()
    assert game.last and game.total == 600
    assert "game is over: 600 of 700" in game.next_round()


@pytest.mark.slow
@pytest.mark.parametrize("mystery", MYSTERIES, ids=lambda m: str(m.law))
def test_no_other_law_would_pass(mystery):
    """At every fourth value of every other law of as many states the error is above 2 %."""
    truth, best = guess._path(mystery, None, 0.0), math.inf
    for i, law in enumerate(LAWS):
        if law.dim != mystery.dim or law.name == mystery.law:
            continue
        low, high, step = law.values
        for p in np.arange(low, high + step / 2, 4 * step):
            path = guess._path(mystery, i, round(float(p), 6))
            best = min(best, trajectory_error(path, truth))
    assert best > (0.4 if mystery.law is None else 2 * guess.SOLVED)


@pytest.mark.parametrize("mystery", MYSTERIES[:-1], ids=lambda m: m.law)
def test_a_near_miss_scores_between_right_and_wrong(mystery):
    truth, law = guess._path(mystery, None, 0.0), law_of(mystery)
    low, high, step = LAWS[law].values
    assert low <= mystery.p <= high
    assert (mystery.p - low) / step == pytest.approx(round((mystery.p - low) / step), abs=1e-6)
    near = trajectory_error(guess._path(mystery, law, mystery.p - step), truth)
    assert near > guess.SOLVED
    assert near < 1.2  # chaos and long runs: worthless at worst, never infinite


def test_points_follow_the_trajectory_error():
    game = Game()
    game.guess(2, 0.6)
    error = game.guesses[0][2]
    assert 0.02 < error < 0.6 and game.points[0] == round(100 * (1 - error))
    first = game.points[0]
    game.guess(0, 2.0)  # exponential growth: far off
    assert game.points[0] == first  # the best guess counts
    game.guess(2, 0.8)
    assert game.points[0] == max(first, 80)  # right, at the third guess


def test_a_law_with_other_states_is_refused_and_free():
    game = Game()
    assert "Not counted" in game.guess(8, 28.0)
    assert not game.guesses and game.total == 0


def test_a_law_that_blows_up_is_worth_nothing(monkeypatch):
    def explode(*_):
        raise guess.SolverError("blew up", t=0.1, y=torch.ones(1))

    game = Game()
    real = guess._path
    monkeypatch.setattr(
        guess, "_path", lambda m, law, p: explode() if law == 0 else real(m, law, p)
    )
    assert "more than 1000 %" in game.guess(0, 2.0)
    assert game.total == 0
    guess.draw(guess.Figure(), game)  # and is not drawn


def test_reveal_and_reset():
    game = Game()
    game.guess(2, 0.6)
    won = game.total
    assert "logistic growth, p = 0.8" in game.reveal()
    assert game.closed and game.total == won
    game.next_round()
    game.guess(4, 1.0)
    game.reset()
    assert (game.round, game.closed, game.guesses, game.total) == (0, False, [], 0)


def test_the_last_round_asks_the_talks_question():
    game = Game(round=len(MYSTERIES) - 1)
    for law, p in [(3, 1.0), (6, 1.0)]:
        game.guess(law, p)
    assert "press Reveal" in game.guess(5, 1.0)
    assert "What if no formula comes to mind?" in game.reveal()


def test_every_control_of_the_panel():
    panel = guess_the_ode.panel()
    assert list(panel.buttons) == ["Guess", "Reveal", "Next round", "Start again"]
    assert isinstance(guess_the_ode(), ipywidgets.VBox)
    pictures = [panel.image.value]

    def press(label):
        panel.buttons[label].click()
        pictures.append(panel.image.value)
        return panel.status.value

    panel.law.value, panel.p.value = 1, 0.3
    assert "trajectory error" in press("Guess") and pictures[-1] != pictures[-2]
    panel.law.value, panel.p.value = 2, 0.8
    assert "That is it" in press("Guess") and pictures[-1] != pictures[-2]
    assert "Round 2 of 7" in press("Next round") and pictures[-1] != pictures[-2]
    assert "harmonic oscillator" in press("Reveal") and pictures[-1] != pictures[-2]
    assert "0 in all" in press("Start again") and pictures[-1] == pictures[0]


def test_the_slider_takes_each_laws_range():
    panel = guess_the_ode.panel()
    for i, law in [*enumerate(LAWS), *reversed(list(enumerate(LAWS)))]:
        panel.law.value = i
        low, high, step = law.values
        assert (panel.p.min, panel.p.max, panel.p.step) == (low, high, step)
        assert low <= panel.p.value <= high
        for end in (low, high):
            panel.p.value = end
            assert panel.p.value == end


def test_all_rounds_can_be_drawn_with_points_on_the_truth():
    game = Game()
    for mystery in MYSTERIES:
        fig = guess.Figure()
        guess.draw(fig, game)
        over_time, phase = fig.axes
        truth = guess._path(mystery, None, 0.0)
        assert len(over_time.lines) == mystery.dim
        assert over_time.lines[0].get_ydata() == pytest.approx(truth[::5, 0].numpy())
        assert phase.get_xlabel() and phase.get_ylabel()
        game.next_round()


def test_the_game_is_silent_and_deterministic(capsys):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    first, second = guess_the_ode.panel(), guess_the_ode.panel()
    assert first.image.value == second.image.value
    assert plt.get_fignums() == before
    assert capsys.readouterr().out == ""
    assert repr(first.box) == repr(second.box)


def test_public_functions_are_documented():
    for function in (nb04.largest_stable_step, trajectory_error, guess.draw, Game.guess):
        assert inspect.getdoc(function)
