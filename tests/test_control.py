"""Hamiltonian, costate, successive approximations, Riccati, the pole: by independent answers."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from course_lib import control

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def paid_task(seed=0):
    """A small net whose layers pay for weights and for the size of the state."""
    task = control.sine_task(seeded(seed), layers=6, width=3, samples=8)
    problem = control.ControlProblem(
        control.tanh_layer,
        task.problem.terminal,
        task.problem.h,
        running=lambda x, th: 0.1 * (th**2).sum(-1)[..., None] + 0.3 * (x**2).sum(-1),
    )
    theta = task.theta + 0.5 * torch.randn(task.theta.shape, generator=seeded(seed + 1))
    return problem, theta, task.x0


# --- Hamiltonian and costate ---------------------------------------------------------------------


def test_a_layers_weights_stand_row_by_row():
    theta, x = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.5, -0.5]), torch.tensor([[2.0, 3.0], [0.0, 1.0]])
    wanted = torch.tanh(torch.tensor([[3.5, -0.5], [1.5, -0.5]]))
    assert torch.allclose(control.tanh_layer(x, theta), wanted)
    both = control.tanh_layer(torch.stack([x, 0 * x]), torch.stack([theta, 2 * theta]))
    assert torch.allclose(both[0], wanted)
    assert torch.allclose(both[1], torch.tanh(torch.tensor([1.0, -1.0])).expand(2, 2))


@pytest.mark.parametrize("seed", range(3))
def test_costate_is_minus_the_gradient_of_each_samples_cost(seed):
    problem, theta, x0 = paid_task(seed)
    x = x0.clone().requires_grad_()
    total = problem.cost(theta, x) * len(x)
    (a,) = torch.autograd.grad(total, x)
    p = control.costates(problem, theta, control.states(problem, theta, x0))
    assert torch.allclose(p[0], -a, atol=1e-12)
    assert not torch.allclose(p[0], a, atol=1e-2)


def test_gradient_of_the_controls_comes_from_the_hamiltonian():
    problem, theta, x0 = paid_task()
    theta.requires_grad_()
    (gradient,) = torch.autograd.grad(problem.cost(theta, x0), theta)
    xs = control.states(problem, theta.detach(), x0)
    p = control.costates(problem, theta.detach(), xs)
    H = control.hamiltonian(problem, xs[:-1], p[1:], theta).mean(-1).sum()
    (by_H,) = torch.autograd.grad(-problem.h * H, theta)
    assert torch.allclose(gradient, by_H, atol=1e-12)


def test_wrong_shapes_are_named():
    problem, theta, x0 = paid_task()
    with pytest.raises(ValueError, match="12 parameters"):
        control.tanh_layer(x0, torch.zeros(7))
    with pytest.raises(ValueError, match="6 controls"):
        control.costates(problem, theta, torch.zeros(3, 8, 3))


# --- successive approximations -------------------------------------------------------------------


def steering(G, T=1.0, layers=10):
    """ẋ = θ to the target 1, by hand: the notebook's (10.11) to (10.13)."""
    return control.ControlProblem(
        lambda x, u: u[..., None, :].expand_as(x),
        lambda x: 0.5 * G * (x[:, 0] - 1) ** 2,
        T / layers,
        running=lambda x, u: 0.5 * (u**2).sum(-1)[..., None].expand(x.shape[:-1]),
    )


@pytest.mark.parametrize(("G", "rho"), [(0.5, 0.0), (3.0, 0.0), (3.0, 1.5), (3.0, 5.0)])
def test_fixed_rho_multiplies_the_error_as_the_formula_says(G, rho):
    problem, x0 = steering(G), torch.zeros(1, 1)
    best, theta, errors = G / (1 + G), torch.zeros(10, 1), []
    for _ in range(3):
        errors.append(theta[0, 0].item() - best)
        theta, _ = control.extended_msa(problem, theta, x0, iterations=1, rho=rho)
    factor = (rho - G) / (rho + 1)
    assert errors[2] / errors[1] == pytest.approx(factor, rel=1e-5)
    assert (abs(factor) < 1) is (rho > (G - 1) / 2)


def test_adaptive_rho_never_lets_the_loss_rise_and_plain_msa_does():
    task = control.sine_task(seeded(7))
    _, calm = control.extended_msa(task.problem, task.theta, task.x0, iterations=12)
    assert all(b <= a for a, b in zip(calm.loss, calm.loss[1:], strict=False))
    assert calm.loss[-1] < 0.1
    rejected = [t > old for t, old in zip(calm.tried[1:], calm.loss, strict=False)]
    assert any(rejected)
    up = rejected.index(True) + 1
    assert calm.rho[up + 1] == pytest.approx(3 * calm.rho[up])
    _, plain = control.extended_msa(task.problem, task.theta, task.x0, iterations=12, rho=0.0)
    assert any(b > a for a, b in zip(plain.loss, plain.loss[1:], strict=False))
    assert min(plain.loss) > 10 * calm.loss[-1]


def test_msa_errors_and_callback():
    task, seen = control.sine_task(layers=3, samples=5), []
    with pytest.raises(ValueError, match="adaptive"):
        control.extended_msa(task.problem, task.theta, task.x0, rho="often")
    with pytest.raises(ValueError, match="at least 0"):
        control.extended_msa(task.problem, task.theta, task.x0, rho=-1.0)
    control.extended_msa(
        task.problem, task.theta, task.x0, iterations=2, inner=1, callback=seen.append
    )
    assert len(seen) == 2 and seen[0].shape == task.theta.shape


def test_rho_is_kept_or_follows_its_rule():
    """A fixed ρ stays; an adapted one is taken by 0.7 after progress, and tripled without."""
    task = control.sine_task(seeded(), layers=4, samples=10)
    run = lambda rho: control.extended_msa(  # noqa: E731
        task.problem, task.theta, task.x0, iterations=8, rho=rho, inner=5
    )[1]
    assert run(3.0).rho == [3.0] * 9
    trace = run("adaptive")
    assert trace.rho[:2] == [2.0, 2.0]
    for k in range(1, 8):
        factor = 0.7 if trace.tried[k] < trace.loss[k - 1] else 3.0
        assert trace.rho[k + 1] == pytest.approx(factor * trace.rho[k])


# --- linear–quadratic ----------------------------------------------------------------------------


def linear_pole(T=4.0):
    A, B = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[0.0], [1.0]])
    return control.LQ(A, B, torch.eye(2), torch.full((1, 1), 0.5), 5 * torch.eye(2), T)


def lopsided(T=4.0):
    """A, which for the pole is symmetric, differs from its transpose, and so do all weights."""
    A, B = torch.tensor([[0.2, 2.0], [-0.5, -0.3]]), torch.tensor([[1.0, 0.0], [0.4, 0.7]])
    Q, N = torch.tensor([[1.0, 0.2], [0.2, 3.0]]), torch.tensor([[0.5, 0.1], [0.1, 0.8]])
    return control.LQ(A, B, Q, N, torch.diag(torch.tensor([5.0, 2.0])), T)


both_problems = pytest.mark.parametrize("make", [linear_pole, lopsided])


@both_problems
def test_riccati_agrees_with_the_algebraic_equation_far_from_the_end(make):
    problem = make(30.0)
    P, K = control.riccati(problem, torch.tensor([0.0, 30.0]))
    steady = scipy.linalg.solve_continuous_are(
        *(m.numpy() for m in (problem.A, problem.B, problem.Q, problem.N))
    )
    assert np.allclose(P[0], steady, atol=1e-7)
    assert torch.allclose(K[0], control.stationary_gain(problem), atol=1e-7)
    assert torch.allclose(P[1], problem.G)
    if make is linear_pole:
        assert K[0, 0].tolist() == pytest.approx([1 + math.sqrt(3)] * 2, abs=1e-6)


@both_problems
def test_no_control_is_cheaper_than_riccatis(make):
    problem, x0 = make(), torch.tensor([1.0, -0.3])
    t = torch.linspace(0, 4, 401)
    P, _ = control.riccati(problem, t)
    _, u = control.lq_control(problem, t, x0)
    held = 0.5 * (u[1:] + u[:-1])
    least, cost = 0.5 * x0 @ P[0] @ x0, control.lq_cost(problem, held, x0)
    assert 0 < cost / least - 1 < 1e-4
    for seed in range(5):
        other = held + 0.05 * torch.randn(held.shape, generator=seeded(seed))
        assert control.lq_cost(problem, other, x0) > cost


@both_problems
def test_lq_cost_against_fine_euler(make):
    problem, x0 = make(1.0), torch.tensor([1.0, 0.5])
    u = torch.tensor([[0.3, 0.8], [-1.0, 0.1]])[:, : problem.B.shape[1]]
    x, total, n = x0.clone(), 0.0, 20_000
    for k in range(n):
        control_now = u[k * 2 // n]
        total += 0.5 / n * (x @ problem.Q @ x + control_now @ problem.N @ control_now)
        x = x + (problem.A @ x + problem.B @ control_now) / n
    total += 0.5 * x @ problem.G @ x
    assert control.lq_cost(problem, u, x0).item() == pytest.approx(total.item(), rel=1e-3)


def test_lq_errors():
    one = torch.eye(1)
    with pytest.raises(ValueError, match="Q must be 1 × 1"):
        control.LQ(one, one, torch.eye(2), one, one, 1.0)
    with pytest.raises(ValueError, match="B must be a matrix"):
        control.LQ(one, one[0], one, one, one, 1.0)
    with pytest.raises(ValueError, match="Q must be symmetric"):
        two = torch.eye(2)
        control.LQ(two, two, torch.tensor([[1.0, 0.4], [0.0, 1.0]]), two, two, 1.0)
    with pytest.raises(ValueError, match="positive definite"):
        control.LQ(one, one, one, 0 * one, one, 1.0)
    with pytest.raises(ValueError, match="times must lie"):
        control.riccati(linear_pole(), torch.tensor([5.0]))


# --- the pole ------------------------------------------------------------------------------------


def test_the_free_pole_conserves_its_energy():
    xs, us = control.Pole().roll(lambda k, x: 0 * x[..., 0], torch.tensor([[0.5, 0.0], [3.0, 1.0]]))
    energy = 0.5 * xs[..., 1] ** 2 + torch.cos(xs[..., 0])
    assert us.abs().max() == 0
    assert (energy - energy[0]).abs().max() < 1e-5


def test_what_a_balanced_and_a_falling_pole_cost():
    """Held still at an angle q by u = −sin q; and running costs by trapezia, of order two."""
    pole, q = control.Pole(kappa=0.7, end=3.0), torch.tensor([0.3, -1.0])
    x0 = torch.stack([q, 0 * q], -1)
    held = pole.cost(lambda k, x: -torch.sin(x[..., 0]), x0)
    assert torch.allclose(held, 4 * 0.5 * (q**2 + 0.7 * torch.sin(q) ** 2) + 0.5 * 3 * q**2)
    fall = [control.Pole(T=2.0, steps=n).cost(lambda k, x: 0 * x[..., 0], x0) for n in (20, 40, 80)]
    assert torch.allclose((fall[0] - fall[1]) / (fall[1] - fall[2]), 4 + 0 * q, rtol=0.05)


def test_feedback_sees_angles_modulo_a_turn_and_the_clock_only_if_told():
    x = torch.randn(5, 2, generator=seeded())
    law = control.Feedback(generator=seeded())
    turned = x + torch.tensor([2 * math.pi, 0.0])
    assert torch.allclose(law(0, x), law(7, turned))
    timed = control.Feedback(steps=40, generator=seeded())
    assert not torch.allclose(timed(0, x), timed(20, x))


def test_stored_laws_work_from_where_their_table_says():
    from course_lib import results

    table = results.load("feedback")["rows"]
    row = next(r for r in table if r["seed"] == 0)
    works = control.basin(control.load_law(0))
    assert works.shape == (41, 31)
    assert works.double().mean().item() == pytest.approx(row["share"], abs=0.02)
    assert bool(works[0, 15]) is row["from_rest_below"]
