"""Notebook 17: every numbered equation is checked, and its explorer does what the text says."""

import itertools
import math

import matplotlib.pyplot as plt
import pytest
import scipy.integrate
import scipy.optimize
import torch

from course_lib import flows, results, transport
from course_lib.exercises.nb17 import (
    gaussian_cost,
    hjb_residual,
    quadratic_flow,
    sorted_cost,
    straightness,
)
from course_lib.widgets import nb17, transport_explorer
from experiments import ladder, transport_weights

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def covariance(seed, d=2):
    root = torch.randn(d, d, generator=seeded(seed))
    return root @ root.T + 0.3 * torch.eye(d)


# --- exact transport -----------------------------------------------------------------------------


def test_sorting_is_the_cheapest_map_on_a_line():
    """(17.1), (17.2): of all 720 maps between six points, and of the exact plan."""
    x, y = torch.randn(6, generator=seeded(1)), 3 * torch.rand(6, generator=seeded(2))
    costs = [((x - y[list(order)]) ** 2).mean() for order in itertools.permutations(range(6))]
    assert sorted_cost(x, y).item() == pytest.approx(min(costs).item())
    assert transport.sorted_cost(x, y).item() == pytest.approx(min(costs).item())
    assert transport.exact_plan(x[:, None], y[:, None])[1].item() == pytest.approx(
        min(costs).item()
    )


def test_splitting_grains_gains_nothing():
    """Section 17.2: Kantorovich's linear programme over plans, and the cheapest pairing."""
    x, y = torch.randn(6, 2, generator=seeded(3)), torch.randn(6, 2, generator=seeded(4))
    one, each = torch.ones(1, 6), torch.eye(6)
    leaves, arrives = torch.kron(each, one), torch.kron(one, each)
    plan = scipy.optimize.linprog(
        torch.cdist(x, y).square().flatten(),
        A_eq=torch.cat([leaves, arrives]),
        b_eq=torch.full((12,), 1 / 6),
    )
    assert plan.fun == pytest.approx(transport.exact_plan(x, y)[1].item())


def test_gaussian_cost_is_that_of_its_map():
    """(17.3), (17.4): the map is the gradient of a convex quadratic, rotated ones are dearer."""
    m0, m1 = torch.tensor([0.5, 0.0]), torch.tensor([2.0, 1.0])
    S0, S1 = covariance(3), covariance(4)
    M, b = transport.gaussian_map(m0, S0, m1, S1)
    assert (
        torch.allclose(M @ m0 + b, m1)
        and torch.allclose(M, M.T)
        and torch.linalg.eigvalsh(M).min() > 0
    )

    def cost(M):
        move = M - torch.eye(2)
        return (move @ S0 @ move.T).trace() + ((m1 - m0) ** 2).sum()

    assert gaussian_cost(m0, S0, m1, S1).item() == pytest.approx(cost(M).item())
    assert transport.bures(m0, S0, m1, S1).item() == pytest.approx(cost(M).item())
    root = transport.matrix_root(S0)
    inverse = torch.linalg.inv(root)
    for degrees in (5.0, 20.0, 90.0):  # z ↦ M S0^½ R S0^−½ z has the same image, N(m1, S1)
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        turned = M @ root @ torch.tensor([[c, -s], [s, c]]) @ inverse
        assert torch.allclose(turned @ S0 @ turned.T, S1)
        assert cost(turned) > cost(M)


# --- flows ---------------------------------------------------------------------------------------


def glide(t):
    """Density and velocity at 1-D points x of z ↦ (1 + t)z + t, for z ~ N(0, 1)."""
    density = lambda x: torch.exp(-0.5 * ((x - t) / (1 + t)) ** 2) / (1 + t)  # noqa: E731
    return density, lambda x: (x - t) / (1 + t) + 1


def test_continuity_equation():
    """(17.5): for Gaussians on straight lines; with another velocity it fails."""
    x, t, d = torch.linspace(-2, 3, 40, requires_grad=True), 0.4, 1e-5
    rate = (glide(t + d)[0](x) - glide(t - d)[0](x)) / (2 * d)
    for slower, holds in ((1.0, True), (0.8, False)):
        density, v = glide(t)
        (flux,) = torch.autograd.grad((density(x) * slower * v(x)).sum(), x)
        assert ((rate + flux).abs().max().item() < 1e-8) == holds


def test_energy_of_a_flow_is_at_least_the_cost_of_its_map():
    """(17.6), (17.7): attained by the gliding Gaussian; missed by a net's flow, never undercut."""
    z = torch.randn(4000, 1, generator=seeded(1))
    line = transport.VelocityField(lambda t, x: (x - t) / (1 + t) + 1)
    end = transport.carry(line, z, steps=20)
    exact = ((2 * z + 1 - z) ** 2).mean()
    assert 2 * end.kinetic.mean().item() == pytest.approx(exact.item(), rel=1e-6)
    assert transport.bures(
        torch.zeros(1), torch.eye(1), torch.ones(1), 4 * torch.eye(1)
    ).item() == pytest.approx(2.0)
    assert transport.ot_gap(z[:500], end.x[:500]) < 1e-9
    for seed in range(3):
        field = flows.TanhField(2, (16, 16), last=3.0, generator=seeded(seed))
        z = torch.randn(50, 2, generator=seeded(seed + 9))
        with torch.no_grad():
            end = transport.carry(transport.VelocityField(field), z, steps=40)
        assert (2 * end.kinetic > (end.x - z).square().sum(1)).all()


# --- the value function --------------------------------------------------------------------------


def shrink(c):
    return lambda t, x: 0.5 * c * x.square().sum(1) / (1 + c * (1 - t))


def test_value_function():
    """(17.8): Φ is the cost of the best straight line, found by trying all of them."""
    x, t, c = torch.tensor([[1.5, -0.5]]), 0.3, 2.0
    ends = torch.cartesian_prod(torch.linspace(-2, 2, 401), torch.linspace(-2, 2, 401))
    costs = (ends - x).square().sum(1) / (2 * (1 - t)) + 0.5 * c * ends.square().sum(1)
    assert shrink(c)(t, x).item() == pytest.approx(costs.min().item(), rel=1e-4)


def test_hamilton_jacobi_bellman():
    """(17.9): solved by the value function, with Q too; not by a potential without its clock."""
    x, t = torch.randn(50, 2, generator=seeded(1)), torch.rand(50, generator=seeded(2))
    zero = torch.zeros(50)
    assert hjb_residual(shrink(2.0), t, x, zero).abs().max() < 1e-12
    still = lambda t, x: x.square().sum(1) + 0 * t  # noqa: E731
    assert hjb_residual(still, t, x, zero).abs().mean() > 1
    riccati = lambda t, x: 0.5 * torch.tanh(1 - t) * x.square().sum(1)  # noqa: E731
    Q = 0.5 * x.square().sum(1)
    assert hjb_residual(riccati, t, x, Q).abs().max() < 1e-12
    v, trace = quadratic_flow(torch.eye(2), torch.zeros(2), x)
    assert torch.allclose(v, -x) and trace == -2


def test_paths_obey_newton():
    """(17.10): the acceleration along a path of v = −∇Φ is ∇Q, here for Q = ½‖x‖²."""

    def right(t, x):
        return [-math.tanh(1 - t) * x[0]]

    times = [0.5 - 1e-3, 0.5, 0.5 + 1e-3]
    path = scipy.integrate.solve_ivp(right, (0, 1), [1.3], rtol=1e-12, atol=1e-12, t_eval=times)
    before, now, after = path.y[0]
    assert (after - 2 * now + before) / 1e-6 == pytest.approx(now, rel=1e-3)


# --- OT-Flow -------------------------------------------------------------------------------------


def test_one_layer_by_hand():
    """(17.11): gradient and Laplacian against autograd."""
    K, b, w = (torch.randn(*shape, generator=seeded(7)) for shape in ((6, 3), (6,), (6,)))
    s = torch.randn(4, 3, generator=seeded(8), requires_grad=True)
    phi = torch.log(2 * torch.cosh(s @ K.T + b)) @ w
    (slow,) = torch.autograd.grad(phi.sum(), s, create_graph=True)
    laplacian = sum(
        torch.autograd.grad(slow[:, i].sum(), s, retain_graph=True)[0][:, i] for i in (0, 1)
    )
    slope = torch.tanh(s @ K.T + b)
    assert torch.allclose((slope * w) @ K, slow)
    assert torch.allclose((1 - slope**2) @ (w * K[:, :-1].square().sum(1)), laplacian)


def test_loss_is_its_three_parts():
    """(17.12): against quadrature along the paths, each weight by itself."""
    phi, x = transport.Potential(2, 8, seeded(1)), torch.randn(6, 2, generator=seeded(2))
    with torch.no_grad():
        phi.A.add_(0.4 * torch.randn(3, 3, generator=seeded(3)))
        parts = [
            transport.ot_flow_loss(phi, x, weights, steps=40).item()
            for weights in ((1, 0, 0), (0, 1, 0), (0, 0, 1))
        ]
        path = transport.carry(phi, x, (1.0, 0.0), steps=400).path
        rates = [phi.rates(1 - k / 400, states) for k, states in enumerate(path)]
        mean = lambda values: torch.trapezoid(torch.stack(values), dx=1 / 400, dim=0).mean()  # noqa: E731
        kinetic = mean([0.5 * r.v.square().sum(1) for r in rates])
        residual = mean([r.hamilton_jacobi.abs() for r in rates])
        log_det = -mean([r.divergence for r in rates])
    z = path[-1]
    log_p = (-0.5 * z.square().sum(1)).mean() - math.log(2 * math.pi) + log_det
    wanted = [kinetic.item(), -log_p.item(), residual.item()]
    assert parts == pytest.approx(wanted, rel=1e-3)
    total = transport.ot_flow_loss(phi, x, (1, 50, 20), steps=40).item()
    assert total == pytest.approx(wanted[0] + 50 * wanted[1] + 20 * wanted[2], rel=1e-3)


# --- what the gap can and cannot tell ------------------------------------------------------------


def test_the_gap_of_a_rotation_hides_in_many_dimensions():
    """Figure 17.4: near 1 in the plane, 0 in 16 dimensions, although the truth is 1 in both."""
    c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
    found = {}
    for d in (2, 16):
        z = torch.randn(300, d, generator=seeded(d))
        turned = torch.stack(
            [c * z[:, ::2] - s * z[:, 1::2], s * z[:, ::2] + c * z[:, 1::2]], 2
        ).flatten(1)
        found[d] = transport.ot_gap(z, turned)
    assert found[2] > 0.75 and found[16] < 1e-6


def test_what_would_acquit_a_map():
    """Exercise 17.6: a rotation has straight lines that don't meet and the right density; its
    Jacobian is told from that of a convex function's gradient in any dimension."""
    c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
    for d in (2, 16):
        R = torch.block_diag(*[torch.tensor([[c, -s], [s, c]])] * (d // 2))
        for t in torch.linspace(0, 1, 21):
            assert torch.linalg.det((1 - t) * torch.eye(d) + t * R) > 0.05
        assert torch.allclose(R @ R.T, torch.eye(d))
        assert ((R - R.T).norm() / (2 * R.norm())).item() == pytest.approx(0.5)


def test_backwards_the_equation_is_the_same():
    """(17.9): if Φ solves it, so does −Φ(1 − t, x), the value function of the way back."""
    x, t = torch.randn(50, 2, generator=seeded(1)), torch.rand(50, generator=seeded(2))
    backwards = lambda t, x: -shrink(2.0)(1 - t, x)  # noqa: E731
    assert hjb_residual(backwards, t, x, torch.zeros(50)).abs().max() < 1e-12


# --- stored results and the explorer -------------------------------------------------------------


def test_a_stored_row_can_be_made_again():
    """The measures of a stored net."""
    torch.set_default_dtype(torch.float32)
    stored = results.row(results.load("transport_weights"), alpha=1.0)
    again = transport_weights.row(1.0, nb17.load_field(1.0))
    assert again["kl"] == pytest.approx(stored["kl"], abs=2e-3)
    assert again["straightness"] == pytest.approx(stored["straightness"], rel=1e-3)
    assert again["ot_gap"] == pytest.approx(stored["ot_gap"], abs=5e-3)
    assert tuple(transport_weights.ALPHAS) == nb17.ALPHAS


def test_measures_of_the_ladder(monkeypatch):
    """On a flow that is known: a field at rest, whose density is the Gaussian."""
    torch.set_default_dtype(torch.float32)
    monkeypatch.setattr(ladder, "PAIRS", 50)
    monkeypatch.setattr(ladder, "POINTS", 500)
    drift = transport.VelocityField(lambda t, x: torch.ones_like(x))
    row = ladder.measure(ladder.continuous(drift, 2), 0)
    assert row["straightness"] == pytest.approx(1, abs=1e-5)
    assert row["ot_gap"] < 1e-5 and row["inverse_error"] < 1e-5
    assert row["energy"].item() == pytest.approx(2, rel=1e-5)
    assert row["kl"] > 0.5 and "hjb" not in row


def test_what_the_text_says_of_the_ladder():
    rows = {row["method"]: row for row in results.load("ladder")["rows"]}
    middle = {
        name: {k: sorted(v)[len(v) // 2] for k, v in row.items() if k != "method"}
        for name, row in rows.items()
    }
    assert max(rows["OT-Flow"]["ot_gap"]) < 0.01 < 0.05 < min(rows["CNF"]["ot_gap"])
    assert max(rows["OT-Flow"]["straightness"]) < 1.02 < min(rows["CNF"]["straightness"])
    kl = [middle[name]["kl"] for name in ("CNF", "FFJORD", "RNODE", "OT-Flow", "planar flow")]
    assert kl == sorted(kl) and kl[-1] > 3 * kl[-2]
    # a potential by likelihood alone: as exact as OT-Flow, hardly a waste, but no value function
    alone, whole = middle["potential"], middle["OT-Flow"]
    assert alone["kl"] == pytest.approx(whole["kl"], rel=0.1) and alone["kl"] > 1.2 * kl[2]
    assert max(rows["potential"]["ot_gap"]) < 0.003
    assert min(rows["potential"]["hjb"]) > 4 * max(rows["OT-Flow"]["hjb"])
    assert min(rows["potential"]["straightness"]) > 1.03
    assert 0.005 < middle["RNODE"]["ot_gap"] < 0.06
    assert middle["OT-Flow"]["inverse_error"] < 0.5 * middle["CNF"]["inverse_error"]
    assert all(row["seeds"] == [0, 1, 2, 3, 4] for row in rows.values())
    for name in ("CNF", "FFJORD", "RNODE", "OT-Flow"):  # (17.7), on every seed
        assert all(e >= c for e, c in zip(rows[name]["energy"], rows[name]["chord"], strict=True))


def test_sizes_of_the_nets():
    count = lambda net: sum(weight.numel() for weight in net.parameters())  # noqa: E731
    assert (count(transport.Potential(2, 32)), count(flows.TanhField(2))) == (1228, 4546)


def test_what_the_text_says_of_the_cost():
    rows = results.load("transport_cost")["rows"]
    step = [row["step_ms"] for row in rows]
    factors = [round(a / b, 1) for a, b in itertools.pairwise(step)]
    assert factors == pytest.approx([1.7, 4.9, 1.4, 1 / 1.6], abs=0.05)
    density = [row["log_prob_ms"] for row in rows]
    assert density[0] / density[-1] == pytest.approx(7, abs=0.2)
    assert density[1] / density[2] > 0.8 * density[0] / density[-1]


def test_explorer_straightens_the_paths():
    """Figure 17.3: with more weight the paths are straighter and coarse steps do less harm."""
    lengths, errors = [], []
    for alpha in nb17.ALPHAS:
        exact, coarse = nb17.euler_paths(alpha, nb17.FINE), nb17.euler_paths(alpha, 4)
        lengths.append(straightness(exact).item())
        errors.append((coarse[-1] - exact[-1]).square().sum(1).mean().sqrt().item())
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > 1.1 and lengths[3] < 1.03
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.1 * errors[0]
    kl = [results.row(results.load("transport_weights"), alpha=a)["kl"] for a in nb17.ALPHAS]
    assert min(kl) == kl[1] == pytest.approx(0.5 * kl[0], rel=0.1)
    assert (kl[0], kl[-1]) == pytest.approx((0.13, 0.54), abs=0.005)  # the price
    for alpha, off in ((1.0, 0.28), (10.0, 0.08)):
        miss = nb17.euler_paths(alpha, 1)[-1] - nb17.euler_paths(alpha, nb17.FINE)[-1]
        assert miss.square().sum(1).mean().sqrt().item() == pytest.approx(off, abs=0.006)
    figure = transport_explorer.figure(alpha=1.0, steps=2)
    assert [ax.get_title() for ax in figure.axes] == ["the flow", "2 steps"]
    plt.close(figure)
