"""Notebook 20: its equations, its stored table and its widget."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_lib import results
from course_lib.beyond import (
    Control,
    NeuralCDE,
    NeuralSDE,
    bistable,
    brownian_increments,
    cdeint,
    coarsen,
    front,
    geometric_brownian,
    largest_step,
    path_of,
    periodic_grid,
    reaction_diffusion,
    sdeint,
)
from course_lib.exercises import nb20
from course_lib.metrics import observed_order
from course_lib.sequences.spirals import draw_spirals
from course_lib.solvers import odeint
from course_lib.widgets import nb20 as widget
from course_lib.widgets import noise_explorer
from experiments import driven, identifiability

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# --- controlled equations ------------------------------------------------------------------------


def test_a_controlled_equation_is_an_integral_over_its_path():
    """(20.1): z(s) = z(0) + ∫ f(z) X′ ds, along a Hermite path, by a sum over the solution."""
    model, knots = NeuralCDE(2, hidden=3, kind="hermite", generator=seeded(1)), torch.empty(1, 5, 2)
    knots.normal_(generator=seeded())
    control, per_piece = Control(knots, "hermite"), 200
    with torch.no_grad():
        z0 = model.start(knots[:, 0])
        places = torch.linspace(0, 4, 4 * per_piece + 1)

        def rate(s, z):
            return nb20.cde_rate(model.field, z, control.slope(s))

        z = odeint(rate, z0, places, method="rk4", options={"step_size": 1 / per_piece})
        rates = torch.stack([rate(s, state) for s, state in zip(places, z, strict=True)])
        torch.testing.assert_close(
            z[-1], z0 + torch.trapezoid(rates, places, dim=0), atol=1e-4, rtol=0
        )
        torch.testing.assert_close(
            cdeint(model.field, z0, control, 20)[-1], z[-1], atol=1e-5, rtol=0
        )


def test_euler_from_knot_to_knot_is_a_recurrent_network():
    """(20.2): the rate, and z + f(z) ΔX as Euler's method with one step a piece."""
    model, knots = NeuralCDE(2, hidden=3, generator=seeded(1)), torch.empty(4, 6, 2)
    knots.normal_(generator=seeded())
    control = Control(knots)
    with torch.no_grad():
        z = z0 = model.start(knots[:, 0])
        for jump in knots.diff(dim=1).unbind(1):
            z = z + (model.field(z) @ jump[..., None])[..., 0]
        by_solver = odeint(
            lambda s, z: nb20.cde_rate(model.field, z, control.slope(s)),
            z0, torch.arange(6.0), method="euler", options={"step_size": 1.0},
        )[-1]  # fmt: skip
    torch.testing.assert_close(z, by_solver)


def swept(z):
    one, zero = torch.ones_like(z[:, 0]), torch.zeros_like(z[:, 0])
    rows = [(one, zero), (zero, one), (-z[:, 1] / 2, z[:, 0] / 2)]
    return torch.stack([torch.stack(row, -1) for row in rows], 1)


def test_the_swept_area():
    """(20.3): a polygon's area by the shoelace rule; ±∫ r²/2 du along spirals, by direction."""
    corners = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0], [0.0, 0.0]]])
    area = cdeint(swept, torch.zeros(1, 3), Control(corners))[-1, 0, 2]
    assert area.item() == pytest.approx(2.0)
    curves = draw_spirals(20, seeded(), m=400, noise=0.0)
    z0 = torch.cat([curves.x[:, 0], torch.zeros(20, 1)], -1)
    area = cdeint(swept, z0, Control(curves.x))[-1, :, 2]
    u = curves.start[:, None] + curves.direction[:, None] * curves.t
    cubes = (0.25 + 0.08 * u).pow(3) / (6 * 0.08)
    torch.testing.assert_close(area, cubes[:, -1] - cubes[:, 0], rtol=2e-3, atol=1e-3)
    assert torch.equal(area.sign(), curves.direction)


def test_a_solution_does_not_depend_on_the_pace_of_its_control():
    """(20.4): the same polygon with a point more on each piece, or waiting, ends in one state; not
    so with time as a channel."""
    model, knots = NeuralCDE(2, hidden=3, generator=seeded(1)), torch.empty(1, 5, 2)
    knots.normal_(generator=seeded())
    extra = knots[:, :-1] + torch.tensor([0.1, 0.9, 0.4, 0.7])[:, None] * knots.diff(dim=1)
    other = torch.stack([knots[:, :-1], extra], 2).flatten(1, 2)
    other = torch.cat([other, knots[:, -1:], knots[:, -1:]], 1)  # it waits at the end, too
    with torch.no_grad():
        z0 = model.start(knots[:, 0])
        one, two = (cdeint(model.field, z0, Control(k), 50)[-1] for k in (knots, other))
        torch.testing.assert_close(one, two, atol=1e-4, rtol=0)
        clocked = NeuralCDE(3, hidden=3, generator=seeded(1))
        with_time = [
            torch.cat([torch.linspace(0, 1, k.shape[1])[None, :, None], k], -1)
            for k in (knots, other)
        ]
        ends = [clocked.states(k)[-1] for k in with_time]
    assert (ends[0] - ends[1]).abs().max() > 1e-3


def test_a_retraced_detour_leaves_no_trace_but_the_order_of_places_does():
    """(20.4) and exercise 20.2: out and back along one way ends where it began; the same moves in
    another order do not, nor does a detour where time is a channel."""
    model, go = NeuralCDE(2, hidden=3, generator=seeded(1)), torch.tensor([1.0, -0.5])
    a, b = torch.tensor([0.5, 1.0]), torch.tensor([2.0, -0.3])

    def end(model, *places):
        with torch.no_grad():
            knots = torch.stack(places)[None]
            return cdeint(model.field, model.start(knots[:, 0]), Control(knots), 100)[-1]

    twice = end(model, 0 * a, a, b, go, b, go, b, go)
    torch.testing.assert_close(twice, end(model, 0 * a, a, b, go), atol=1e-4, rtol=0)
    assert (end(model, 0 * a, a, b, go) - end(model, 0 * a, b, a, go)).abs().max() > 0.01
    clocked = NeuralCDE(3, hidden=3, generator=seeded(1))

    def stamped(*places):
        clock = torch.linspace(0, 1, len(places))
        return [torch.cat([t[None], place]) for t, place in zip(clock, places, strict=True)]

    long, short = (end(clocked, *stamped(*p)) for p in ((0 * a, a, go, a, go), (0 * a, a, go)))
    assert (long - short).abs().max() > 1e-3


# --- stochastic equations ------------------------------------------------------------------------


def test_increments_are_independent_gaussians():
    """(20.5): mean 0, variance h, no correlation of neighbours."""
    dB = brownian_increments(2000, 0.04, 100, seeded())
    assert dB.mean().abs().item() < 4 * 0.2 / math.sqrt(dB.numel())
    assert dB.var().item() == pytest.approx(0.04, rel=0.02)
    assert (dB[1:] * dB[:-1]).mean().abs().item() < 4 * 0.04 / math.sqrt(dB.numel())


def test_the_exercises_method_is_the_librarys():
    """(20.6): the exercise, the library, and the sum written out."""
    dB = brownian_increments(30, 0.1, 5, seeded())
    args = torch.sin, lambda x: 1 + 0.1 * x
    ours = nb20.euler_maruyama(*args, torch.ones(5), 0.1, dB)
    torch.testing.assert_close(ours, sdeint(*args, 1.0, 0.1, dB))
    moved = torch.sin(ours[:-1]) * 0.1 + (1 + 0.1 * ours[:-1]) * dB
    torch.testing.assert_close(ours[-1], 1 + moved.sum(0))
    torch.testing.assert_close(nb20.coarser(dB, 3), coarsen(dB, 3))


def test_geometric_brownian_motion():
    """(20.7): mean exp(μT), and the increments satisfy the equation in Itô's sense."""
    mu, c, n = 0.5, 0.6, 4096
    dB = brownian_increments(n, 1 / n, 200, seeded())
    t = torch.linspace(0, 1, n + 1)[:, None]
    x = geometric_brownian(1.0, mu, c, t, path_of(dB))
    rebuilt = 1 + (mu * x[:-1] / n + c * x[:-1] * dB).sum(0)
    assert (rebuilt - x[-1]).abs().mean() < 0.01
    wrong = geometric_brownian(1.0, mu + c**2 / 2, c, 1.0, path_of(dB)[-1])
    assert (rebuilt - wrong).abs().mean() > 0.1
    ends = geometric_brownian(1.0, mu, c, 1.0, torch.randn(400_000, generator=seeded(1)))
    assert ends.mean().item() == pytest.approx(math.exp(mu), rel=0.01)


def test_strong_and_weak_errors():
    """(20.8): Euler–Maruyama on (20.7); the weak error exactly, for E x_N = (1 + μh)^N."""
    mu, c, ks = 1.0, 0.8, (1, 2, 4, 8)
    dB = brownian_increments(128, 1 / 128, 4000, seeded())
    exact = geometric_brownian(1.0, mu, c, 1.0, dB.sum(0))
    ends = [sdeint(lambda x: mu * x, lambda x: c * x, 1.0, k / 128, coarsen(dB, k))[-1] for k in ks]
    strong = [(end - exact).abs().mean().item() for end in ends]
    assert observed_order(strong, ks) == pytest.approx(0.5, abs=0.08)
    weak = [abs((1 + mu * k / 128) ** (128 // k) - math.exp(mu)) for k in ks]
    assert observed_order(weak, ks) == pytest.approx(1.0, abs=0.05)
    for k, end in zip(ks, ends, strict=True):
        deviation = (end - exact).std().item() / math.sqrt(4000)
        expected = (1 + mu * k / 128) ** (128 // k) - math.exp(mu)
        assert (end - exact).mean().item() == pytest.approx(expected, abs=4 * deviation)


def test_what_a_step_leaves_out():
    """(20.9): the sum tends to ½(ΔB² − h); Heun's, at both ends, to ½ΔB²; it has mean zero."""
    h, n = 0.5, 4096
    dB = brownian_increments(n, h / n, 500, seeded())
    B = path_of(dB)
    ito = (B[:-1] * dB).sum(0)
    exact = 0.5 * (B[-1] ** 2 - h)
    assert (ito - exact).abs().mean() < 0.02 * h
    torch.testing.assert_close((0.5 * (B[:-1] + B[1:]) * dB).sum(0), 0.5 * B[-1] ** 2)
    assert exact.mean().abs() < 4 * exact.std() / math.sqrt(500)


def test_stratonovich_is_ito_with_another_drift():
    """(20.10): Heun on (f, g) against Euler–Maruyama on (f + ½gg′, g), g = sin x + 2."""

    def g(x):
        return x.sin() + 2

    dB = brownian_increments(4096, 1 / 4096, 300, seeded())
    heun = sdeint(torch.zeros_like, g, 0.0, 1 / 4096, dB, "Heun")[-1]
    corrected = sdeint(lambda x: 0.5 * g(x) * x.cos(), g, 0.0, 1 / 4096, dB, "Milstein")[-1]
    plain = sdeint(torch.zeros_like, g, 0.0, 1 / 4096, dB, "Milstein")[-1]
    assert (heun - corrected).abs().mean() < 0.02
    assert (heun - plain).abs().mean() > 0.2


def test_noisy_blocks_tend_to_a_stochastic_equation():
    """(20.11): with coins of size √h, mean and variance of −x + c dB; with size h no variance."""
    c, depth = 0.7, 400
    h, coins = 1 / depth, 2.0 * torch.randint(0, 2, (depth, 20_000), generator=seeded()) - 1
    x = y = torch.ones(20_000)
    for coin in coins:
        x, y = x - h * x + math.sqrt(h) * c * coin, y - h * y + h * c * coin
    variance = c**2 * (1 - math.exp(-2)) / 2
    assert x.mean().item() == pytest.approx(math.exp(-1), abs=0.02)
    assert x.var().item() == pytest.approx(variance, rel=0.05)
    assert y.var().item() < 0.01 * variance


def test_the_likelihood_of_one_step():
    """(20.12): −log of the Gaussian density, up to its constant."""
    model, x = NeuralSDE(4, seeded()), torch.linspace(-1, 1, 7)
    ahead, h = x + 0.1 * x.cos(), 0.05
    with torch.no_grad():
        normal = torch.distributions.Normal(x + model.drift(x) * h, model.diffusion(x) * h**0.5)
        wanted = -normal.log_prob(ahead).mean() - 0.5 * math.log(2 * math.pi)
        torch.testing.assert_close(model.loss(x, ahead, h), wanted)


def test_moments_over_a_long_step_are_biased():
    """(20.13): what regression and mean squares find in exact samples of dx = −λx dt + c dB."""
    rate, c, dt, n = 2.0, 0.7, 0.3, 200_000
    keep, spread = math.exp(-rate * dt), c * math.sqrt((1 - math.exp(-2 * rate * dt)) / (2 * rate))
    x = c / math.sqrt(2 * rate) * torch.randn(n, generator=seeded())
    ahead = keep * x + spread * torch.randn(n, generator=seeded(1))
    slope = ((ahead - x) * x).sum() / (x**2).sum() / dt
    variance = (ahead - x - slope * dt * x).square().mean() / dt
    assert slope.item() == pytest.approx(-(1 - math.exp(-rate * dt)) / dt, rel=0.02)
    wanted = c**2 * (1 - math.exp(-2 * rate * dt)) / (2 * rate * dt)
    assert variance.item() == pytest.approx(wanted, rel=0.02)
    assert variance.item() < 0.7 * c**2


def test_drift_needs_time_and_diffusion_samples():
    """Exercise 20.5: constant f and g, the same stretch of time at ten times the rate."""

    def spreads(n):
        dx = 0.3 * 10 / n + 0.7 * brownian_increments(n, 10 / n, 4000, seeded())
        return dx.sum(0).std() / 10, (dx.square().sum(0) / 10).std()

    (f_few, g_few), (f_many, g_many) = spreads(50), spreads(500)
    assert (f_few / f_many).item() == pytest.approx(1, abs=0.1)
    assert (g_few / g_many).item() == pytest.approx(math.sqrt(10), rel=0.15)


# --- partial equations ---------------------------------------------------------------------------


def test_the_method_of_lines():
    """(20.14): the exercise and the library; a wave decays at the heat equation's rate."""
    x, delta = periodic_grid(200, 2 * math.pi)
    u = torch.sin(3 * x)
    torch.testing.assert_close(
        nb20.heat_rate(u, 0.5, delta), reaction_diffusion(0.5, delta)(0.0, u)
    )
    with_source = reaction_diffusion(0.5, delta, bistable(0.25))(0.0, u)
    torch.testing.assert_close(with_source - nb20.heat_rate(u, 0.5, delta), bistable(0.25)(u))
    end = odeint(reaction_diffusion(0.5, delta), u, torch.tensor([0.0, 0.2]))[-1]
    torch.testing.assert_close(end, math.exp(-0.5 * 9 * 0.2) * u, atol=1e-3, rtol=0)


def test_the_fastest_wave():
    """(20.15): rates of all waves on the grid; the largest is 4ν/δ², Euler's limit δ²/2ν."""
    x, delta = periodic_grid(16, 8.0)
    for k in range(9):
        number = 2 * math.pi * k / 8.0
        wave = torch.cos(number * x)
        rate = 4 * 0.3 / delta**2 * math.sin(number * delta / 2) ** 2
        torch.testing.assert_close(nb20.heat_rate(wave, 0.3, delta), -rate * wave)
    fastest = (-1.0) ** torch.arange(16)
    torch.testing.assert_close(nb20.heat_rate(fastest, 0.3, delta), -4 * 0.3 / delta**2 * fastest)
    assert largest_step(0.3, delta) == pytest.approx(delta**2 / 0.6)
    assert largest_step(0.3, delta, "rk4") / largest_step(0.3, delta) == pytest.approx(
        1.39, abs=0.01
    )


def profile(nu):
    """U, U′ and U″ at some places, by automatic differentiation."""
    x = torch.linspace(-6, 6, 25, requires_grad=True)
    U = front(x, nu, 0.25)
    (first,) = torch.autograd.grad(U.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    return U.detach(), first.detach(), second


@pytest.mark.parametrize("nu", [1.0, 0.4])
def test_the_profile_of_the_front(nu):
    """(20.16): U″ as a function of U, and ν U″ + v U′ + r(U) = 0 with that speed."""
    U, first, second = profile(nu)
    torch.testing.assert_close(second, U * (1 - U) * (1 - 2 * U) / (2 * nu))
    v = math.sqrt(2 * nu) * (0.5 - 0.25)
    rest = nu * second + v * first + bistable(0.25)(U)
    assert rest.abs().max() < 1e-12
    assert (rest + 0.1 * first).abs().max() > 1e-3  # another speed would not do


def test_other_pairs_explain_the_front():
    """(20.17): with ν̃ = 0.5 and r̃ the front stays, to the grid's error; other waves do not."""

    def other(u):
        return bistable(0.25)(u) + 0.25 * u * (1 - u) * (1 - 2 * u)

    U, _, second = profile(1.0)
    torch.testing.assert_close(0.5 * second + other(U), second + bistable(0.25)(U))
    x, delta = periodic_grid(128, 40.0)
    fields = front(x.abs(), 1.0, 0.25, at=8.0), 0.5 + 0.4 * torch.cos(0.3 * math.pi * x)
    for start, low, high in ((fields[0], 0.0, 0.01), (fields[1], 0.05, 1.0)):
        ends = [
            odeint(func, start, torch.tensor([0.0, 5.0]), rtol=1e-5, atol=1e-7)[-1]
            for func in (
                reaction_diffusion(1.0, delta, bistable(0.25)),
                reaction_diffusion(0.5, delta, other),
            )
        ]
        assert low <= (ends[0] - ends[1]).abs().max().item() < high


def test_a_stored_fit_repeats():
    """The first fit of a front and waves is made again; stored are ten fits of each kind."""
    rows = results.load("identifiability")["rows"]
    assert [r["fields"] for r in rows].count("front") == len(rows) / 2 == 10
    stored = next(r for r in rows if r["fields"] == "front and waves")
    again = identifiability.run(stored["seed"], stored["begun"], stored["fields"])
    assert again["nu"] == pytest.approx(stored["nu"], abs=0.02)


def test_a_stored_training_repeats():
    """The GRU of seed 0 is trained again; stored are ten trainings of each model."""
    rows = results.load("driven")["rows"]
    assert [row["model"] for row in rows].count("GRU") == len(rows) / 2 == 10
    stored = next(row for row in rows if row["model"] == "GRU")
    again = driven.run(stored["seed"], "GRU")
    assert again["accuracy"] == pytest.approx(stored["accuracy"], abs=0.05)


# --- the widget ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", widget.METHODS)
def test_the_widget_takes_the_librarys_steps(method):
    for steps in (4, 64):
        dB = widget.increments(steps)
        slow = sdeint(lambda x: widget.MU * x, lambda x: 0.9 * x, 1.0, 1 / steps, dB, method)
        torch.testing.assert_close(widget.states(steps, 0.9, method), slow)


def test_the_widget_shows_the_orders():
    def order(c, method):
        return np.polyfit(-np.log(widget.COUNTS), np.log(widget.errors(c, method)), 1)[0]

    assert order(0.8, "Euler–Maruyama") == pytest.approx(0.5, abs=0.1)
    assert order(0.8, "Milstein") == pytest.approx(1.0, abs=0.1)
    assert abs(order(0.8, "Heun")) < 0.1 and order(0.0, "Heun") == pytest.approx(2.0, abs=0.1)


def test_the_widget_draws_the_path_and_its_place():
    fig = noise_explorer.figure(steps=8, c=0.5, method="Milstein")
    left, right = fig.axes
    path = next(line for line in left.lines if line.get_label() == "Milstein")
    np.testing.assert_allclose(path.get_ydata(), widget.states(8, 0.5, "Milstein")[:, 0])
    ring = right.lines[-1]
    assert ring.get_xdata()[0] == 3  # log₂ 8
    plt.close(fig)
    panel = noise_explorer.panel()
    panel.set(method="Heun", steps=256)
    assert panel.message.value == "" and "slope" in panel.status.value
