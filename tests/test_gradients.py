"""Gradients of solves: exact where they must be, right elsewhere, and torchdiffeq's numbers."""

import math
from itertools import pairwise

import pytest
import torch
import torchdiffeq

from course_lib.gradients import (
    GRADIENTS,
    finite_differences,
    forward_sensitivities,
    loss_gradient,
    odeint_adjoint,
    odeint_discrete_adjoint,
    odeint_interpolated_adjoint,
    odeint_reversible,
    taylor_remainders,
)
from course_lib.gradients.common import vjp
from course_lib.gradients.discrete import Tape
from course_lib.metrics import observed_order
from course_lib.solvers import SolverError, odeint

TIGHT = {"rtol": 1e-10, "atol": 1e-11}
ADJOINTS = [odeint_adjoint, odeint_interpolated_adjoint, odeint_discrete_adjoint]
TIMES = (0.0, 0.3, 0.5, 1.2, 1.9)


class Net(torch.nn.Module):
    """A small field that depends on time."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=dtype)  # noqa: E731
        self.first = torch.nn.Parameter(draw(3, 8) / 2)
        self.last = torch.nn.Parameter(draw(8, 2) / 3)

    def forward(self, t, y):
        when = t.to(y).expand(*y.shape[:-1], 1)
        return torch.tanh(torch.cat([y, when], -1) @ self.first) @ self.last


class TupleNet(torch.nn.Module):
    """The same field on a state in two parts."""

    def __init__(self):
        super().__init__()
        self.net = Net()

    def forward(self, t, y):
        slope = self.net(t, torch.cat([y[0], y[1]], -1))
        return slope[..., :1], slope[..., 1:]


def draw(*shape, seed=1, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def gradients(solve, net, times=TIMES, reverse=False, **keywords):
    """∂L/∂y0, ∂L/∂t and ∂L/∂θ of a loss that looks at every output."""
    y0, t = draw(4, 2).requires_grad_(), torch.tensor(times, dtype=torch.float64)
    t = (t.flip(0) if reverse else t).requires_grad_()
    y = solve(net, y0, t, **keywords)
    value = (draw(len(times), 4, 2, seed=2) * torch.sin(y)).sum()
    return torch.autograd.grad(value, (y0, t, *net.parameters()))


def gap(found, wanted) -> float:
    """Largest relative difference of two lists of tensors."""
    pairs = zip(found, wanted, strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


# --- the continuous adjoint ----------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
def test_continuous_adjoint_agrees_with_torchdiffeq_and_backprop(reverse):
    """y0, θ, t₀, t₁ and interior times; forwards and backwards in time."""
    net = Net()
    ours = gradients(odeint_adjoint, net, reverse=reverse, **TIGHT)
    assert gap(ours, gradients(torchdiffeq.odeint_adjoint, net, reverse=reverse, **TIGHT)) < 1e-7
    assert gap(ours, gradients(odeint, net, reverse=reverse, **TIGHT)) < 1e-7


@pytest.mark.parametrize("solve", ADJOINTS)
def test_gradients_agree_for_every_solve(solve):
    assert gap(gradients(solve, Net(), **TIGHT), gradients(odeint, Net(), **TIGHT)) < 1e-7


def test_full_norm_watches_the_parameters_too():
    net, tight = Net(), TIGHT | {"adjoint_options": {"norm": "full"}}
    assert gap(gradients(odeint_adjoint, net, **tight), gradients(odeint, net, **TIGHT)) < 1e-7


def test_the_full_norm_resolves_an_integral_that_nothing_else_shows():
    """At θ = 0 neither y nor a moves, and dL/dθ = ∫ sin 30t dt alone has to be resolved."""
    t, y0 = torch.tensor([0.0, 1.0]).double(), torch.ones(1).double()
    errors = {}
    for norm in ("seminorm", "full"):
        theta = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        field = lambda t, y, theta=theta: theta * torch.sin(30 * t)  # noqa: E731
        settings = {"adjoint_params": (theta,), "adjoint_options": {"norm": norm}}
        odeint_adjoint(field, y0, t, rtol=1e-8, atol=1e-8, **settings)[-1].sum().backward()
        errors[norm] = abs(theta.grad.item() - (1 - math.cos(30)) / 30)
    assert errors["full"] < 1e-7 and errors["seminorm"] > 1e-3


@pytest.mark.parametrize("solve", ADJOINTS)
def test_tuple_states(solve):
    net, t = TupleNet(), torch.tensor([0.0, 0.4, 1.0], dtype=torch.float64)

    def run(solver):
        parts = (draw(3, 1).requires_grad_(), draw(3, 1, seed=5).requires_grad_())
        y = solver(net, parts, t, **TIGHT)
        value = sum((part**2).sum() for part in y)
        return torch.autograd.grad(value, (*parts, *net.parameters()))

    assert gap(run(solve), run(torchdiffeq.odeint_adjoint)) < 1e-7


@pytest.mark.parametrize("solve", ADJOINTS)
def test_only_what_requires_a_gradient_gets_one(solve):
    net = Net()
    net.first.requires_grad_(False)
    y0, t = draw(4, 2), torch.tensor([0.0, 1.0], dtype=torch.float64)
    solve(net, y0, t).sum().backward()
    assert net.first.grad is None and net.last.grad is not None


@pytest.mark.parametrize("solve", [*ADJOINTS, odeint_reversible])
def test_a_function_must_name_its_parameters(solve):
    """As in torchdiffeq; and adjoint_params=() is allowed."""
    y0, t = torch.ones(1, requires_grad=True), torch.tensor([0.0, 1.0])
    keywords = {"options": {"step_size": 0.1}} if solve is odeint_reversible else {}
    with pytest.raises(ValueError, match="adjoint_params"):
        solve(lambda t, y: -y, y0, t, **keywords)
    solve(lambda t, y: -y, y0, t, adjoint_params=(), **keywords)[-1].sum().backward()
    assert y0.grad.item() == pytest.approx(math.exp(-1), rel=1e-2)


@pytest.mark.parametrize("solve", ADJOINTS)
def test_a_constant_field_and_a_single_time(solve):
    y0, t = torch.ones(2, requires_grad=True), torch.tensor([0.0, 2.0], requires_grad=True)
    solve(lambda t, y: torch.ones_like(y), y0, t, adjoint_params=())[-1].sum().backward()
    assert y0.grad.tolist() == [1.0, 1.0] and t.grad.tolist() == pytest.approx([-2.0, 2.0])
    solve(lambda t, y: -y, y0, t[:1].detach(), adjoint_params=()).sum().backward()
    assert y0.grad.tolist() == [2.0, 2.0]


def test_statistics_count_both_ways():
    net, rk4 = Net(), {"method": "rk4", "options": {"step_size": 0.1}}
    y0, t = draw(4, 2), torch.tensor([0.0, 1.0], dtype=torch.float64)
    y, stats = odeint_adjoint(net, y0, t, return_stats=True, **rk4)
    assert (stats.nfe, stats.accepted, stats.backward.nfe) == (40, 10, 0)
    y.sum().backward()
    assert (stats.backward.nfe, stats.backward.accepted, stats.stored_states) == (40, 10, 2)
    y, stats = odeint_interpolated_adjoint(net, y0, t, return_stats=True, **rk4)
    y.sum().backward()  # the slope at the very end is taken on the way there, and kept
    assert (stats.nfe, stats.backward.nfe) == (41, 40)


def test_a_backward_solve_guesses_its_first_step_once():
    """One slope an interval, one more call for the first step size of all, six a step."""
    t = torch.tensor(TIMES, dtype=torch.float64)
    y, stats = odeint_adjoint(Net(), draw(4, 2), t, rtol=1e-5, atol=1e-5, return_stats=True)
    y.sum().backward()
    steps = stats.backward.accepted + stats.backward.rejected
    assert stats.backward.nfe == 1 + (len(t) - 1) + 6 * steps


def test_outputs_at_the_ends_of_steps_cost_the_discrete_adjoint_nothing():
    t, rk4 = torch.linspace(0, 1, 3).double(), {"method": "rk4", "options": {"step_size": 0.25}}
    for kept, nfe, stored, recomputed in (("all", 16, 4, 0), (1, 16 + 12, 1, 3)):
        y, stats = odeint_discrete_adjoint(
            Net(), draw(4, 2), t, return_stats=True, checkpoints=kept, **rk4
        )
        y.sum().backward()
        assert stats.backward.nfe == nfe
        assert (stats.stored_states, stats.recomputed) == (stored, recomputed)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"adjoint_method": "rk4", "options": {"first_step": 0.1}}, "adjoint_options"),
        ({"method": "implicit_euler", "options": {"step_size": 0.1}}, "explicit"),
        ({"adjoint_options": {"norm": "mine"}}, "norm"),
        ({"adjoint_options": {"step": 1}}, "unknown option"),
        ({"adjoint_rtol": -1.0}, "rtol"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_solved(keywords, message):
    calls = []
    net = lambda t, y: calls.append(t)  # noqa: E731
    with pytest.raises(ValueError, match=message):
        odeint_adjoint(net, torch.ones(1), torch.tensor([0.0, 1.0]), adjoint_params=(), **keywords)
    assert not calls


def test_a_spoiled_loss_is_named():
    y = odeint_adjoint(Net(), draw(4, 2), torch.tensor([0.0, 1.0]).double())
    with pytest.raises(ValueError, match="gradient of the loss"):
        (y.sum() * math.nan).backward()


def test_an_unstable_way_back_is_explained():
    """From the ring of Van der Pol's oscillator a loose backward solve runs off to infinity."""
    mu = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    ring = lambda t, y: torch.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])  # noqa: E731
    t, y0 = torch.tensor([0.0, 20.0]).double(), torch.tensor([2.0, 0.0]).double()
    y = odeint_adjoint(ring, y0, t, rtol=1e-6, atol=1e-6, adjoint_params=(mu,))
    with pytest.raises(SolverError, match="way back is unstable"):
        y[-1, 0].backward()


# --- exact gradients -----------------------------------------------------------------------------

SCHEMES = [
    {"rtol": 1e-4, "atol": 1e-4},
    {"method": "dopri5", "options": {"step_size": 0.9}},
    {"method": "rk4", "options": {"step_size": 0.17}},
    {"method": "euler", "options": {"step_size": 0.17}},
    {"method": "midpoint", "options": {"step_size": 0.17}},
    {"method": "heun", "options": {"step_size": 1.0}},
]


@pytest.mark.parametrize("checkpoints", ["all", "sqrt", 2])
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: s.get("method", "adaptive"))
def test_discrete_adjoint_is_backpropagation(scheme, checkpoints):
    """To rounding, also where outputs lie inside of steps, and with checkpoints."""
    net = Net()
    found = gradients(odeint_discrete_adjoint, net, checkpoints=checkpoints, **scheme)
    assert gap(found, gradients(odeint, net, **scheme)) < 1e-14


def test_the_continuous_adjoint_would_fail_that_test():
    """A broken twin: it is right only to the order of the method."""
    net, scheme = Net(), SCHEMES[3]
    assert gap(gradients(odeint_adjoint, net, **scheme), gradients(odeint, net, **scheme)) > 1e-3


@pytest.mark.parametrize("n", [1, 2, 3, 7, 50, 1000])
def test_checkpoints_keep_a_square_root(n):
    """(states kept) + (states recomputed) ≤ 2.2 √n + 1, and every step is in one segment."""
    tape, step = Tape("sqrt"), type("Step", (), {"y0": None})
    for i in range(n):
        step.t0, step.t1 = float(i), i + 1.0
        tape.record(step)
    segments = [ends for _, ends in tape.segments()]
    assert [t for ends in segments[::-1] for t in ends[:-1]] == list(map(float, range(n)))
    longest = max(len(ends) - 1 for ends in segments)
    assert len(tape.states) + longest - 1 <= 2.2 * math.sqrt(n) + 1


def test_checkpoints_and_methods_are_checked():
    y0, t = torch.ones(2), torch.tensor([0.0, 1.0])
    for wrong in (0, "some", True, 1.5):
        with pytest.raises(ValueError, match="checkpoints"):
            odeint_discrete_adjoint(Net(), y0, t, checkpoints=wrong)
    with pytest.raises(ValueError, match="backpropagate through odeint"):
        odeint_discrete_adjoint(Net(), y0, t, method="leapfrog", options={"step_size": 0.1})


def test_float32_and_times_of_another_dtype():
    net = Net(torch.float32)
    y0 = draw(4, 2, dtype=torch.float32).requires_grad_()
    t = torch.tensor([0.0, 0.3], dtype=torch.float64)  # func's times are float32: 0.3 is beyond it
    for solve in ADJOINTS:
        y = solve(net, y0, t, rtol=1e-5, atol=1e-6)
        (g,) = torch.autograd.grad(y.sum(), y0)
        (wanted,) = torch.autograd.grad(odeint(net, y0, t, rtol=1e-5, atol=1e-6).sum(), y0)
        assert g.dtype == torch.float32 and torch.allclose(g, wanted, rtol=1e-3, atol=1e-4)


def reversible_heun(net, y, t, h):
    """Plain reversible Heun, for autograd to differentiate."""
    z, slope, states = y, net(t[0], y), [y]
    for a, b in pairwise(t.tolist()):
        n = math.ceil((b - a) / h - 1e-9)
        for k in range(n):
            step, later = (b - a) / n, torch.tensor(a + (b - a) * (k + 1) / n, dtype=torch.float64)
            z = 2 * y - z + step * slope
            f = net(later, z)
            y, slope = y + step / 2 * (slope + f), f
        states.append(y)
    return torch.stack(states)


def test_reversible_solver_is_differentiated_exactly():
    net, t = Net(), torch.tensor(TIMES, dtype=torch.float64)

    def run(solve):
        y0 = draw(4, 2).requires_grad_()
        value = (draw(len(TIMES), 4, 2, seed=2) * torch.sin(solve(y0))).sum()
        return torch.autograd.grad(value, (y0, *net.parameters()))

    found = run(lambda y0: odeint_reversible(net, y0, t, options={"step_size": 0.05}))
    assert gap(found, run(lambda y0: reversible_heun(net, y0, t, 0.05))) < 1e-12


def test_reversible_solver_has_order_two_and_its_limits_are_named():
    net, y0, t = Net(), draw(4, 2), torch.tensor([0.0, 1.0]).double()
    exact = odeint(net, y0, t, **TIGHT)[-1]
    steps = [0.1, 0.05, 0.025]
    errors = [
        (odeint_reversible(net, y0, t, options={"step_size": h})[-1] - exact).norm().item()
        for h in steps
    ]
    assert observed_order(errors, steps) == pytest.approx(2, abs=0.2)
    with pytest.raises(ValueError, match="step_size"):
        odeint_reversible(net, y0, t, options={})
    with pytest.raises(SolverError, match="stable"):
        stiff = lambda t, y: -1000 * y  # noqa: E731
        options = {"step_size": 0.05}
        odeint_reversible(stiff, y0, 10 * t, options=options, adjoint_params=())


# --- without a backward pass ---------------------------------------------------------------------


def test_forward_sensitivities_are_the_derivatives_of_the_solution():
    rate = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y0, t = torch.tensor([2.0]).double(), torch.tensor([0.0, 1.0, 2.0]).double()
    growth = lambda t, y: rate * y  # noqa: E731
    y, S, stats = forward_sensitivities(growth, y0, t, [rate], wrt_y0=True, **TIGHT)
    assert S.shape == (3, 1, 2) and stats.stored_states == 2
    assert torch.allclose(S[:, 0, 0], torch.exp(0.5 * t))
    assert torch.allclose(S[:, 0, 1], t * y[:, 0])
    with pytest.raises(TypeError, match="one tensor"):
        forward_sensitivities(growth, (y0,), t, [rate])


def test_differences_restore_their_inputs_and_find_the_gradient():
    x = draw(3)
    before = x.clone()
    large = torch.tensor([-1e6], dtype=torch.float64)  # its changes must be larger, too
    for central, tolerance in ((False, 1e-6), (True, 1e-9)):
        (g,) = finite_differences(lambda: torch.sin(x).sum(), [x], central=central)
        assert torch.equal(x, before) and (g - torch.cos(x)).abs().max() < tolerance
        (g,) = finite_differences(lambda: (large**2).sum(), [large], central=central)
        assert torch.allclose(g, 2 * large, rtol=1e-6)
    with pytest.raises(ValueError, match="eps"):
        finite_differences(lambda: x.sum(), [x], eps=0.0)


# --- one door, one test --------------------------------------------------------------------------

T = torch.linspace(0, 1, 4, dtype=torch.float64)
RK4 = {"method": "rk4", "options": {"step_size": 0.125}}


def loss(y):
    return torch.sin(y).square().sum()


@pytest.mark.parametrize("name", GRADIENTS)
def test_every_gradient_through_one_door(name):
    """All nine agree with the gradient of the equation, for parameters and start."""
    net, y0 = Net(), draw(2).requires_grad_()
    keywords = {"options": {"step_size": 1e-3}} if name == "reversible" else TIGHT
    found = loss_gradient(loss, net, y0, T, gradient=name, **keywords)
    wanted = loss_gradient(loss, net, y0, T, gradient="backprop", **TIGHT)
    assert found.loss == pytest.approx(wanted.loss, rel=1e-5)
    assert [part.shape for part in found.parts] == [y0.shape, *(p.shape for p in net.parameters())]
    assert gap([found.vector], [wanted.vector]) < (1e-5 if name == "reversible" else 2e-6)
    solves = {"finite differences": 43, "central differences": 84}
    assert found.solves == solves.get(name, 1)  # P = 2 + 24 + 16
    with pytest.raises(ValueError, match="not known"):
        loss_gradient(loss, net, y0, T, gradient="magic")
    with pytest.raises(ValueError, match="nothing to differentiate"):
        loss_gradient(loss, lambda t, y: -y, y0.detach(), T)


SLOPES = dict.fromkeys(GRADIENTS, 2) | {
    "finite differences": 1,
    "continuous adjoint": 1,
    "interpolated adjoint": 1,
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_taylor_remainder(name):
    """Slope 2 for gradients of the discretised loss, 1 for those with an error of their own.

    The scheme is coarse, so that these errors stand above rounding; the change of one-sided
    differences is large for the same reason.
    """
    net = Net()
    scheme = {"method": "midpoint", "options": {"step_size": 0.5}}
    scheme = {"options": {"step_size": 0.25}} if name == "reversible" else scheme
    y0, t = draw(2), torch.tensor([0.0, 1.0]).double()
    eps = 1e-2 if name == "finite differences" else None
    shapes = [p.shape for p in net.parameters()]
    theta = torch.nn.utils.parameters_to_vector(net.parameters()).detach()

    def at(vector):
        parts = vector.split([shape.numel() for shape in shapes])
        with torch.no_grad():
            for p, part in zip(net.parameters(), parts, strict=True):
                p.copy_(part.reshape(p.shape))
            solver = odeint_reversible if name == "reversible" else odeint
            return loss(solver(net, y0, t, **scheme)).item()

    g = loss_gradient(loss, net, y0, t, gradient=name, eps=eps, **scheme).vector
    sizes = [10.0 ** (-k / 2) for k in range(7, 11)]
    remainders = taylor_remainders(at, theta, g, draw(len(theta), seed=7), sizes)
    assert observed_order(remainders, sizes) == pytest.approx(SLOPES[name], abs=0.25)
    if SLOPES[name] == 2:  # a broken twin: one entry off by a per mille
        broken = taylor_remainders(at, theta, g * 1.001, draw(len(theta), seed=7), sizes)
        assert observed_order(broken, sizes) < 1.5


def test_vjp_of_a_network():
    net, y, v = Net(), draw(4, 2), draw(4, 2, seed=3)
    f, to_y, to_params = vjp(net, torch.tensor(0.5).double(), y, tuple(net.parameters()), v)
    y.requires_grad_()
    wanted = torch.autograd.grad(net(torch.tensor(0.5), y), (y, *net.parameters()), v)
    assert gap([to_y, *to_params], wanted) < 1e-14 and not f.requires_grad
