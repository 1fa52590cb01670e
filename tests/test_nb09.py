"""Notebook 09: every numbered equation is checked, and so are its tables and its widget."""

import math

import numpy as np
import pytest
import torch

from course_lib import results
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises.nb09 import adjoint_backward as reference
from course_lib.exercises.nb09 import (
    adjoint_slopes,
    peak_states,
    run_backward,
    sensitivity_slope,
    solve_back,
    turning,
)
from course_lib.gradients import loss_gradient, odeint_adjoint, taylor_remainders
from course_lib.gradients.forward import finite_differences
from course_lib.metrics import observed_order
from course_lib.solvers import odeint
from course_lib.widgets import nb09
from experiments import gradient_memory, gradient_time

NOTEBOOK = NOTEBOOKS_DIR / "09_gradients.ipynb"
TIGHT = {"rtol": 1e-10, "atol": 1e-12}


pytestmark = pytest.mark.usefixtures("float64")


def problem():
    """The pendulum-like field of the exercises: start, times, parameters and a loss."""
    y0, theta = torch.tensor([1.0, -0.5]), torch.tensor([1.0, 2.0], requires_grad=True)
    t, weights = torch.tensor([0.2, 0.9, 1.5]), torch.tensor([[1.0, 2.0], [-1.0, 0.5], [2.0, 1.0]])
    func = lambda s, y: turning(s, y, theta)  # noqa: E731
    return func, y0, t, theta, lambda y: (weights * y.sin()).sum()


def gradient(name="backprop", **keywords):
    func, y0, t, theta, loss = problem()
    return loss_gradient(loss, func, y0, t, params=[theta], gradient=name, **TIGHT | keywords)


def test_orders_of_differences():
    """(9.2), (9.3): the errors fall like ε and ε², and then rise again."""
    x = torch.tensor([0.7])
    for central, order in ((False, 1), (True, 2)):
        error = lambda eps, c=central: abs(  # noqa: E731
            finite_differences(lambda: torch.sin(x).sum(), [x], eps=eps, central=c)[0].item()
            - math.cos(0.7)
        )
        sizes = [1e-1, 1e-2, 1e-3]
        assert observed_order([error(e) for e in sizes], sizes) == pytest.approx(order, abs=0.1)
        assert error(1e-12) > 10 * error(1e-6)


def test_sensitivities():
    """(9.1), (9.4), (9.5): S from the exercise's slope gives the gradient of the loss."""
    _func, y0, t, theta, loss = problem()

    def coupled(s, state):
        y, S = state
        J = torch.autograd.functional.jacobian(lambda x: turning(s, x, theta.detach()), y)
        F = torch.autograd.functional.jacobian(lambda p: turning(s, y, p), theta.detach())
        return turning(s, y, theta.detach()), sensitivity_slope(J, F, S)

    y, S = odeint(coupled, (y0, torch.zeros(2, 2)), t, **TIGHT)
    y.requires_grad_()
    (by_y,) = torch.autograd.grad(loss(y), y)
    found = torch.einsum("in,inp->p", by_y, S)
    assert torch.allclose(found, gradient().vector, rtol=1e-7)


@pytest.mark.parametrize("name", ["discrete adjoint", "checkpointed adjoint"])
def test_discrete_adjoint_walks_back_through_the_steps(name):
    """(9.6): equal to backpropagation, to rounding, on a coarse grid."""
    coarse = {"method": "rk4", "options": {"step_size": 0.3}}
    found, wanted = gradient(name, **coarse).vector, gradient(**coarse).vector
    assert torch.allclose(found, wanted, rtol=1e-13, atol=0)


def test_the_lagrangian_changes_nothing_and_its_derivative_is_the_gradient():
    """(9.7), (9.8), (9.9), (9.11): with a chosen so, δL = ∫ aᵀ ∂f/∂θ δθ dt for any δθ."""
    func, y0, t, theta, loss = problem()
    ys = odeint(func, y0, t, **TIGHT).detach().requires_grad_()
    (g,) = torch.autograd.grad(loss(ys), ys)

    def back(s, state):
        y, a, _ = state
        J = torch.autograd.functional.jacobian(lambda x: turning(s, x, theta.detach()), y)
        F = torch.autograd.functional.jacobian(lambda p: turning(s, y, p), theta.detach())
        return turning(s, y, theta.detach()), *adjoint_slopes(J, F, a)

    a, total = torch.zeros(2), torch.zeros(2)
    for i in (2, 1):
        _y, a, total = (
            part[-1] for part in odeint(
                back, (ys[i].detach(), a + g[i], total), t[[i, i - 1]], **TIGHT
            )
        )  # fmt: skip
    assert torch.allclose(total, gradient().vector, rtol=1e-7)


def test_the_adjoint_is_the_gradient_with_respect_to_the_state():
    """(9.10): a at an interior time equals autograd's gradient of restarting there."""
    func, y0, t, theta, loss = problem()
    middle = odeint(func, y0, torch.tensor([0.2, 0.6]), **TIGHT)[-1].detach().requires_grad_()
    rest = odeint(func, middle, torch.tensor([0.6, 0.9, 1.5]), **TIGHT)
    first = odeint(func, y0, torch.tensor([0.2, 0.6]), **TIGHT)[:1].detach()
    (wanted,) = torch.autograd.grad(loss(torch.cat([first, rest[1:]])), middle)
    ys = odeint(func, y0, t, **TIGHT).detach().requires_grad_()
    (g,) = torch.autograd.grad(loss(ys), ys)
    _, a, _ = solve_back(turning, theta, t[2], t[1], ys[2].detach(), g[2])
    _, a, _ = solve_back(turning, theta, t[1], torch.tensor(0.6), ys[1].detach(), a + g[1])
    assert torch.allclose(a, wanted, rtol=1e-5)


def test_time_gradients():
    """(9.12): the exercise's dL/dt agrees with central differences in every time."""
    _, y0, t, theta, _ = problem()
    weights = torch.tensor([[1.0, 2.0], [-1.0, 0.5], [2.0, 1.0]])
    _, found, _ = run_backward(reference, turning, y0, t, theta.detach(), weights)
    at = t.clone()
    value = lambda: (  # noqa: E731
        weights * odeint(lambda s, y: turning(s, y, theta), y0, at, **TIGHT)
    ).sum()
    (wanted,) = finite_differences(value, [at], eps=1e-4, central=True)
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_reversible_heun_can_be_undone():
    """(9.13): the second line gives back what the first line started from."""
    f = lambda z: torch.sin(3 * z)  # noqa: E731
    y, z, h = torch.tensor([0.3, -1.0]), torch.tensor([0.31, -1.02]), 0.1
    z1 = 2 * y - z + h * f(z)
    y1 = y + h / 2 * (f(z) + f(z1))
    back_z = 2 * y1 - z1 - h * f(z1)
    back_y = y1 - h / 2 * (f(back_z) + f(z1))
    assert torch.allclose(back_z, z, atol=1e-15) and torch.allclose(back_y, y, atol=1e-15)


def test_taylor_remainder_tells_right_from_wrong():
    """(9.14): slope two for the gradient, one for a gradient that is a per cent off."""
    x, v = torch.tensor([0.3, 1.2]), torch.tensor([1.0, -0.5])
    f = lambda x: torch.exp(x).sum().item()  # noqa: E731
    sizes = [1e-3, 1e-4, 1e-5]
    slopes = [
        observed_order(taylor_remainders(f, x, g, v, sizes), sizes)
        for g in (torch.exp(x), torch.exp(x) * 1.01)
    ]
    assert slopes == pytest.approx([2, 1], abs=0.1)


def test_errors_grow_on_the_way_back():
    """(9.15): the gap at t = 0 is e^λ times the one at t = 1."""
    lam, flow = 8.0, lambda t, y: -8.0 * (y - 1)
    back = torch.tensor([1.0, 0.0])
    ends = [odeint(flow, torch.tensor([1.5 + d]), back, **TIGHT)[-1] for d in (0.0, 1e-6)]
    assert (ends[1] - ends[0]).item() == pytest.approx(1e-6 * math.exp(lam), rel=1e-6)


def test_decay_to_zero_is_found_again_with_fixed_steps_only():
    """What 9.6 says of ẏ = −100 y: an absolute tolerance sees nothing in e^−100."""
    end, back = torch.tensor([math.exp(-100.0)]), torch.tensor([1.0, 0.0])
    decay = lambda t, y: -100 * y  # noqa: E731
    fixed = odeint(decay, end, back, method="rk4", options={"step_size": 1e-3})[-1].item()
    adaptive = odeint(decay, end, back, rtol=1e-7, atol=1e-9)[-1].item()
    assert fixed == pytest.approx(1, rel=1e-3)
    assert abs(adaptive) < 1e-20
    assert 1 + math.exp(-36) > 1 and 1 + math.exp(-37) == 1


def test_the_van_der_pol_error_depends_on_start_and_loss():
    """9.6: under one per cent from (0.5, 0.5), more than 30 for both components from (2, 0)."""
    mu = torch.tensor(1.0, requires_grad=True)
    ring = lambda t, y: torch.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])  # noqa: E731
    scheme = {"method": "rk4", "options": {"step_size": 0.02}}

    def gap(start, component):
        y0, t = torch.tensor(start), torch.tensor([0.0, 20.0])
        found, exact = (
            torch.autograd.grad(solve(ring, y0, t, **scheme, **more)[-1, component], mu)[0].item()
            for solve, more in ((odeint_adjoint, {"adjoint_params": (mu,)}), (odeint, {}))
        )
        return abs(found / exact - 1)

    assert gap([0.5, 0.5], 0) < 0.01
    assert gap([2.0, 0.0], 1) == pytest.approx(0.36, abs=0.05)


def test_checkpoints_of_the_exercise():
    """The best stride is near √n, and 1000 steps take 63 states."""
    best = min(range(1, 1001), key=lambda k: peak_states(1000, k))
    assert 25 <= best <= 40 and peak_states(1000, best) in (62, 63)


def test_checkpoints_cure_van_der_pol():
    """Tens of per cent without, little with 16 intervals, as in section 9.6.

    With twice its step the error of order four may be sixteen times the notebook's 1e-5.
    """
    mu = torch.tensor(1.0, requires_grad=True)
    ring = lambda t, y: torch.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])  # noqa: E731
    scheme = {"method": "rk4", "options": {"step_size": 0.04}}

    def by_mu(solve, n, **keywords):
        y = solve(ring, torch.tensor([2.0, 0.0]), torch.linspace(0, 20, n), **scheme, **keywords)
        return torch.autograd.grad(y[-1, 0], mu)[0].item()

    exact = by_mu(odeint, 2)
    assert abs(by_mu(odeint_adjoint, 2, adjoint_params=(mu,)) / exact - 1) > 0.1
    assert abs(by_mu(odeint_adjoint, 17, adjoint_params=(mu,)) / exact - 1) < 16e-5


# --- stored tables -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["discrete adjoint", "continuous adjoint", "backprop"])
def test_memory_can_be_measured_again(name):
    """Ten steps, in this process: the count of tensors is the stored one."""
    torch.set_default_dtype(torch.float32)
    stored = results.row(results.load("gradient_memory"), gradient=name, steps=10)
    assert gradient_memory.measure(name, 10)["tensors"] == pytest.approx(
        stored["tensors"], rel=0.02
    )


def test_memory_grows_as_the_notebook_says():
    rows = results.load("gradient_memory")["rows"]
    peak = {(r["gradient"], r["steps"]): r["tensors"] for r in rows}
    state = 1024 * 2 * 4

    def growth(name):
        return (peak[name, 1000] - peak[name, 10]) / state

    for name in ("continuous adjoint", "reversible"):
        assert peak[name, 1000] / peak[name, 10] == pytest.approx(1, abs=0.05)
    assert growth("discrete adjoint") == pytest.approx(990, rel=0.05)
    assert 20 < growth("checkpointed adjoint") < 90
    assert growth("backprop") > 200_000


def test_stored_times_cover_the_methods():
    rows = results.load("gradient_time")["rows"]
    assert {r["width"] for r in rows} == set(gradient_time.WIDTHS)
    for row in rows:
        low, high = row["quartiles"]
        assert low <= row["ratio"] <= high


# --- the widget ----------------------------------------------------------------------------------


def test_the_truth_of_the_explorer():
    """Its formulas solve the equations, and its gradient is that of x(0.05)."""
    lam, h = 12.0, 1e-6
    for t in (0.02, 0.4):
        (x, a, _), (x1, a1, _) = nb09.exact([t], lam)[:, 0], nb09.exact([t + h], lam)[:, 0]
        assert (x1 - x) / h == pytest.approx(-lam * (x - 1), rel=1e-4)
        assert (a1 - a) / h == pytest.approx(lam * a, rel=1e-4)
    early = lambda lam: 1 + math.exp(-lam * nb09.EARLY)  # noqa: E731
    slope = (early(lam + 1e-5) - early(lam - 1e-5)) / 2e-5
    assert nb09.exact([0.0], lam)[2, 0] == pytest.approx(slope, rel=1e-8)


def test_the_way_back_fails_later_with_a_tighter_tolerance():
    """One per cent is passed near λ = 10 and 18 for 1e-6 and 1e-9: what the text says."""
    for tolerance, lam in ((1e-6, 10.0), (1e-9, 18.0)):
        assert nb09.relative_error(lam - 2, tolerance) < 0.01 < nb09.relative_error(
            lam + 2, tolerance
        )  # fmt: skip


def test_scrubbing_shows_only_what_has_been_walked():
    """At t = 0.5 the dashed curves end there."""
    figure = nb09.backward_scrub_explorer.figure(t=0.5)
    for ax in figure.axes:
        dashed = next(line for line in ax.lines if line.get_linestyle() == "--")
        assert np.min(dashed.get_xdata()) == pytest.approx(0.5, abs=0.02)
