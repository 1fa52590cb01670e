"""course_lib.beyond: controlled, stochastic and partial differential equations."""

import math

import pytest
import torch

from course_lib.beyond import (
    Control,
    GapGRU,
    LearnedSource,
    NeuralCDE,
    NeuralSDE,
    bistable,
    brownian_increments,
    burgers,
    cdeint,
    coarsen,
    front,
    geometric_brownian,
    largest_step,
    path_of,
    periodic_grid,
    reaction_diffusion,
    sdeint,
    second_difference,
    with_time,
)
from course_lib.metrics import observed_order
from course_lib.solvers import odeint

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def some_knots(batch=3, n=6, channels=2):
    return torch.randn(batch, n, channels, generator=seeded()).cumsum(1)


# --- controls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["linear", "hermite"])
def test_a_control_meets_its_knots_and_has_its_slope(kind):
    knots = some_knots()
    path = Control(knots, kind)
    for i in range(6):
        torch.testing.assert_close(path(i), knots[:, i])
    eps = 1e-6
    for s in (0.3, 1.5, 4.9):
        difference = (path(s + eps) - path(s - eps)) / (2 * eps)
        torch.testing.assert_close(path.slope(s), difference, atol=1e-7, rtol=1e-6)


def test_only_the_hermite_path_has_a_slope_at_knots():
    knots = some_knots()
    for kind, jumps in (("hermite", False), ("linear", True)):
        path = Control(knots, kind)
        gap = (path.slope(2 - 1e-9) - path.slope(2 + 1e-9)).abs().max().item()
        assert (gap > 0.1) == jumps


def test_a_hermite_piece_does_not_know_later_knots():
    knots = some_knots()
    changed = knots.clone()
    changed[:, 4:] += 1.0
    for s in (0.5, 2.7):
        torch.testing.assert_close(Control(knots, "hermite")(s), Control(changed, "hermite")(s))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((torch.zeros(2, 3),), "batch, n, channels"),
        ((torch.zeros(2, 1, 3),), "two"),
        ((torch.zeros(2, 3, 3), "cubic"), "unknown kind"),
    ],
)
def test_a_bad_control_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Control(*arguments)


def test_times_and_places_must_match():
    with pytest.raises(ValueError, match="one time a row"):
        with_time(torch.zeros(2, 4), torch.zeros(2, 5, 1))


# --- controlled equations ------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "order"), [("linear", 2), ("hermite", 4)])
def test_the_solver_keeps_the_order_of_its_method(kind, order):
    """Against the same equation in 128 steps a piece: order 2 by midpoint, 4 by RK4."""
    control = Control(0.5 * some_knots(8, 5, 1), kind)

    def end(steps):
        return cdeint(lambda z: (1.5 + z.sin())[..., None], torch.ones(8, 1), control, steps)[-1]

    exact, steps = end(128), [4, 8, 16]
    errors = [(end(k) - exact).abs().mean().item() for k in steps]
    assert observed_order(errors, [1 / k for k in steps]) == pytest.approx(order, abs=0.4)


def test_a_wrong_field_is_refused():
    with pytest.raises(ValueError, match="for 4 entries of the state and 2 channels"):
        cdeint(lambda z: torch.zeros(3, 2, 4), torch.zeros(3, 4), Control(some_knots()))


@pytest.mark.parametrize("make", [NeuralCDE, GapGRU])
def test_models_are_made_from_their_generator_and_have_gradients(make):
    first, second = (make(2, hidden=5, generator=seeded(3)) for _ in range(2))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    first(some_knots()).square().sum().backward()
    used = [p.grad is not None and bool(p.grad.abs().max() > 0) for p in first.parameters()]
    assert all(used)


def test_the_answer_is_read_from_the_last_state():
    model, knots = NeuralCDE(2, hidden=5, generator=seeded(3)), some_knots()
    torch.testing.assert_close(model(knots), model.read(model.states(knots)[-1]))
    cut = knots[:, :-1]
    assert (model(knots) - model(cut)).abs().min() > 1e-4


def test_the_rival_reads_gaps_not_times():
    model, knots = GapGRU(2, generator=seeded(3)), some_knots()
    later = knots + torch.tensor([5.0, 0.0])
    torch.testing.assert_close(model(knots), model(later))
    stretched = knots * torch.tensor([2.0, 1.0])
    assert (model(knots) - model(stretched)).abs().max() > 1e-3


# --- stochastic equations ------------------------------------------------------------------------


def test_brownian_increments():
    dB = brownian_increments(500, 0.01, 400, seeded())
    assert dB.var().item() == pytest.approx(0.01, rel=0.02)
    ends = path_of(dB)[-1]
    assert ends.var().item() == pytest.approx(5.0, rel=0.25)
    torch.testing.assert_close(path_of(coarsen(dB, 50)), path_of(dB)[::50])
    with pytest.raises(ValueError, match="divisor"):
        coarsen(dB, 7)
    with pytest.raises(ValueError, match="h > 0"):
        brownian_increments(5, 0.0, 1)


@pytest.mark.parametrize(
    ("method", "order"), [("Euler–Maruyama", 0.5), ("Milstein", 1.0), ("Heun", 1.0)]
)
def test_strong_orders(method, order):
    """On geometric Brownian motion; Heun against Stratonovich's solution."""
    mu, c, ks = 0.5, 0.7, (1, 4, 16)
    dB = brownian_increments(128, 1 / 128, 3000, seeded())
    exact = geometric_brownian(1.0, mu, c, 1.0, dB.sum(0))
    if method == "Heun":
        exact = exact * math.exp(c**2 / 2)
    errors = [
        (sdeint(lambda x: mu * x, lambda x: c * x, 1.0, k / 128, coarsen(dB, k), method)[-1])
        .sub(exact)
        .abs()
        .mean()
        .item()
        for k in ks
    ]
    assert observed_order(errors, ks) == pytest.approx(order, abs=0.1)


def test_without_noise_the_methods_are_those_of_odes():
    zero = torch.zeros(40, 1)
    for method, known in (("Euler–Maruyama", "euler"), ("Heun", "heun")):
        x = sdeint(lambda x: -(x**2), torch.zeros_like, 1.0, 0.05, zero, method)
        t = torch.linspace(0, 2, 41)
        y = odeint(
            lambda t, y: -(y**2), torch.ones(1), t, method=known, options={"step_size": 0.05}
        )
        torch.testing.assert_close(x, y)


def test_an_explosion_and_an_unknown_method_are_named():
    dB = brownian_increments(50, 1.0, 2, seeded())
    with pytest.raises(FloatingPointError, match="smaller steps"):
        sdeint(lambda x: x - 10 * x**3, torch.ones_like, 5.0, 1.0, dB)
    with pytest.raises(ValueError, match="choose from"):
        sdeint(torch.zeros_like, torch.ones_like, 0.0, 1.0, dB, "RK4")


def test_the_likelihood_is_smallest_at_the_truth():
    """With constant f and g the loss has its minimum at the moments of the increments."""
    x = torch.zeros(4000)
    ahead = 0.3 * 0.1 + 0.7 * brownian_increments(4000, 0.1, 1, seeded())[:, 0]
    model = NeuralSDE(4)

    def loss(f, g):
        model.drift = lambda x: torch.full_like(x, f)
        model.diffusion = lambda x: torch.full_like(x, g)
        return model.loss(x, ahead, 0.1).item()

    f = (ahead.mean() / 0.1).item()
    g = ((ahead - ahead.mean()).square().mean() / 0.1).sqrt().item()
    best = loss(f, g)
    assert all(loss(f + a, g + b) > best for a, b in ((0.1, 0), (-0.1, 0), (0, 0.02), (0, -0.02)))
    assert g == pytest.approx(0.7, rel=0.05)


# --- partial equations ---------------------------------------------------------------------------


def test_second_differences_converge_at_order_two():
    errors, steps = [], []
    for n in (16, 32, 64):
        x, delta = periodic_grid(n, 2 * math.pi)
        errors.append((second_difference(torch.sin(x), delta) + torch.sin(x)).abs().max().item())
        steps.append(delta)
    assert observed_order(errors, steps) == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_the_largest_step_is_the_largest(method):
    delta = periodic_grid(16, 4.0)[1]
    u0 = torch.randn(16, generator=seeded())
    func, limit = reaction_diffusion(0.7, delta), largest_step(0.7, delta, method)
    for share, stable in ((0.99, True), (1.01, False)):
        h = share * limit
        t = torch.tensor([0.0, 400 * h])
        end = odeint(func, u0, t, method=method, options={"step_size": h})[-1]
        assert bool(end.abs().max() < 2 * u0.abs().max()) == stable
    with pytest.raises(ValueError, match="no limit is known"):
        largest_step(1.0, 1.0, "dopri5")


def test_the_front_travels():
    x, delta = periodic_grid(256, 40.0)
    func = reaction_diffusion(1.0, delta, bistable(0.25))
    start = front(x.abs(), 1.0, 0.25, at=8.0)
    end = odeint(func, start, torch.tensor([0.0, 6.0]), rtol=1e-6, atol=1e-8)[-1]
    exact = front(x.abs(), 1.0, 0.25, t=6.0, at=8.0)
    assert (end - exact).abs().max() < 0.004  # the two fronts, and the grid
    assert (end - start).abs().max() > 0.3


def test_burgers_keeps_its_sum_and_its_travelling_front():
    """u = v − w tanh(w (x − vt) / 2ν): here as two fronts on a ring would collide, so a short time
    and a comparison away from the seam."""
    nu, v, w = 0.25, 0.5, 0.5
    x, delta = periodic_grid(400, 40.0)

    def wave(t):
        return v - w * torch.tanh(w * (x - v * t) / (2 * nu))

    func = burgers(nu, delta)
    end = odeint(func, wave(0.0), torch.tensor([0.0, 2.0]), rtol=1e-6, atol=1e-8)[-1]
    inside = x.abs() < 10
    assert (end - wave(2.0))[inside].abs().max() < 2e-3
    assert (end - wave(0.0))[inside].abs().max() > 0.1
    assert end.sum().item() == pytest.approx(wave(0.0).sum().item(), rel=1e-9)


def test_a_learned_source():
    model = LearnedSource(0.5, nu=0.3, learn_nu=False, generator=seeded())
    u = torch.rand(2, 8, generator=seeded())
    changed = model(0.0, u)
    torch.testing.assert_close(changed, reaction_diffusion(0.3, 0.5, model.source)(0.0, u))
    changed.sum().backward()
    assert model.log_nu.grad is None and model.nu.item() == pytest.approx(0.3)
    assert LearnedSource(0.5).log_nu.requires_grad


@pytest.mark.parametrize("call", [lambda: periodic_grid(2, 1.0), lambda: burgers(0.0, 1.0)])
def test_bad_grids_are_refused(call):
    with pytest.raises(ValueError):
        call()
