"""Notebook 18: every numbered equation is checked, and its explorer does what the text says."""

import math

import matplotlib.pyplot as plt
import pytest
import torch

from course_lib import results, transport
from course_lib.exercises.nb18 import long_rate, obstacle_cost, terminal_cost, turned_velocity
from course_lib.solvers import odeint
from course_lib.widgets import crowd_explorer, nb18
from experiments import crowd
from experiments import crowd_explorer as explored

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def lively(seed=0):
    phi = transport.Potential(2, 8, seeded(seed))
    with torch.no_grad():
        for weight in phi.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=seeded(seed + 1)))
    return phi


# --- the price of a place ------------------------------------------------------------------------


def test_obstacle_is_a_hill_of_the_given_height_and_width():
    """(18.1): height at the centre, steepest at one width from it; the library's is the same."""
    centre = torch.tensor([0.3, -0.2])
    r = torch.linspace(0, 2, 2001, requires_grad=True)
    x = centre + torch.stack([r, 0 * r], 1)
    q = obstacle_cost(x, centre, 0.5, 80.0)
    (slope,) = torch.autograd.grad(q.sum(), r)
    assert q[0].item() == pytest.approx(80)
    assert r[slope.argmin()].item() == pytest.approx(0.5, abs=2e-3)
    same = transport.Obstacle((0.3, -0.2), 0.5, 80.0)(0.0, x)
    assert torch.allclose(q, same)


def test_the_cost_rides_along():
    """(18.2): the last column of the long state is what `carry` adds up."""
    phi, obstacle = lively(), transport.Obstacle(weight=5.0)
    z = torch.randn(6, 2, generator=seeded(3))
    y = torch.cat([z, torch.zeros(6, 1)], 1)
    step = {"method": "rk4", "options": {"step_size": 0.125}}
    with torch.no_grad():
        long = odeint(
            lambda t, y: long_rate(lambda t, x: phi.velocity(float(t), x), obstacle, t, y),
            y, torch.tensor([0.0, 1.0]), **step,
        )[-1]  # fmt: skip
        end = transport.carry(phi, z, steps=8, running=obstacle)
    assert torch.allclose(long[:, :2], end.x)
    assert torch.allclose(long[:, 2], end.kinetic + end.running)


def test_speed_is_highest_where_the_price_is():
    """(18.3): ½‖v‖² − Q is kept on the oracle's paths, and not on a detour of other speed."""
    obstacle = transport.Obstacle(weight=100.0)
    start = torch.tensor([[-2.5, 0.1]])
    path = transport.best_paths(start, -start, obstacle, knots=100).path[:, 0]

    def kept(path):
        v, middle = (path[1:] - path[:-1]) * 100, (path[1:] + path[:-1]) / 2
        return 0.5 * v.square().sum(1) - obstacle(0.0, middle)

    drift = kept(path).max() - kept(path).min()
    assert drift < 0.03 * obstacle(0.0, path).max()
    t = torch.linspace(0, 1, 101)
    slowed = (t + 0.1 * torch.sin(2 * math.pi * t)) * 100  # the same places at other times
    low = slowed.floor().long().clamp(max=99)
    other = path[low] + (slowed - low)[:, None] * (path[low + 1] - path[low])
    assert kept(other).max() - kept(other).min() > 10 * drift


# --- the game ------------------------------------------------------------------------------------


def test_price_of_a_miss():
    """(18.4): for Gaussians that are stretched, against KL in closed form."""
    z = torch.randn(400_000, 1, generator=seeded(1))
    log_p = lambda x: -0.5 * x.square().sum(1) - 0.5 * math.log(2 * math.pi)  # noqa: E731
    scale, shift = 1.5, 0.4
    x = scale * z + shift
    log_det = torch.full((len(z),), math.log(scale))
    exact = 0.5 * (scale**2 + shift**2 - 1) - math.log(scale)
    found = terminal_cost(log_p(z), log_det, log_p(x), 1.0)
    assert found.item() == pytest.approx(exact, abs=0.01)
    assert terminal_cost(log_p(z), -log_det, log_p(x), 1.0).item() > exact + 0.5  # wrong sign


def test_at_the_optimum_nobody_gains_by_changing():
    """(18.5): agents at rest on a grid of goals; shifting mass changes the sum to first order by
    the difference of single agents' prices, which is constant at the minimum only."""
    x = torch.linspace(-4, 4, 400)
    target = torch.softmax(-0.5 * (x - 1) ** 2, 0)
    trip, alpha = 0.5 * (x + 1) ** 2, 5.0  # what it costs to get there from −1
    total = lambda p: (p * trip).sum() + alpha * (p * (p / target).log()).sum()  # noqa: E731
    best = torch.softmax(target.log() - trip / alpha, 0)
    price = trip + alpha * (best / target).log()
    assert (price - price[0]).abs().max() < 1e-9  # trip + G is the same for everybody
    shift = torch.zeros_like(x)
    shift[150], shift[220] = 1e-6, -1e-6
    other = torch.softmax(-0.5 * x**2, 0)
    for p, gains in ((best, False), (other, True)):
        change = (total(p + shift) - total(p)).item() / 1e-6
        single = trip + alpha * (p / target).log()
        assert change == pytest.approx((single[150] - single[220]).item(), abs=0.02)
        assert (abs(change) > 0.1) == gains


def test_loss_is_zero_penalty_for_a_value_function():
    """(18.6): without obstacle and target, the value function of an affine G pays no penalties."""
    start, goal = transport.crowd_problem()
    phi = transport.Potential(2, 4, seeded())
    with torch.no_grad():
        for weight in phi.parameters():
            weight.zero_()
        phi.b.copy_(torch.tensor([-5.0, 0.0, 12.5]))  # −∂ₜΦ + ½‖∇Φ‖² = −12.5 + 12.5
    z = start.sample(50, seeded(2))
    end = transport.carry(phi, z)
    assert end.residual.max() < 1e-12
    G = 20 * transport.miss(end, z, start, goal)
    off = phi(1.0, end.x) - G
    expected = (12.5 + G + 0.3 * (off - off.mean()).abs()).mean()
    assert transport.crowd_loss(phi, z, start, goal).item() == pytest.approx(expected.item())
    for weights, part in (((20.0, 9.0, 0.3), 0.0), ((20.0, 3.0, 1.3), (off - off.mean()).abs())):
        more = transport.crowd_loss(phi, z, start, goal, weights=weights)
        assert (more - expected).item() == pytest.approx(torch.as_tensor(part).mean().item())


# --- crossing ------------------------------------------------------------------------------------


def walk_of(path, arc_end, arc_start):
    turns = [transport.turning(w).item() for w in (path[:, :1], arc_end, path[:, 1:], arc_start)]
    return (turns[0] + turns[1] - turns[2] - turns[3]) / (2 * math.pi)


def test_walk_about_the_centre():
    """(18.7): once round if the two pass on different sides, not at all if on the same; and an
    agent in between goes through the centre."""
    t = torch.linspace(0, 1, 101)[:, None]
    s = torch.linspace(-1, 1, 51)

    def bent(height):  # a sheet of paths from (−2, h) to (2, h), bent outwards
        return torch.stack([4 * t - 2 + 0 * height, height + height * torch.sin(math.pi * t)], 2)

    for low, turns in ((-1.0, 1), (0.2, 0)):
        heights = low + (1 - low) * (s + 1) / 2
        sheet = bent(heights.flip(0)[None])
        ends = sheet[:, [0, -1]]
        w = walk_of(ends, sheet[-1][:, None], sheet[0][:, None])
        assert abs(w) == pytest.approx(turns, abs=1e-9)
        assert (sheet.norm(dim=2).min() < 0.05) == (turns == 1)


# --- one map, several dynamics -------------------------------------------------------------------


def test_straight_lines_and_where_they_meet():
    """(18.8), (18.10): drawn lines end at T(z); half a turn makes them meet, an expansion not."""
    z = torch.randn(50, 2, generator=seeded(1))
    for T, regular in ((-torch.eye(2), False), (torch.diag(torch.tensor([3.0, 0.5])), True)):
        path = transport.straight_paths(z, z @ T.T, 20)
        assert torch.equal(path[0], z) and torch.allclose(path[-1], z @ T.T)
        smallest = transport.straight_determinants(T[None], 21).min().item()
        distance = torch.pdist(path[10]).min()
        assert (smallest > 0.1) == regular == (distance.item() > 1e-9)
    angle = torch.tensor(2 * math.pi / 3)  # a third of a turn: the lines do not meet
    R = torch.stack(
        [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
    )
    assert transport.straight_determinants(R[None]).min() > 0.2


def test_carousel():
    """(18.9): the exercise's velocity is the library's, and the derivative of P(ωt) x(t)."""
    phi, omega = lively(), 2 * math.pi
    y, t = torch.randn(5, 2, generator=seeded(2)), 0.37
    with torch.no_grad():
        mine = turned_velocity(lambda t, x: phi.velocity(t, x), omega, t, y)
        assert torch.allclose(mine, transport.Rotated(phi, turns=1).rates(t, y).v)

        def P(t):
            c, s = math.cos(omega * t), math.sin(omega * t)
            return torch.tensor([[c, -s], [s, c]])

        h, x = 1e-6, y @ P(t)
        v = phi.velocity(t, x)
        moved = [(x + k * h * v) @ P(t + k * h).T for k in (1, -1)]
        assert torch.allclose((moved[0] - moved[1]) / (2 * h), mine, atol=1e-6)


@torch.no_grad()
def test_what_is_the_same_for_one_map():
    """Exercise 18.5: the integral of the trace is, energy and density in between are not."""
    phi, z = lively(), torch.randn(40, 2, generator=seeded(5))
    own = transport.carry(phi, z, steps=100)
    turned = transport.carry(transport.Rotated(phi, 2), z, steps=100)
    assert torch.allclose(own.log_det, turned.log_det, atol=1e-5)
    assert turned.kinetic.mean() > 2 * own.kinetic.mean()
    assert (own.path[25].mean(0) - turned.path[25].mean(0)).norm() > 0.1


# --- Bayes ---------------------------------------------------------------------------------------


def test_bayes_flow_makes_the_densities():
    """(18.11), (18.12): S and m are those of the product, and the continuity equation holds for
    any antisymmetric K, not for a symmetric one."""
    m0, S0 = torch.tensor([0.5, 0.0]), torch.tensor([[2.0, 0.8], [0.8, 1.0]])
    H, R, y = torch.tensor([[1.0, 1.0]]), torch.tensor([[0.3]]), torch.tensor([3.0])
    x, t, h = torch.randn(20, 2, generator=seeded(1)), 0.4, 1e-5

    def log_p(flow, t, x):
        m, S = flow.moments(t)
        root = torch.linalg.cholesky(S)
        z = torch.linalg.solve_triangular(root, (x - m).T, upper=False)
        return -0.5 * z.square().sum(0) - root.diagonal().log().sum()

    flow = transport.BayesFlow(m0, S0, H, y, R, torch.tensor([[0.0, -2.0], [2.0, 0.0]]))
    prior = -0.5 * ((x - m0) @ torch.linalg.inv(S0) * (x - m0)).sum(1)
    likelihood = -0.5 * ((y - x @ H.T) @ torch.linalg.inv(R) * (y - x @ H.T)).sum(1)
    difference = log_p(flow, t, x) - prior - t * likelihood
    assert (difference - difference[0]).abs().max() < 1e-9

    def unbalanced(flow):  # ∂ₜ log p + v·∇log p + ∇·v
        rate = (log_p(flow, t + h, x) - log_p(flow, t - h, x)) / (2 * h)
        at = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(log_p(flow, t, at).sum(), at)
        now = flow.rates(t, x)
        return (rate + (now.v * slope).sum(1) + now.divergence).abs().max()

    assert unbalanced(flow) < 1e-7
    flow.K = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
    assert unbalanced(flow) > 0.1


# --- stored results and the explorer -------------------------------------------------------------


def test_a_stored_row_can_be_made_again():
    """The measures of a stored net of the explorer."""
    torch.set_default_dtype(torch.float32)
    stored = results.row(results.load("crowd_explorer"), weight=100.0, centre=[0.0, 0.0])
    again = explored.row(nb18.load_field(100.0), 100.0, (0.0, 0.0))
    for key, tolerance in (("kl", 5e-3), ("straightness", 1e-3), ("entered", 5e-3)):
        assert float(again[key]) == pytest.approx(stored[key], abs=tolerance)
    assert tuple(explored.WEIGHTS) == nb18.WEIGHTS


def test_measures_of_the_crowd(monkeypatch):
    """On a flow that is known: everybody drifts, straight and through the disc."""
    torch.set_default_dtype(torch.float32)
    monkeypatch.setattr(crowd, "AGENTS", 100)
    monkeypatch.setattr(crowd, "FINE", 20)
    phi = transport.Potential(2, 4, seeded())
    with torch.no_grad():
        for weight in phi.parameters():
            weight.zero_()
        phi.b.copy_(torch.tensor([-5.0, 0.0, 12.5]))
    row = crowd.measure(phi, 0, transport.Obstacle(weight=0.0), (20.0, 3.0, 0.3), phi)
    assert row["straightness"] == pytest.approx(1, abs=1e-5)
    assert row["energy"].item() == pytest.approx(25, rel=1e-4)
    assert row["hjb"] < 1e-4 and row["oracle_gap"].abs() < 1e-4 and row["apart"] < 1e-4
    assert row["entered"] > 0.5 and row["determinant"].item() == pytest.approx(1, abs=1e-3)
    assert row["kl"] > 1 and row["terminal"] > 1


def test_what_the_text_says_of_the_stored_crowds():
    rows = {row["recipe"]: row for row in results.load("crowd")["rows"]}
    kept = rows["crowd"]
    assert kept["seeds"] == [0, 1, 2, 3, 4]
    assert max(kept["entered"]) < 0.06 and min(kept["transport_entered"]) > 0.25
    assert all(1.02 < s < 1.08 for s in kept["straightness"])
    assert max(kept["transport_straightness"]) < 1.01
    energy = [a / b for a, b in zip(kept["energy"], kept["transport_energy"], strict=True)]
    assert all(1.08 < ratio < 1.2 for ratio in energy)
    assert max(kept["oracle_gap"]) < 0.03
    assert all(0.1 < apart < 0.2 for apart in kept["apart"])
    gaps = [abs(a - b) for a, b in zip(kept["kl"], kept["transport_kl"], strict=True)]
    assert max(gaps) < 0.1
    same = [row for row in rows.values() if row["parts"] == kept["parts"]]
    for row in same:  # Figure 18.2: nets bend as the oracle does
        for net, oracle in zip(row["straightness"], row["oracle_straightness"], strict=True):
            assert abs(net - oracle) < 0.015
    bends = [row["straightness"][0] for row in sorted(same, key=lambda row: row["weight"])]
    assert bends == sorted(bends) and len(bends) == 4


def test_explorer_parts_the_crowd():
    """Figure 18.7: fewer inside than on straight lines, at every stored place; none at the rim."""
    rows = results.load("crowd_explorer")["rows"]
    for row in rows:
        assert row["kl"] < 0.1
        if row["weight"] == 100.0:
            assert row["entered"] < 0.4 * row["entered_straight"]
        if row["weight"] == 0.0:
            assert row["straightness"] < 1.01
    figure = crowd_explorer.figure(x=0.0, y=0.0, weight=100.0)
    ways = figure.axes[0].collections[1]
    assert len(ways.get_segments()) == nb18.AGENTS
    inside = transport.Obstacle().entered(nb18.paths_past(0.0, 0.0, 100.0)).sum().item()
    black = (ways.get_colors()[:, :3].sum(1) == 0).sum()
    assert black == inside > 0
    plt.close(figure)
