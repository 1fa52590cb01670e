"""Notebook 16: every numbered equation is checked, its stored table and its explorer as well."""

import math
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from course_lib import flows, results
from course_lib.exercises.nb16 import bits_per_dim, hutchinson, trace_variance, with_energy
from course_lib.solvers import odeint
from course_lib.widgets import nb16, regularisation_explorer
from experiments import scalable

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def lively(dim=2, seed=0):
    return flows.TanhField(dim, [16, 16], first=2.0, last=3.0, generator=seeded(seed))


def draws(kind, shape, seed=0):
    trace = flows.HutchinsonTrace(kind, seeded(seed))
    trace.start(torch.zeros(shape))
    return trace.epsilon


class FreshNoise(flows.HutchinsonTrace):
    """New noise in every call, as in the notebook."""

    def __call__(self, field, t, x, jacobian=False):
        self.start(x)
        return super().__call__(field, t, x, jacobian)


@cache
def stored(part):
    return [r for r in results.load("scalable")["rows"] if r["part"] == part]


# --- equations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rademacher", "gaussian"])
def test_hutchinson_is_right_on_average(kind):
    """(16.1): the mean of many estimates, and with noise of variance two it is twice too large."""
    field, n = lively(5), 20_000
    x = torch.randn(1, 5, generator=seeded(1)).expand(n, 5)
    exact = field.divergence(0.3, x[:1]).trace.item()
    noise = draws(kind, x.shape)
    found = hutchinson(lambda x: field(0.3, x), x, noise)
    error = found.std().item() / math.sqrt(n)
    assert abs(found.mean().item() - exact) < 4 * error
    wrong = hutchinson(lambda x: field(0.3, x), x, math.sqrt(2) * noise)
    assert abs(wrong.mean().item() - exact) > 4 * error


def test_all_signs_together_give_the_trace():
    """(16.1), (16.3) without chance: the mean and variance over all 2^d sign vectors."""
    J = torch.randn(5, 5, generator=seeded())
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 5)
    values = torch.einsum("ni,ij,nj->n", signs, J, signs)
    assert values.mean().item() == pytest.approx(J.trace().item())
    variance = values.var(correction=0).item()
    assert variance == pytest.approx(trace_variance(J, "rademacher").item())


def test_gaussian_variance():
    """(16.4): for a symmetric S the estimate is Σ λᵢ εᵢ², of variance 2 Σ λᵢ² = 2‖S‖²; signs vary
    less by the diagonal, (16.3)."""
    J = torch.randn(4, 4, generator=seeded())
    S = (J + J.T) / 2
    rates = torch.linalg.eigvalsh(S)
    gaussian = trace_variance(J, "gaussian").item()
    assert gaussian == pytest.approx(2 * rates.square().sum().item())
    less = gaussian - trace_variance(J, "rademacher").item()
    assert less == pytest.approx(2 * S.diagonal().square().sum().item())
    noise = draws("gaussian", (200_000, 4))
    measured = torch.einsum("ni,ij,nj->n", noise, J, noise).var().item()
    assert measured == pytest.approx(gaussian, rel=0.05)


def test_estimated_log_density_is_right_on_average():
    """(16.2): the mean over many solves, each with its own noise, is the exact log p."""
    field, x = lively(), torch.randn(1, 2, generator=seeded(1))
    exact = flows.ContinuousFlow(field, steps=10)
    trace = flows.HutchinsonTrace(generator=seeded(2))
    with torch.no_grad():
        truth = exact.log_prob(x).item()
        found = exact.solved_by(steps=10, trace=trace).log_prob(x.expand(20_000, 2))
    error = found.std().item() / math.sqrt(len(found))
    assert error > 0 and abs(found.mean().item() - truth) < 4 * error


def test_new_noise_makes_evaluations_grow_like_one_over_the_tolerance():
    """(16.5): a slope of one in logarithms; with one draw for the solve they hardly grow."""
    field, x, tolerances = lively(), torch.randn(50, 2, generator=seeded(1)), [1e-3, 1e-4]

    def calls(trace, tol):
        flow = flows.ContinuousFlow(field, rtol=tol, atol=tol, trace=trace)
        with torch.no_grad():
            flow.integrate(x, 1.0, 0.0)
        return flow.calls

    fresh = [calls(FreshNoise(generator=seeded(2)), tol) for tol in tolerances]
    fixed = [calls(flows.HutchinsonTrace(generator=seeded(2)), tol) for tol in tolerances]
    assert math.log10(fresh[1] / fresh[0]) == pytest.approx(1, abs=0.3)
    assert fixed[1] < 3 * fixed[0] and fresh[1] > 4 * fixed[1]


def test_new_noise_and_fixed_steps_average_out():
    """Exercise 16.3: unbiased, and 32 steps vary by √8 less than 4; with one draw, as much."""
    field, x = lively(), torch.randn(1, 2, generator=seeded(1)).expand(500, 2)

    def error(trace, steps):
        flow = flows.ContinuousFlow(field, steps=steps, trace=trace)
        with torch.no_grad():
            return flow.integrate(x, 1.0, 0.0).log_det - truth

    truth = 0.0
    truth = error(flows.ClosedFormTrace(), 50)[0].item()
    few, many = (error(FreshNoise(generator=seeded(s)), s) for s in (4, 32))
    for found in (few, many):
        assert abs(found.mean().item()) < 4 * found.std().item() / math.sqrt(500) + 1e-3
    assert (few.std() / many.std()).item() == pytest.approx(math.sqrt(8), rel=0.25)
    one = [error(flows.HutchinsonTrace(generator=seeded(3)), s).std().item() for s in (4, 32)]
    assert one[0] == pytest.approx(one[1], rel=0.05) and one[1] > 2 * many.std().item()


def test_velocity_along_a_path():
    """(16.6): d/dt f(t, x(t)) is ∂f/∂t + J f, by central differences."""
    field, t, h = lively(), 0.4, 1e-5
    x = torch.randn(4, 2, generator=seeded(1))
    with torch.no_grad():
        J, f = field.jacobian(t, x), field(t, x)
        rate = (field(t + h, x) - field(t - h, x)) / (2 * h) + (J @ f[..., None])[..., 0]
        there = odeint(field, x, torch.tensor([t, t + h]), rtol=1e-10, atol=1e-12)[-1]
        back = odeint(field, x, torch.tensor([t, t - h]), rtol=1e-10, atol=1e-12)[-1]
        along = (field(t + h, there) - field(t - h, back)) / (2 * h)
    assert torch.allclose(along, rate, atol=1e-5)


def test_penalised_loss():
    """(16.7): both integrals by a sum over many moments of the path; the energy by 16.4 as well."""
    field, x = lively(), torch.randn(6, 2, generator=seeded(1))
    flow = flows.ContinuousFlow(field, steps=100)
    times = torch.linspace(1, 0, 401)
    with torch.no_grad():
        states = flow.solved_by(rtol=1e-9, atol=1e-9).path(x, times.tolist())
        rate = [
            field(t, s).square().sum(1) + field.jacobian(t, s).square().sum((1, 2))
            for t, s in zip(times, states, strict=True)
        ]
        integral = -torch.trapezoid(torch.stack(rate), times, dim=0).mean()
        by_hand = -flow.log_prob(x).mean() + 0.3 * integral
        assert torch.allclose(scalable.rnode_loss(flow, x, 0.3), by_hand, rtol=1e-4)
        assert torch.allclose(scalable.rnode_loss(flow, x, 0.0), -flow.log_prob(x).mean())
        z = states[-1]
        start = torch.cat([z, torch.zeros(6, 1)], 1)
        end = odeint(lambda t, s: with_energy(field, t, s), start, torch.tensor([0.0, 1.0]))[-1]
        assert torch.allclose(end[:, -1], flow.integrate(z, 0.0, 1.0, ("kinetic",)).kinetic, 1e-4)


def test_norm_of_the_jacobian_from_one_row():
    """(16.8): over all sign vectors the mean of ‖εᵀJ‖² is ‖J‖²."""
    J = torch.randn(5, 5, generator=seeded())
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 5)
    found = (signs @ J).square().sum(1).mean()
    assert torch.allclose(found, J.square().sum())


def test_noise_gives_a_lower_bound():
    """(16.9): for a density on [0, 3), E log p(k + u) ≤ log of its mass over [k, k + 1)."""
    u = (torch.arange(2000) + 0.5) / 2000
    p = lambda x: (1 + torch.sin(2 * x)) / (3 + math.sin(3) ** 2)  # noqa: E731
    everywhere = torch.cat([p(k + u) for k in range(3)])
    assert 3 * everywhere.mean().item() == pytest.approx(1, abs=1e-5)
    for k in range(3):
        assert p(k + u).log().mean() < p(k + u).mean().log() - 1e-3


def test_bits():
    """(16.10): the exercise and the library, for a scaling by one number."""
    y = torch.randn(50, 8, generator=seeded())
    log_py = flows.standard_log_prob(y)
    own = flows.bits_per_dim(log_py - 8 * math.log(6.0), 8)
    assert bits_per_dim(log_py, 6.0, 8).item() == pytest.approx(own)


# --- the stored table ----------------------------------------------------------------------------


def pairs(start, weight=0.05):
    """(without, with) the penalties, one pair a seed."""
    rows = {(r["seed"], r["weight"]): r for r in stored("flow") if r["start"] == start}
    seeds = sorted({seed for seed, _ in rows})
    return [(rows[s, 0.0], rows[s, weight]) for s in seeds if (s, weight) in rows]


def test_penalties_make_flows_simple_at_little_loss():
    """1.4 times fewer evaluations in the geometric mean; less where a flow was simple anyway."""
    for without, having in pairs("quiet"):
        assert without["kinetic"] > 1.3 * having["kinetic"]
        assert without["nfe"] > 1.15 * having["nfe"]
        assert having["kl"] - without["kl"] < 0.05
    saved = [without["nfe"] / having["nfe"] for without, having in pairs("quiet")]
    assert np.exp(np.mean(np.log(saved))) > 1.4 > min(saved)


def test_evaluations_grow_in_training():
    assert all(without["nfe"] > 1.5 * without["nfe_at_start"] for without, _ in pairs("quiet"))


def test_digits_table():
    row = results.row(results.load("scalable"), part="digits")
    assert row["flow"] < row["gaussian"] < row["uniform"] == pytest.approx(math.log2(17), abs=1e-3)


def test_independent_histograms_beat_the_flow():
    """Of 64 independent pixels, each with the frequencies of its 17 values; for this density,
    constant on every cube, (16.9) is an equality."""
    data = scalable.digits()
    pixels, held_out = ((16 * x).round().long() for x in (data.x_train, data.x_test))
    frequencies = torch.stack([(pixels == value).double().mean(0) for value in range(17)], 1)
    P = (frequencies + 1e-4) / (1 + 17e-4)
    log_P = P.log()[torch.arange(64), held_out].sum(1)
    row = results.row(results.load("scalable"), part="digits")
    assert flows.bits_per_dim(log_P, 64) == pytest.approx(2.44, abs=0.02)
    assert row["flow"] > 2.54


def test_stored_digits_flow_reaches_what_the_table_says():
    """The Gaussian's number anew, and the flow's from its weights, on other noise."""
    torch.set_default_dtype(torch.float32)
    data = scalable.digits()
    white = flows.Whitening((16 * data.x_train).round())
    y = white(flows.dequantise((16 * data.x_test).round(), seeded(5)))
    row = results.row(results.load("scalable"), part="digits")
    bits = lambda log_py: flows.bits_per_dim(white.log_prob(log_py), 64)  # noqa: E731
    assert bits(flows.standard_log_prob(y)) == pytest.approx(row["gaussian"], abs=0.02)
    with torch.no_grad():
        found = bits(nb16.load_digits_flow().log_prob(y))
    assert found == pytest.approx(row["flow"], abs=0.02)


# --- the explorer --------------------------------------------------------------------------------


def test_explorer_shows_paths_and_counts():
    torch.set_default_dtype(torch.float32)
    fig = Figure(figsize=(12, 4.4))
    verdict = regularisation_explorer.draw(fig, weight=0.05, tol=1e-7)
    left, middle, right = fig.axes
    assert (left.get_title(), middle.get_title()) == ("λ = 0", "λ = 0.05")
    shown = middle.collections[0].get_segments()
    assert np.allclose(shown[3], nb16.paths(0.05)[:, 3]) and len(shown) == nb16.SHOWN
    heights = [bar.get_height() for bar in right.patches]
    assert heights == [nb16.evaluations(w, 1e-7) for w in nb16.STRENGTHS]
    assert f"takes {heights[2]:.0f} evaluations" in verdict
    # all begin in the same points
    assert np.array_equal(nb16.paths(0.0)[0], nb16.paths(0.2)[0])
    plt.close("all")


def test_more_weight_means_fewer_evaluations_and_shorter_paths():
    torch.set_default_dtype(torch.float32)
    counts = [nb16.evaluations(w, 1e-7) for w in nb16.STRENGTHS]
    assert counts[0] > counts[-2] >= counts[-1]
    for weight, count in zip(nb16.STRENGTHS, counts, strict=True):
        row = results.row(
            results.load("scalable"), part="flow", start="quiet", seed=0, weight=weight
        )
        assert count == pytest.approx(row["nfe"], rel=0.15)  # on other points of the moons
        assert nb16.evaluations(weight, 1e-5) == pytest.approx(row["nfe_loose"], rel=0.25)
    length = [
        np.linalg.norm(np.diff(nb16.paths(w), axis=0), axis=-1).sum(0).mean() for w in (0.0, 0.05)
    ]
    assert length[1] < length[0]
