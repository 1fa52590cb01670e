"""The crowd's modules: obstacle, oracle, variants of one map, the steered field, Bayes' flow."""

import math

import pytest
import torch

from course_lib import transport
from course_lib.flows import AutogradTrace
from course_lib.transport.steering import steered_cost, steered_field, steered_states

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def drift(x):
    return torch.ones_like(x) * x.new_tensor([5.0, 0.0])


# --- the problem ---------------------------------------------------------------------------------


def test_an_obstacle_sees_who_enters():
    t = torch.linspace(-2, 2, 81)
    path = torch.stack([torch.stack([t, 0 * t + height], 1) for height in (0.4, 0.6)], 1)
    obstacle = transport.Obstacle(centre=(0.0, 0.0), width=0.5)
    assert obstacle.entered(path).tolist() == [True, False]
    assert transport.Obstacle(centre=(0.0, 1.0)).entered(path).tolist() == [False, True]
    with pytest.raises(ValueError, match="positive"):
        transport.Obstacle(width=0.0)


def test_miss_is_the_log_of_a_ratio_of_densities():
    """Where everybody moves by (5, 0): the density at the end is the start's, shifted."""
    start, goal = transport.crowd_problem()
    z = start.sample(20, seeded())
    end = transport.carry(transport.VelocityField(lambda t, x: drift(x)), z)
    there = start.log_prob(end.x - torch.tensor([5.0, 0.0])) - goal.log_prob(end.x)
    assert torch.allclose(transport.miss(end, z, start, goal), there)


def test_miss_counts_how_thin_the_crowd_has_become():
    """Where everybody moves away from the origin, x(1) = e·z: thinner by e², in the plane."""
    start, goal = transport.crowd_problem()
    z = start.sample(20, seeded())
    end = transport.carry(transport.VelocityField(lambda t, x: x), z, steps=40)
    there = start.log_prob(z) - 2 - goal.log_prob(math.e * z)
    assert torch.allclose(transport.miss(end, z, start, goal), there, atol=1e-4)


def test_the_terminal_condition_is_asked_at_the_end():
    """Where Φ changes with time: α_T counts how far Φ(1, x) is from the price of a goal there."""
    (start, goal), phi = transport.crowd_problem(), lively()
    z = start.sample(30, seeded(1))
    end = transport.carry(phi, z)
    off = phi(1.0, end.x) - 20 * transport.miss(end, z, start, goal)
    little, much = (transport.crowd_loss(phi, z, start, goal, weights=(20.0, 3.0, w))
                    for w in (0.3, 1.3))  # fmt: skip
    assert (much - little).item() == pytest.approx((off - off.mean()).abs().mean().item())


def test_loss_of_the_crowd_by_hand():
    """A potential that drifts: kinetic 12.5, Q along the way, the miss, and both penalties."""
    start, goal = transport.crowd_problem()
    phi = transport.Potential(2, 4, seeded())
    with torch.no_grad():
        for weight in phi.parameters():
            weight.zero_()
        phi.b[0] = -5.0
    z, obstacle = start.sample(50, seeded(1)), transport.Obstacle(weight=7.0)
    end = transport.carry(phi, z, steps=8, running=obstacle)
    G = 20 * transport.miss(end, z, start, goal)
    off = -5 * end.x[:, 0] - G  # Φ = −5 x₁, and |log cosh| of nothing adds nothing but constants
    expected = 12.5 + end.running + G + 3 * (12.5 - obstacle_mean(z, obstacle)).abs()
    loss = transport.crowd_loss(phi, z, start, goal, obstacle)
    penalty = 0.3 * (off - off.mean()).abs()
    assert loss.item() == pytest.approx((expected + penalty).mean().item(), rel=0.02)
    no_penalties = transport.crowd_loss(phi, z, start, goal, obstacle, weights=(20.0, 0.0, 0.0))
    assert no_penalties.item() == pytest.approx((12.5 + end.running + G).mean().item())


def obstacle_mean(z, obstacle):
    """∫ Q dt along z + (5t, 0); smaller than ½‖v‖² here, so the residual keeps its sign."""
    t = torch.linspace(0, 1, 401)
    q = torch.stack([obstacle(s, z + s * drift(z)) for s in t])
    return torch.trapezoid(q, t, dim=0)


def test_turning_about_a_centre():
    angle = torch.linspace(0, 2 * math.pi, 100)
    circle = torch.stack([angle.cos(), angle.sin()], 1)[:, None]
    assert transport.turning(circle).item() == pytest.approx(2 * math.pi)
    assert transport.turning(circle.flip(0)).item() == pytest.approx(-2 * math.pi)
    assert transport.turning(circle, (3.0, 0.0)).item() == pytest.approx(0, abs=1e-12)


def test_visitors_come_by():
    spin = transport.VelocityField(lambda t, x: x @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]]))
    times = torch.tensor([0.0, 0.3, 1.0])
    found = transport.visitors(spin, (1.0, 0.0), times)
    for t, z in zip(times.tolist(), found, strict=True):
        assert torch.allclose(z, torch.tensor([math.cos(t), -math.sin(t)]), atol=1e-6)


# --- the oracle ----------------------------------------------------------------------------------


def test_oracle_of_a_quadratic_cost():
    """Q = ½k²‖x‖²: paths are hyperbolic sines, and the cost is known."""
    k, start, end = 2.0, torch.tensor([[1.0, -0.5]]), torch.tensor([[0.3, 2.0]])
    found = transport.best_paths(start, end, lambda t, x: 0.5 * k**2 * x.square().sum(1), 100)
    t = torch.linspace(0, 1, 101)[:, None, None]
    exact = (start * torch.sinh(k * (1 - t)) + end * torch.sinh(k * t)) / math.sinh(k)
    assert torch.allclose(found.path, exact, atol=1e-4)
    ends = (start.square() + end.square()).sum() * math.cosh(k) - 2 * (start * end).sum()
    assert found.cost.item() == pytest.approx(0.5 * k * ends.item() / math.sinh(k), rel=1e-4)


def test_oracle_takes_the_better_side():
    obstacle = transport.Obstacle(weight=100.0)
    start = torch.tensor([[-2.5, 0.2], [-2.5, -0.2]])
    found = transport.best_paths(start, -start * torch.tensor([1.0, -1.0]), obstacle)
    above = found.path[32, :, 1]
    assert above[0] > 0.5 and above[1] < -0.5
    assert found.cost[0].item() == pytest.approx(found.cost[1].item(), rel=1e-6)
    one_side = transport.best_paths(
        start, -start * torch.tensor([1.0, -1.0]), obstacle, bows=(0.8,)
    )
    assert one_side.cost[1] > 1.02 * found.cost[1]
    with pytest.raises(ValueError, match="starts and ends"):
        transport.best_paths(start, start[:1], obstacle)
    with pytest.raises(ValueError, match="knots"):
        transport.best_paths(start, start, obstacle, knots=1)


# --- variants of one map -------------------------------------------------------------------------


def lively(seed=0):
    phi = transport.Potential(2, 8, seeded(seed))
    with torch.no_grad():
        for weight in phi.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=seeded(seed + 1)))
    return phi


@torch.no_grad()
def test_a_carousel_ends_where_the_flow_does():
    phi, z = lively(), torch.randn(6, 2, generator=seeded(3))
    own = transport.carry(phi, z, steps=100)
    turned = transport.carry(transport.Rotated(phi, turns=1), z, steps=100)
    assert torch.allclose(own.x, turned.x, atol=1e-5)
    assert torch.allclose(own.log_det, turned.log_det, atol=1e-5)
    half = transport.carry(transport.Rotated(phi, turns=0.5), z, steps=100)
    assert torch.allclose(own.x, -half.x, atol=1e-5)
    assert (turned.path[50] + own.path[50]).norm(dim=1).max() < 1e-5  # half-way: half a turn
    assert (turned.path[50] - own.path[50]).norm(dim=1).min() > 0.1


def test_jacobian_and_determinants_of_a_map():
    M = torch.tensor([[2.0, 1.0], [0.5, 3.0]])
    J = transport.map_jacobian(lambda z: z @ M.T, torch.randn(4, 2, generator=seeded()))
    assert torch.allclose(J, M.expand(4, 2, 2))
    found = transport.straight_determinants(J, 5)
    assert torch.allclose(found[-1], torch.linalg.det(M).expand(4))
    assert torch.allclose(found[2], torch.linalg.det(0.5 * torch.eye(2) + 0.5 * M).expand(4))


# --- the steered field ---------------------------------------------------------------------------


def test_a_steered_field_begins_as_a_drift_that_sees_the_way_from_the_centre():
    field, y = steered_field(16, seeded()), torch.randn(50, 4, generator=seeded(1))
    assert (field(0.3, y)[:, :2] - torch.tensor([5.0, 0.0])).abs().max() < 1
    together = y + torch.tensor([0.7, -0.4]).repeat(2)  # agent and obstacle, moved alike
    before, after = (field.activations(0.3, states)[0] for states in (y, together))
    assert torch.allclose(before[:, :8], after[:, :8])
    assert not torch.allclose(before[:, 8:], after[:, 8:])


def test_the_obstacle_stands_still_while_the_field_learns():
    field = steered_field(16, seeded())
    y = steered_states(torch.randn(8, 2, generator=seeded(1)), (0.5, -0.5))
    trace, slow = field.divergence(0.3, y).trace, AutogradTrace()(field, 0.3, y).trace
    assert torch.allclose(trace, slow)
    optimizer = torch.optim.Adam(field.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        back = transport.carry(
            transport.VelocityField(field), y, steps=2, running=steered_cost(9.0)
        )
        (back.x.sum() + back.running.sum()).backward()
        optimizer.step()
    assert torch.equal(field(0.7, y)[:, 2:], torch.zeros(8, 2))
    assert torch.equal(back.x[:, 2:], y[:, 2:])


# --- Bayes' flow ---------------------------------------------------------------------------------


def bayes(K=None):
    m0, S0 = torch.tensor([1.0, -1.0]), torch.tensor([[2.0, 0.8], [0.8, 1.0]])
    H, R = torch.tensor([[1.0, 1.0], [0.0, 2.0]]), torch.diag(torch.tensor([0.3, 0.7]))
    return (m0, S0, H, torch.tensor([3.0, 1.0]), R), K


@pytest.mark.parametrize("swirl", [0.0, 2.0])
def test_particles_have_the_posteriors_moments(swirl):
    """Against Kalman's formula, another way to write Bayes' rule."""
    args, K = bayes(torch.tensor([[0.0, -swirl], [swirl, 0.0]]))
    flow = transport.BayesFlow(*args, K)
    m0, S0, H, y, R = args
    gain = S0 @ H.T @ torch.linalg.inv(H @ S0 @ H.T + R)
    mean, covariance = m0 + gain @ (y - H @ m0), S0 - gain @ H @ S0
    root = torch.linalg.cholesky(S0)
    corners = torch.cat([torch.zeros(1, 2), torch.eye(2)]) @ root.T + m0
    end = transport.carry(flow, corners, steps=100)
    assert torch.allclose(end.x[0], mean, atol=1e-5)
    M = (end.x[1:] - end.x[0]).T  # the map's columns times the prior's root
    assert torch.allclose(M @ M.T, covariance, atol=1e-5)
    det = torch.linalg.slogdet(M @ torch.linalg.inv(root)).logabsdet
    assert end.log_det[0].item() == pytest.approx(det.item(), abs=1e-5)


def test_bad_input_of_the_bayes_flow_is_named():
    args, _ = bayes()
    with pytest.raises(ValueError, match="antisymmetric"):
        transport.BayesFlow(*args, torch.eye(2))
    with pytest.raises(ValueError, match="H"):
        transport.BayesFlow(*args[:2], torch.ones(1, 2), *args[3:])
