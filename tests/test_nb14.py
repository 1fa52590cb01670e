"""Notebook 14: its equations, its stored table and its widget."""

import itertools
import math

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch

from course_lib import results, systems
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises import nb14
from course_lib.sequences import windows
from course_lib.solvers import odeint
from course_lib.sparse import bic, monomials, shoot, stlsq
from course_lib.widgets import nb14 as widget
from course_lib.widgets import recovery_explorer
from experiments import ude

NOTEBOOK = NOTEBOOKS_DIR / "14_universal_differential_equations.ipynb"
ALPHA, BETA, GAMMA, DELTA = 1.3, 0.9, 0.8, 1.8
NATURE = systems.lotka_volterra(alpha=ALPHA, beta=BETA, gamma=DELTA, delta=GAMMA)
START = torch.tensor([0.44249296, 4.6280594], dtype=torch.float64)

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def exact(t, start=START):
    return odeint(NATURE.func, start, t, rtol=1e-11, atol=1e-11)


def interactions(u):
    product = u.prod(-1)
    return torch.stack([-BETA * product, GAMMA * product], -1)


def source_with(text):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (cell,) = [c.source for c in notebook.cells if c.cell_type == "code" and text in c.source]
    return cell


# --- equations -----------------------------------------------------------------------------------


def test_the_two_names():
    """(14.1): the library's system with γ and δ exchanged; the cycle takes 5.5."""
    x, y = torch.rand(2, 9, generator=seeded()) + 0.5
    wanted = torch.stack([ALPHA * x - BETA * x * y, GAMMA * x * y - DELTA * y], -1)
    torch.testing.assert_close(NATURE.func(0.0, torch.stack([x, y], -1)), wanted)
    t = torch.linspace(0, 50, 1001)
    u = odeint(NATURE.func, START, t, rtol=1e-8, atol=1e-8)
    x = u[:, 0]
    peaks = t[1:-1][(x[1:-1] > x[:-2]) & (x[1:-1] > x[2:])]
    assert len(peaks) == 9
    assert peaks.diff().mean().item() == pytest.approx(5.5, abs=0.05)
    assert u.std().item() == pytest.approx(2.4, abs=0.05)


def test_known_terms_and_the_true_interaction_make_nature():
    """(14.2): with f = (−βxy, γxy) the UDE is Lotka–Volterra; without it, it is not."""
    u = torch.rand(9, 2, generator=seeded()) + 0.5
    made = nb14.ude_rhs(interactions, ALPHA, DELTA, 0.0, u)
    torch.testing.assert_close(made, NATURE.func(0.0, u))
    nothing = nb14.ude_rhs(torch.zeros_like, ALPHA, DELTA, 0.0, u)
    assert (nothing - made).abs().max() > 0.1


def test_the_loss_of_short_shots():
    """(14.3): mean square over windows, times and components; zero for nature itself."""
    t = torch.linspace(0, 6, 61)
    times, states = windows(t[None], exact(t)[None], 6)
    assert states.shape == (56, 6, 2)
    m, w, total = 5, 56, 0.0
    for j in range(w):
        ahead = odeint(NATURE.func, states[j, 0], times[j] - times[j, 0], method="rk4",
                       options={"step_size": 0.1})  # fmt: skip
        total += (ahead[1:] - states[j, 1:] - 0.1).square().sum().item()
    together = odeint(NATURE.func, states[:, 0], t[:6], method="rk4", options={"step_size": 0.1})
    mean = (together[1:].movedim(0, 1) - states[:, 1:] - 0.1).square().mean().item()
    assert mean == pytest.approx(total / (2 * m * w))
    assert mean == pytest.approx(0.01, rel=0.05)  # off by 0.1 everywhere: RK4 itself is exact


def test_the_library_and_its_coefficients():
    """(14.4): six candidates a state; the true law is −β and γ at xy."""
    u = exact(torch.linspace(0, 6, 61))
    x, y = u[7]
    row = torch.stack([torch.ones(()), x, y, x**2, x * y, y**2])
    torch.testing.assert_close(monomials(u, 2)[7], row)
    coefs = torch.zeros(6, 2)
    coefs[4] = torch.tensor([-BETA, GAMMA])
    torch.testing.assert_close(monomials(u, 2) @ coefs, interactions(u))


def test_thresholded_least_squares():
    """(14.5): supports shrink, each refit is least squares; the exercise equals the library."""
    theta, values, threshold = nb14.fit_cases(seeded())[0]
    support, supports = torch.ones(5, dtype=torch.bool), []
    for _ in range(6):
        coefs = torch.zeros(5)
        coefs[support] = torch.linalg.lstsq(theta[:, support], values).solution
        supports.append(support)
        support = support & (coefs.abs() >= threshold)
    assert all((b <= a).all() for a, b in itertools.pairwise(supports))
    assert supports[1].sum() > supports[-1].sum()  # the second round matters
    torch.testing.assert_close(nb14.threshold_fit(theta, values, threshold), coefs)
    torch.testing.assert_close(stlsq(theta, values[:, None], threshold)[:, 0], coefs)


def test_shooting_minimises_the_sum_of_squares():
    """(14.6): no neighbour of the fit has a smaller RSS."""
    t = torch.linspace(0, 6, 61)
    clean = exact(t)
    data = clean + 0.05 * clean.mean(0) * torch.randn(61, 2, generator=seeded())
    rates, first = torch.tensor([ALPHA, -DELTA]), torch.zeros(6, 2)
    first[4] = torch.tensor([-1.0, 0.7])
    fit = shoot(lambda u: rates * u, lambda u: monomials(u, 2), first, t, data)

    def rss(coefs, start):
        u = odeint(lambda s, u: rates * u + monomials(u, 2) @ coefs, start, t, method="rk4",
                   options={"step_size": 0.1})  # fmt: skip
        return ((u - data) / data.abs().mean(0)).square().sum().item()

    assert rss(fit.coefs, fit.start) == pytest.approx(fit.rss)
    for j in range(2):
        for move in (-0.01, 0.01):
            moved, start = fit.coefs.clone(), fit.start.clone()
            moved[4, j] += move
            start[j] += move
            assert rss(moved, fit.start) > fit.rss
            assert rss(fit.coefs, start) > fit.rss


def test_the_price_of_a_term():
    """(14.7): n ln(RSS/n) + k ln n; ten parameters cost 48 at n = 122; the exercise agrees."""
    assert bic(2.5, 122, 4) == pytest.approx(122 * math.log(2.5 / 122) + 4 * math.log(122))
    assert bic(2.5, 122, 14) - bic(2.5, 122, 4) == pytest.approx(48, abs=0.1)
    for rss, parameters, n in nb14.choose_cases(None):
        scores = [bic(r, n, k) for r, k in zip(rss, parameters, strict=True)]
        assert nb14.choose(rss, parameters, n) == int(np.argmin(scores))


def test_errors_are_amplified_by_the_smallest_singular_value():
    """(14.8): the bound holds, and is reached along the last singular vector."""
    theta = monomials(exact(torch.linspace(0, 6, 61)), 2)
    left, sizes, _ = torch.linalg.svd(theta, full_matrices=False)
    worst = torch.linalg.lstsq(theta, left[:, -1]).solution.norm()
    assert worst.item() == pytest.approx(1 / sizes[-1].item())
    e = torch.randn(61, generator=seeded())
    assert torch.linalg.lstsq(theta, e).solution.norm() <= e.norm() / sizes[-1]
    assert torch.linalg.cond(theta).item() == pytest.approx((sizes[0] / sizes[-1]).item())


def test_one_orbit_makes_candidates_dependent():
    """(14.9): the quantity is kept; rank four on one orbit, five on two; a wrong sign is not."""
    t = torch.linspace(0, 6, 301)
    one, other = exact(t), exact(t, torch.tensor([2.0, 2.5]))
    weights = torch.tensor([GAMMA, BETA, -DELTA, -ALPHA])
    kept = torch.cat([one, one.log()], -1) @ weights
    assert (kept.max() - kept.min()).item() < 1e-8
    exchanged = torch.cat([one, one.log()], -1) @ weights[[0, 1, 3, 2]]
    assert (exchanged.max() - exchanged.min()).item() > 0.1

    def rank(u):
        theta = torch.cat([monomials(u, 1), u.log()], -1)
        return torch.linalg.matrix_rank(theta / theta.norm(dim=0), rtol=1e-7).item()

    assert rank(one) == 4 and rank(torch.cat([one, other])) == 5


def test_the_loss_of_a_pinn():
    """(14.10): zero for the solution as a function of time, not for another curve."""
    t = torch.linspace(0, 6, 6001)
    u, mu = exact(t), 0.5

    def loss(curve):
        slope = (curve[2:] - curve[:-2]) / (t[2:] - t[:-2])[:, None]
        residual = slope - NATURE.func(0.0, curve[1:-1])
        fit = (curve - u).square().sum(-1).mean()
        return (fit + mu * residual.square().sum(-1).mean()).item()

    assert loss(u) < 1e-6
    shifted = torch.cat([u[100:], u[:100]])
    assert loss(shifted) > 1 and loss(1.05 * u) > 0.01


def test_the_line_of_exercise_4():
    """y = 2x: six columns, rank three."""
    x = torch.linspace(1, 5, 1000)
    theta = monomials(torch.stack([x, 2 * x], -1), 2)
    assert torch.linalg.matrix_rank(theta).item() == 3


# --- the stored table ----------------------------------------------------------------------------


def test_a_stored_run_repeats():
    """The seventh realisation at 5% noise is trained again: same terms, same choice."""
    stored = results.row(results.load("ude"), noise=0.05, samples=61)
    again = ude.run(0.05, 61, 6)
    for key in ("network", "differences", "terms", "bic"):
        assert again[key] == stored[key][6], key
    assert again["coefs"] == pytest.approx(stored["coefs"][6], abs=1e-3)


def test_further_training_lowers_the_loss_of_the_whole_trajectory():
    """From weights that are far off: five steps are enough to see it."""
    t, data = ude.measured(0.01, 61, 0)
    model = ude.Hybrid((ALPHA, -DELTA), seeded(3))
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 0.1  # nearly no interaction at all: far from the data

    def loss():
        with torch.no_grad():
            u = odeint(model, data[0], t, method="rk4", options={"step_size": 0.1})
        return (u - data).square().mean().item()

    before = loss()
    ude.polish(model, data, iterations=5)
    assert loss() < 0.9 * before


def test_the_stored_forecasts():
    """All ten realisations, four of them trained further; the recovered equation is best in all."""
    row = results.row(results.load("ude"), noise=0.01, samples=61)
    for name in ("ude", "black_box"):
        late, further = row[f"{name}_late"], row[f"{name}_polished"]
        assert len(late) == len(further) == 10
        assert [k for k, value in enumerate(further) if value is not None] == [0, 5, 6, 7]
        assert all(a < b for a, b in zip(row["chosen_late"], late, strict=True))


def test_the_notebook_trains_what_the_experiment_trains():
    source = source_with("class Hybrid")
    assert "MLP([2, 16, 16, 2]" in source and "u / 3" in source
    assert "steps=400, lr=1e-2" in source_with("def fit(model, data)")


def test_right_and_wrong_supports():
    coefs = torch.zeros(6, 2)
    assert not ude.is_right(coefs)
    coefs[4] = 1.0
    assert ude.is_right(coefs)
    coefs[0, 1] = 0.01
    assert not ude.is_right(coefs)


# --- the widget ----------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", widget.NOISES)
def test_the_widget_shows_every_setting(noise):
    panel = recovery_explorer.panel()
    for samples in widget.SAMPLES:
        panel.set(noise=noise, samples=samples, threshold=0.1)
        assert panel.message.value == ""
        assert "Bunnies:" in panel.status.value


@pytest.mark.parametrize(("noise", "threshold"), [("1%", 0.1), ("10%", 0.02)])
def test_the_widget_solves_what_the_library_solves(noise, threshold):
    coefs, rates = widget.recovered(noise, 61, threshold), torch.tensor([ALPHA, -DELTA])

    def func(s, u):
        return rates * u + monomials(u, 2) @ coefs

    t, _ = widget.truth()
    slow = odeint(func, START, t, method="rk4", options={"step_size": 0.1})
    np.testing.assert_allclose(widget.follow(coefs), slow, rtol=1e-9, atol=1e-9)


def test_the_widget_stops_where_states_leave_all_bounds():
    explosive = torch.zeros(6, 2)
    explosive[3] = 50.0
    assert 1 <= len(widget.follow(explosive)) < 121


def test_the_widget_recovers_and_fails():
    assert "These are the right terms" in recovery_explorer.panel().status.value
    panel = recovery_explorer.panel()
    panel.set(threshold=1.0)
    assert "not the right terms" in panel.status.value and "Bunnies: 0" in panel.status.value


def test_the_widget_draws_the_threshold():
    fig = recovery_explorer.figure(noise="5%", samples=61, threshold=0.1)
    left, right = fig.axes
    (level,) = {line.get_ydata()[0] for line in left.lines if line.get_linestyle() == "--"}
    assert level == pytest.approx(-1)  # the axis counts decades
    samples = [line for line in right.lines if line.get_label() == "samples"]
    assert len(samples[0].get_xdata()) == 61
    plt.close(fig)
