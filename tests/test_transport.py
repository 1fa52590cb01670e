"""course_lib.transport against autograd, closed forms and brute force."""

import itertools
import math

import numpy as np
import pytest
import torch

from course_lib import transport
from course_lib.flows import HutchinsonTrace, TanhField, standard_log_prob
from course_lib.solvers import odeint
from course_lib.transport import Rates

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def lively(dim=3, width=8, seed=0):
    """A potential with every weight away from zero, A among them."""
    phi = transport.Potential(dim, width, seeded(seed))
    with torch.no_grad():
        for weight in phi.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=seeded(seed + 1)))
    return phi


class Shrinking:
    """Φ = ½c‖x‖²/(1 + c(1 − t)): solves the HJB equation for Q = 0 and ends as ½c‖x‖²."""

    def __init__(self, c=2.0):
        self.c = c

    def start(self, x):
        """Nothing is random here."""

    def rates(self, t, x):
        k = self.c / (1 + self.c * (1 - t))
        square = x.square().sum(1)
        dt = 0.5 * k * k * square
        return Rates(-k * x, torch.full_like(square, -2 * k), -dt + 0.5 * k * k * square)


class Riccati:
    """Φ = ½ tanh(1 − t)‖x‖²: solves the HJB equation for Q = ½‖x‖², with nothing at the end."""

    def start(self, x):
        """Nothing is random here."""

    def rates(self, t, x):
        k, square = math.tanh(1 - t), x.square().sum(1)
        dt = -0.5 * (1 - k * k) * square
        return Rates(-k * x, torch.full_like(square, -2 * k), -dt + 0.5 * k * k * square)


# --- the potential -------------------------------------------------------------------------------


def test_derivatives_by_hand_are_those_of_autograd():
    phi, t = lively(), torch.tensor(0.4, requires_grad=True)
    x = torch.randn(5, 3, generator=seeded(9), requires_grad=True)

    def value(t, x):
        s = torch.cat([x, t.expand(len(x), 1)], 1)
        u = torch.log(2 * torch.cosh(s @ phi.K0.T + phi.b0))
        net = (u + torch.log(2 * torch.cosh(u @ phi.K1.T + phi.b1))) @ phi.w
        return net + 0.5 * torch.einsum("ni,ij,nj->n", s, phi.A, s) + s @ phi.b

    assert torch.allclose(value(t, x), phi(0.4, x))
    (gradient,) = torch.autograd.grad(value(t, x).sum(), x, create_graph=True)
    laplacian = sum(
        torch.autograd.grad(gradient[:, i].sum(), x, retain_graph=True)[0][:, i] for i in range(3)
    )
    dt = torch.stack([torch.autograd.grad(value(t, x)[i], t)[0] for i in range(5)])
    rates = phi.rates(0.4, x)
    assert torch.allclose(rates.v, -gradient) and torch.allclose(phi.velocity(0.4, x), -gradient)
    assert torch.allclose(rates.divergence, -laplacian)
    assert torch.allclose(rates.hamilton_jacobi, -dt + 0.5 * gradient.square().sum(1))


def test_the_quadratic_part_can_spread_samples():
    phi = transport.Potential(2)
    with torch.no_grad():
        phi.w.zero_()
        phi.A[0, 0] = -1.0
    assert phi.velocity(0.0, torch.tensor([[1.0, 1.0]])).tolist() == [[1.0, 0.0]]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="x must have shape"):
        transport.Potential(2).rates(0.0, torch.zeros(4, 3))
    with pytest.raises(ValueError, match="at least 1"):
        transport.Potential(0)


# --- the flow ------------------------------------------------------------------------------------


def test_extra_states_are_those_of_the_long_system():
    """`carry` is RK4 on (x, ∫tr, ∫½‖v‖²), as `odeint` does it."""
    phi, x = lively(2), torch.randn(6, 2, generator=seeded(3))

    def long(t, y):
        now = phi.rates(float(t), y[0])
        return now.v, now.divergence, 0.5 * now.v.square().sum(1)

    zero = torch.zeros(6)
    step = {"method": "rk4", "options": {"step_size": 0.25}}
    with torch.no_grad():
        ends = odeint(long, (x, zero, zero), torch.tensor([0.0, 1.0]), **step)
        mine = transport.carry(phi, x, steps=4)
    for theirs, own in zip(ends, (mine.x, mine.log_det, mine.kinetic), strict=True):
        assert torch.allclose(theirs[-1], own)
    assert mine.path.shape == (5, 6, 2)


@torch.no_grad()
def test_log_det_is_that_of_the_map():
    phi = lively(2)
    x = torch.randn(3, 2, generator=seeded(4))
    forward = transport.carry(phi, x, steps=60)
    jacobians = torch.autograd.functional.jacobian(
        lambda p: transport.carry(phi, p, steps=60).x.sum(0), x
    )
    exact = torch.linalg.slogdet(jacobians.permute(1, 0, 2)).logabsdet
    assert torch.allclose(forward.log_det, exact, atol=1e-6)
    back = transport.carry(phi, forward.x, (1, 0), 60)
    assert torch.allclose(back.x, x, atol=1e-6)
    assert torch.allclose(back.log_det, -forward.log_det, atol=1e-6)
    assert torch.allclose(back.kinetic, forward.kinetic, atol=1e-6)
    assert torch.allclose(back.residual, forward.residual, rtol=0.05)  # |.| has kinks


def test_residual_vanishes_for_value_functions():
    x = torch.randn(4, 2, generator=seeded(5))
    end = transport.carry(Shrinking(), x, steps=50)
    assert end.residual.max() < 1e-12
    assert transport.straightness(end.path) == pytest.approx(1, abs=1e-9)
    assert torch.allclose(end.x, x / 3, atol=1e-6)
    ones = lambda t, x: 0.5 * x.square().sum(1)  # noqa: E731
    right = transport.carry(Riccati(), x, steps=50, running=ones)
    assert right.residual.max() < 1e-12
    wrong = transport.carry(Riccati(), x, steps=50)
    assert wrong.residual.mean() > 0.1
    value = 0.5 * math.tanh(1) * x.square().sum(1)
    assert torch.allclose(right.kinetic + right.running, value, atol=1e-6)


def test_a_field_without_potential():
    field = TanhField(2, (8, 8), generator=seeded())
    exact = transport.VelocityField(field)
    slow = transport.VelocityField(lambda t, x: field(t, x))
    x = torch.randn(5, 2, generator=seeded(1))
    a, b = transport.carry(exact, x), transport.carry(slow, x)
    assert torch.allclose(a.log_det, b.log_det) and a.residual.abs().max() == 0
    noisy = transport.VelocityField(field, HutchinsonTrace(generator=seeded(2)))
    many = x[:1].expand(4000, 2).contiguous()
    mean = transport.carry(noisy, many, steps=2).log_det.mean()
    assert mean.item() == pytest.approx(
        transport.carry(exact, x[:1], steps=2).log_det.item(), abs=0.05
    )


def test_density_of_a_linear_flow_is_gaussian():
    """x' = A x takes N(0, I) to N(0, e^A e^Aᵀ)."""
    A = torch.tensor([[0.3, -1.0], [0.5, 0.4]])
    M, x = torch.linalg.matrix_exp(A), torch.randn(9, 2, generator=seeded(6))
    exact = torch.distributions.MultivariateNormal(torch.zeros(2), M @ M.T)
    found = transport.log_prob(transport.VelocityField(lambda t, x: x @ A.T), x, steps=40)
    assert torch.allclose(found, exact.log_prob(x), atol=1e-6)


def test_loss_is_the_sum_of_its_parts():
    """A drift by c costs ½‖c‖², and log p is that of N(c, I); the penalty adds ∫|residual|dt."""
    c, x = torch.tensor([3.0, 4.0]), torch.randn(9, 2, generator=seeded(7))
    drift = transport.VelocityField(lambda t, x: c.expand_as(x))
    grow = transport.VelocityField(lambda t, x: 0.5 * x)  # N(0, e I), log det −1 on the way back
    for field, log_p in (
        (drift, standard_log_prob(x - c)),
        (grow, standard_log_prob(x * math.exp(-0.5)) - 1),
    ):
        loss = transport.ot_flow_loss(field, x, (0.0, 7.0, 0.0), steps=20)
        assert loss.item() == pytest.approx(-7 * log_p.mean().item(), abs=1e-5)
    toll = lambda t, x: torch.full_like(x[:, 0], 2.0)  # noqa: E731
    loss = transport.ot_flow_loss(drift, x, (3.0, 0.0, 0.0), running=toll)
    assert loss.item() == pytest.approx(3 * (12.5 + 2))
    loss = transport.ot_flow_loss(lively(2), x, (0.0, 0.0, 5.0))
    assert loss.item() == pytest.approx(
        5 * transport.carry(lively(2), x, (1, 0), 4).residual.mean().item()
    )
    assert loss > 0


def test_gradients_reach_every_weight():
    phi = lively(2)
    transport.ot_flow_loss(phi, torch.randn(9, 2, generator=seeded(2))).backward()
    assert all(weight.grad.abs().max() > 0 for weight in phi.parameters())


def test_a_flow_that_escapes_says_so():
    away = transport.VelocityField(lambda t, x: x**9)
    with pytest.raises(FloatingPointError, match="more steps"):
        transport.carry(away, 50 * torch.ones(1, 1))
    with pytest.raises(ValueError, match="two different times"):
        transport.carry(away, torch.ones(1, 1), (1.0, 1.0))


# --- exact answers -------------------------------------------------------------------------------


def test_exact_plan_is_the_best_of_all_permutations():
    x, y = (torch.randn(6, 2, generator=seeded(k)) for k in (0, 1))
    best = min(
        ((x - y[list(order)]) ** 2).sum(1).mean().item()
        for order in itertools.permutations(range(6))
    )
    partner, cost = transport.exact_plan(x, y)
    assert cost.item() == pytest.approx(best) and sorted(partner.tolist()) == list(range(6))
    assert ((x - y[partner]) ** 2).sum(1).mean().item() == pytest.approx(best)


def test_sorting_is_the_exact_plan_on_a_line():
    x, y = torch.randn(50, generator=seeded(0)), torch.rand(50, generator=seeded(1))
    assert transport.sorted_cost(x, y).item() == pytest.approx(
        transport.exact_plan(x[:, None], y[:, None])[1].item()
    )
    with pytest.raises(ValueError, match="equal length"):
        transport.sorted_cost(x, y[:-1])


def covariance(seed, d=3):
    root = torch.randn(d, d, generator=seeded(seed))
    return root @ root.T + 0.2 * torch.eye(d)


def test_bures_is_the_cost_of_the_gaussian_map():
    m0, m1 = (torch.randn(3, generator=seeded(k)) for k in (7, 8))
    S0, S1 = covariance(1), covariance(2)
    M, b = transport.gaussian_map(m0, S0, m1, S1)
    assert torch.allclose(M, M.T) and torch.linalg.eigvalsh(M).min() > 0
    assert torch.allclose(M @ S0 @ M.T, S1) and torch.allclose(M @ m0 + b, m1)
    move = M - torch.eye(3)  # E‖(M − I)z + b‖² for z ~ N(m0, S0)
    cost = (move @ S0 @ move.T).trace() + ((move @ m0 + b) ** 2).sum()
    assert transport.bures(m0, S0, m1, S1).item() == pytest.approx(cost.item())
    assert transport.bures(m1, S1, m0, S0).item() == pytest.approx(cost.item())


def test_the_gap_of_a_gradient_map_is_zero_and_of_a_rotation_is_not():
    z = torch.randn(400, 2, generator=seeded(0))
    assert transport.ot_gap(z, z @ covariance(3, 2) + 1) < 1e-12
    c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
    turned = z @ torch.tensor([[c, s], [-s, c]])
    assert 0.7 < transport.ot_gap(z, turned) < 1  # 1 in the limit; few points hide a part of it
    assert transport.ot_gap(z[:40], turned[:40]) < transport.ot_gap(z, turned)


def test_a_covariance_must_be_one():
    with pytest.raises(ValueError, match="negative eigenvalue"):
        transport.matrix_root(torch.diag(torch.tensor([1.0, -1.0])))


def test_straightness_of_a_half_circle():
    angle = torch.as_tensor(np.linspace(0, math.pi, 401))
    path = torch.stack([angle.cos(), angle.sin()], 1)[:, None]
    assert transport.straightness(path) == pytest.approx(math.pi / 2, rel=1e-4)
    with pytest.raises(ValueError, match="path must be"):
        transport.straightness(path[0])
