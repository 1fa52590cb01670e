"""Sampling, pairs, rollouts and steps of course_lib.sequences."""

import math

import pytest
import torch

from course_lib import systems
from course_lib.nets import MLP
from course_lib.sequences import (
    fit_step,
    flow,
    observe,
    pairs,
    rollout,
    sample_times,
    spread_starts,
    windows,
)
from course_lib.solvers import odeint

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_every_cell_has_its_start():
    starts = spread_starts(5, 3.0, seeded())
    cells = ((starts + 3) / 6 * 5).floor()
    assert cells.unique(dim=0).shape == (25, 2)
    assert cells.min() == 0 and cells.max() == 4


def test_times_are_regular_or_poisson_with_the_same_mean():
    regular = sample_times(3, 10, 0.2, seeded())
    torch.testing.assert_close(regular.diff(dim=1), torch.full((3, 10), 0.2))
    gaps = sample_times(50, 200, 0.2, seeded(), irregularity=1.0).diff(dim=1)
    assert gaps.mean().item() == pytest.approx(0.2, rel=0.03)
    assert gaps.std().item() == pytest.approx(0.2, rel=0.05)  # an exponential's is its mean
    half = sample_times(50, 200, 0.2, seeded(), irregularity=0.5).diff(dim=1)
    assert half.min() >= 0.1 and half.std().item() == pytest.approx(0.1, rel=0.05)


def test_each_row_is_observed_at_its_own_times():
    system, y0 = systems.harmonic(1.0), torch.randn(4, 2, generator=seeded())
    times = sample_times(4, 9, 0.3, seeded(), irregularity=1.0)
    x = observe(system, y0, times)
    for row in range(4):
        exact = system.exact(times[row], y0[row])
        torch.testing.assert_close(x[row], exact, rtol=0, atol=1e-7)


def test_noise_has_its_size_and_keeps_the_dtype():
    system, y0 = systems.exponential(0.0), torch.zeros(20, 1)
    times = sample_times(20, 100, 0.1, seeded())
    noisy = observe(system, y0, times, noise=0.3, generator=seeded())
    assert noisy.std().item() == pytest.approx(0.3, rel=0.05)
    assert observe(system, y0.float(), times.float()).dtype == torch.float32


def test_windows_do_not_cross_trajectories():
    x = torch.arange(2 * 4 * 2.0).reshape(2, 4, 2)
    times = torch.tensor([[0.0, 1, 2, 3], [0, 10, 20, 40]])
    t, states = windows(times, x, length=3)
    assert t.tolist() == [[0, 1, 2], [1, 2, 3], [0, 10, 20], [10, 20, 40]]
    assert states[2].tolist() == x[1, :3].tolist() and states.shape == (4, 3, 2)
    before, after, gaps = pairs(times, x)
    assert gaps.flatten().tolist() == [1, 1, 1, 10, 10, 20]
    assert torch.equal(before[3], x[1, 0]) and torch.equal(after[5], x[1, 3])


def test_rollout_composes():
    path = rollout(lambda x: 2 * x + 1, torch.zeros(3, 2), 4)
    assert path[:, 0, 0].tolist() == [0, 1, 3, 7, 15] and path.shape == (5, 3, 2)


def test_flow_follows_every_row_for_its_own_time_and_back():
    x, gap = torch.rand(6, 1, generator=seeded()) + 1, torch.linspace(-1, 1.5, 6)[:, None]
    torch.testing.assert_close(
        flow(lambda z: -z, x, gap, 20), x * torch.exp(-gap), rtol=1e-6, atol=0
    )
    ring, x = systems.van_der_pol(), torch.tensor([[1.0, 2.0], [-2.0, 0.5]])
    func = lambda z: ring.func(0.0, z)  # noqa: E731
    there = flow(func, x, torch.full((2, 1), 0.5), 50)
    torch.testing.assert_close(
        flow(func, there, torch.full((2, 1), -0.5), 50), x, rtol=1e-6, atol=1e-6
    )


def test_flow_is_of_order_four():
    errors = [
        abs(flow(lambda z: z, torch.ones(1, 1), torch.ones(1, 1), n).item() - math.e)
        for n in (4, 8)
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.2)


def test_flow_has_the_gradient_of_a_loop_over_rows():
    """The batched clock changes nothing for the parameters: same gradient as row by row."""
    net = MLP([2, 8, 2], generator=seeded())
    x, gap = torch.randn(5, 2, generator=seeded()), torch.rand(5, 1, generator=seeded())
    rows = [
        odeint(
            lambda t, z: net(z),
            x[i : i + 1],
            torch.tensor([0.0, gap[i].item()]),
            method="rk4",
            options={"step_size": gap[i].item() / 4},
        )[-1]
        for i in range(5)
    ]
    parameters = list(net.parameters())
    one = torch.autograd.grad(torch.cat(rows).square().sum(), parameters)
    all_at_once = torch.autograd.grad(flow(net, x, gap).square().sum(), parameters)
    for a, b in zip(one, all_at_once, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)


def test_fit_step_recovers_a_linear_field():
    A = torch.tensor([[-0.1, 1.0], [-1.0, -0.1]])
    net = torch.nn.Linear(2, 2, bias=False)
    x, gap = torch.randn(50, 2, generator=seeded()), 0.1 + torch.rand(50, 1, generator=seeded())
    after = torch.stack([torch.linalg.matrix_exp(A * h) @ s for h, s in zip(gap, x, strict=True)])
    error = fit_step(net, lambda x, gap: flow(net, x, gap, 8), x, after, gap)
    assert error < 1e-4
    torch.testing.assert_close(net.weight.detach(), A, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: spread_starts(0, 1.0, seeded()), "side ≥ 1"),
        (lambda: sample_times(2, 3, 0.1, seeded(), irregularity=2.0), "irregularity in"),
        (lambda: observe(systems.harmonic(), torch.ones(2, 2), torch.zeros(3)), "row for each"),
        (
            lambda: observe(systems.harmonic(), torch.ones(1, 2), torch.tensor([[0.0, 1, 1]])),
            "increase",
        ),
        (lambda: windows(torch.zeros(1, 3), torch.zeros(1, 3, 2), 4), "does not fit"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_loss_that_is_not_finite_is_refused():
    net, x = torch.nn.Linear(1, 1), torch.ones(2, 1)
    with pytest.raises(ValueError, match="not finite at the start"):
        fit_step(net, lambda x, gap: net(x) / 0, x, x, x)
