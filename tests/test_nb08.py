"""Notebook 08: every numbered equation is checked, the stored table is made again in part, and the
explorer shows what the text says.
"""

import math

import numpy as np
import pytest
import torch

from course_lib import results, rings, shears
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises import grade
from course_lib.exercises.nb08 import augmented, neuron_flow, sweep
from course_lib.fields import TimeField
from course_lib.nets import MLP
from course_lib.shears import Control, steer
from course_lib.solvers import odeint
from course_lib.widgets import control_explorer, nb08
from experiments import topology

NOTEBOOK = NOTEBOOKS_DIR / "08_topology_and_control.ipynb"

pytestmark = pytest.mark.usefixtures("float64")


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def flow(field, x, t=1.0):
    """Where the solution of x' = field(t, x) takes points in a time t."""
    return odeint(field, x, torch.tensor([0.0, t]), rtol=1e-9, atol=1e-9)[-1]


def winding(curve, p):
    """Turns of a closed curve [n, 2] round p: the notebook's cell, by cross and dot products."""
    first, second = curve - p, (curve - p).roll(-1, 0)
    cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return torch.atan2(cross, (first * second).sum(1)).sum().item() / (2 * math.pi)


def circle(n=4000, radius=1.25):
    angle = torch.arange(n) * (2 * math.pi / n)
    return rings.on_circle(radius, angle)


# --- equations -----------------------------------------------------------------------------------


def test_the_order_on_the_line_is_kept():
    """(8.1): for wild fields, too; big Euler steps break it."""
    x = torch.linspace(-3, 3, 60)[:, None]
    broken = False
    for seed in range(3):
        field = TimeField(1, [16], generator=random(seed))
        wild = lambda t, y, field=field: 6 * field(t, 3 * y)  # noqa: E731
        assert bool((flow(wild, x).diff(dim=0) > 0).all())
        broken |= bool(((x + wild(torch.tensor(0.0), x)).diff(dim=0) < 0).any())
    assert broken


def test_the_loss_of_a_swap_on_the_line():
    """(8.2): the identity, and that it is above one wherever x₋ = u < v = x₊."""
    u, v = torch.randn(2, 1000, generator=random()).sort(dim=0).values
    loss = ((u - 1) ** 2 + (v + 1) ** 2) / 2
    assert torch.allclose(loss, 1 + (u**2 + v**2) / 2 + (v - u))
    assert bool((loss > 1).all())


def test_isotonic_answer():
    """Exercise 08.1: nothing increasing does better than 1/2."""
    target = torch.tensor([0.0, 3, 1, 2])
    best = torch.tensor([0.0, 2, 2, 2])
    assert (best - target).square().mean() == 0.5
    tries = (4 * torch.rand(20_000, 4, generator=random()) - 0.5).sort(dim=1).values
    assert bool(((tries - target).square().mean(dim=1) >= 0.5).all())


def test_a_flow_stretches_and_squeezes_at_most_exponentially():
    """(8.3): with L the product of the layers' norms, both inequalities hold."""
    net = MLP([2, 16, 2], generator=random(3))
    x, y = torch.randn(2, 50, 2, generator=random())
    before = (x - y).norm(dim=1)
    after = (flow(lambda t, s: net(s), x) - flow(lambda t, s: net(s), y)).norm(dim=1)
    W1, W2 = (layer.weight.detach() for layer in net.layers)
    L = (torch.linalg.matrix_norm(W1, 2) * torch.linalg.matrix_norm(W2, 2)).item()
    assert bool((after <= math.exp(L) * before).all())
    assert bool((after >= math.exp(-L) * before).all())


def test_winding_numbers():
    """(8.4): 1 for a circle round its centre, 0 from outside, kept by a flow, not by a fold."""
    ring, centre = circle(), torch.zeros(1, 2)
    assert winding(ring, centre) == pytest.approx(1)
    assert winding(ring, torch.tensor([[2.0, 0.0]])) == pytest.approx(0)
    net = MLP([2, 16, 2], generator=random(3))
    field = lambda t, s: 4 * net(s)  # noqa: E731
    assert winding(flow(field, ring), flow(field, centre)) == pytest.approx(1)
    folded = ring.clone()
    folded[:, 0] = folded[:, 0].abs()
    assert winding(folded, centre - torch.tensor([0.1, 0])) == pytest.approx(0)


def test_the_notebook_counts_turns_like_this_test():
    """The notebook's `winding` on the same curves."""
    source = cell_with("def winding")
    space = {"torch": torch, "math": math}
    exec(source, space)
    ring = torch.cat([circle(), circle()[:1]])
    for p in ([[0.0, 0.0]], [[2.0, 0.0]], [[0.3, -0.4]]):
        p = torch.tensor(p)
        assert space["winding"](ring, p).item() == pytest.approx(winding(ring[:-1], p), abs=1e-9)


def test_liouville():
    """(8.5): the determinant is exp of the integrated trace, and positive."""
    net = MLP([2, 16, 2], generator=random(4))
    trace = torch.func.vmap(lambda s: torch.func.jacrev(net)(s).trace())

    def both(t, state):
        return torch.cat([net(state[:, :2]), trace(state[:, :2])[:, None]], 1)

    x = torch.randn(3, 2, generator=random())
    ends = flow(both, torch.cat([x, torch.zeros(3, 1)], 1))
    jacobian = torch.autograd.functional.jacobian(lambda x: flow(lambda t, s: net(s), x).sum(0), x)
    determinants = torch.linalg.det(jacobian.permute(1, 0, 2)).detach()
    assert torch.allclose(determinants, ends[:, 2].exp(), rtol=1e-6)
    assert bool((determinants > 0).all())


def test_which_map_is_a_flow():
    """Exercise 08.2: half a turn is the rotation for unit time."""
    x = torch.randn(10, 2, generator=random())
    turned = flow(lambda t, s: math.pi * torch.stack([-s[:, 1], s[:, 0]], 1), x)
    assert torch.allclose(turned, -x, atol=1e-7)


def test_augmentation_swaps_what_the_line_cannot():
    """(8.6): half a turn in (x, u), seen from the line, takes ±1 to ∓1."""
    turn = lambda z: flow(lambda t, s: math.pi * torch.stack([-s[:, 1], s[:, 0]], 1), z)  # noqa: E731
    assert torch.allclose(
        augmented(turn, torch.tensor([[-1.0], [1.0]]), 1), torch.tensor([[1.0], [-1.0]]), atol=1e-7
    )


def test_euler_steps_on_the_line():
    """(8.7): one step swaps, two glue, three and more keep the order."""

    def end(n):
        options = {"method": "euler", "options": {"step_size": 1 / n}}
        span = torch.tensor([0.0, 1.0])
        return odeint(lambda t, x: -2 * x, torch.ones(1), span, **options)[-1].item()

    ends = [end(n) for n in range(1, 30)]
    assert ends == pytest.approx([(1 - 2 / n) ** n for n in range(1, 30)], abs=1e-12)
    assert ends[0] == -1 and ends[1] == 0 and min(ends[2:]) > 0


def test_a_block_keeps_points_apart_below_one():
    """(8.8): the bound holds, is attained by f = −Lx, and at hL = 1 that block glues."""
    net = MLP([2, 24, 2], generator=random(1))
    W1, W2 = (layer.weight.detach() for layer in net.layers)
    L = (torch.linalg.matrix_norm(W1, 2) * torch.linalg.matrix_norm(W2, 2)).item()
    x, y = torch.randn(2, 300, 2, generator=random())
    for h in (0.3 / L, 0.9 / L):
        after = ((x + h * net(x)) - (y + h * net(y))).norm(dim=1)
        assert bool((after >= (1 - h * L) * (x - y).norm(dim=1)).all())
    for h in (0.4, 0.5):
        after = ((x - h * 2 * x) - (y - h * 2 * y)).norm(dim=1)
        assert torch.allclose(after, (1 - 2 * h) * (x - y).norm(dim=1), atol=1e-12)


def test_flow_of_a_neuron():
    """(8.9), (8.10), (8.11): the learner's closed forms solve the equation of one neuron."""
    x, b = torch.randn(30, 2, generator=random()), 0.2
    for w, a in (([0.0, 1.5], [2.0, 0.0]), ([0.7, 1.5], [1.0, -0.2]), ([-0.7, 1.0], [1.0, -0.2])):
        w, a = torch.tensor(w), torch.tensor(a)
        solved = flow(lambda t, s, w=w, a=a: (s @ a + b).clamp(min=0)[:, None] * w, x, 0.8)
        assert torch.allclose(neuron_flow(x, w, a, b, 0.8), solved, atol=1e-7)
    w, a = torch.tensor([0.0, 1.5]), torch.tensor([2.0, 0.0])
    shear = x + 0.8 * w * (x @ a + b).clamp(min=0)[:, None]
    assert torch.allclose(neuron_flow(x, w, a, b, 0.8), shear)
    euler = x + 0.8 * (x @ a + b).clamp(min=0)[:, None] * w
    assert torch.allclose(euler, shear)  # the text: one Euler step is exact


def test_pieces_of_a_sweep():
    """(8.12): hinge at the point before; point k arrives with piece k, those before stay."""
    c = torch.rand(7, generator=random()).cumsum(0)
    v, target = torch.randn(2, 7, generator=random(1))
    now, hinges = v, [c[0] - 1, *c[:-1]]
    for k, (w, hinge) in enumerate(zip(sweep(c, v, target), hinges, strict=True)):
        points = torch.stack([c, now], 1)
        now = neuron_flow(points, torch.stack([0 * w, w]), torch.tensor([1.0, 0]), -hinge, 1.0)[
            :, 1
        ]
        assert torch.allclose(now[: k + 1], target[: k + 1], atol=1e-9)


def test_weights_are_changes_of_slope_and_bounded_by_the_smallest_gap():
    """(8.13): w_k = m_k − m_{k−1}, and the bound, within a factor of 40 of what happens."""
    for seed in range(20):
        c = torch.rand(30, generator=random(seed)).sort().values
        u = torch.randn(30, generator=random(100 + seed))
        gaps = torch.cat([torch.ones(1), c.diff()])
        m = torch.cat([u[:1], u.diff()]) / gaps
        w = sweep(c, torch.zeros(30), u)
        assert torch.allclose(w, torch.cat([m[:1], m.diff()]), rtol=1e-6, atol=1e-6)
        bound = 4 * u.abs().max() / gaps.min()
        assert bound / 40 < w.abs().max() <= bound


def test_closest_pairs():
    """Section 8.6: spaced points have gaps 1/N, random ones about 1/N² at the closest."""
    for n in (50, 200):
        gaps = torch.rand(400, n, generator=random(n)).sort(dim=1).values.diff(dim=1).min(dim=1)
        assert 0.4 < gaps.values.median().item() * n**2 < 1.2


def test_the_largest_weight_of_spaced_points_grows_like_their_number():
    """Figure 8.7: about N where gaps are 1/N; the claim in the notebook has random points."""
    space = {"torch": torch, "shears": shears}
    exec(cell_with("def largest_weight").split("\n\n")[0], space)
    few, many = (space["largest_weight"](n, random(n), spaced=True) for n in (16, 128))
    assert 0.8 < math.log(many / few, 8) < 1.4


def test_what_a_ramp_costs():
    """Section 8.7: shears pay 2L + 2, stretching twice the least weight, for the same ramp."""
    space = {"torch": torch, "math": math, "shears": shears, "neuron_flow": neuron_flow}
    for name in ("def ramp_by_shears", "def ramp_by_stretching"):
        exec(cell_with(name), space)
    x = torch.linspace(-1, 1, 1001)
    for L in (2.0, 8.0, 64.0):
        for name, weight in (("shears", 2 * L + 2), ("stretching", 2 * math.log(L))):
            ramp, paid = space[f"ramp_by_{name}"](x, L)
            assert torch.allclose(ramp, (L * x).clamp(-1, 1), atol=1e-12)
            assert paid == pytest.approx(weight)


def test_a_jump_costs_steepness():
    """(8.14): equality for the ramp, and no other tried function with that L does better."""
    x = torch.linspace(-1, 1, 200_001)
    miss = lambda G: (G - x.sign()).square().mean().sqrt().item()  # noqa: E731
    for L in (2.0, 8.0, 32.0):
        least = 1 / math.sqrt(3 * L)
        assert miss((L * x).clamp(-1, 1)) == pytest.approx(least, rel=1e-3)
        for shift in (-0.9 / L, 0.3 / L, 1.5 / L):
            assert miss((L * (x - shift)).clamp(-1, 1)) > least
        assert miss(torch.tanh(L * x)) > least
        assert miss((L * x).clamp(-0.9, 0.9)) > least


def test_total_weight_bounds_the_lipschitz_constant():
    """(8.15): for a random control; two stretching neurons use twice the least weight."""
    draw = {"generator": random(7)}
    control = Control(torch.randn(6, 2, **draw), torch.randn(6, 2, **draw), torch.randn(6, **draw))
    x, y = torch.randn(2, 400, 2, **draw)
    ratio = ((control(x) - control(y)).norm(dim=1) / (x - y).norm(dim=1)).max().item()
    assert 1 < ratio <= math.exp(control.sizes.sum().item())
    kappa, one = math.log(8.0), torch.ones(1)
    z = torch.linspace(-1, 1, 11)[:, None]
    for side in (one, -one):
        z = neuron_flow(z, kappa * side, side, 0.0, 1.0)
    assert torch.allclose(z[:, 0], 8 * torch.linspace(-1, 1, 11))


# --- the stored table ----------------------------------------------------------------------------


def test_the_stored_table_can_be_made_again():
    table = results.load("topology")
    assert table["script"] == "experiments/topology.py"
    assert table["seeds"] == list(topology.SEEDS)
    stored, again = results.row(table, added=1, points=240), topology.run(1, 240, seed=0)
    assert again["wrong_on_ring"] == stored["wrong_on_ring"][0] == 0
    assert again["nfe"] == stored["nfe"][0]
    assert again["loss"] == pytest.approx(stored["loss"][0], rel=0.2)


def test_points_of_disc_and_ring():
    x, y = rings.disc_and_ring(4000, random())
    radius = x.norm(dim=1)
    inner, outer = radius[y == 0], radius[y == 1]
    assert inner.max() < 0.5 and outer.min() > 1 and outer.max() < 1.5
    assert inner.square().mean().item() == pytest.approx(0.125, abs=0.006)  # even by area
    assert outer.square().mean().item() == pytest.approx(1.625, abs=0.03)


def test_the_image_of_a_circle_has_no_holes():
    """A map that tears at a hundred-thousandth of the circle: equal angles jump, these don't."""

    def stretch(x):
        angle = torch.atan2(x[:, 1], x[:, 0])
        return torch.stack([angle, 5 * torch.tanh(angle * 3e4)], 1)

    image = rings.image_of_circle(stretch, 1.0)[:400]
    once = rings.image_of_circle(stretch, 1.0, rounds=1)[:400]
    assert image.diff(dim=0).norm(dim=1).max() < 0.2 < 4 < once.diff(dim=0).norm(dim=1).max()


def cell_with(text):
    import nbformat

    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    return next(c.source for c in cells if c.cell_type == "code" and text in c.source)


# --- answers that are easily taken for others ----------------------------------------------------


@pytest.mark.parametrize(
    ("id", "given", "name"),
    [
        ("08.1", 0, "a large network can do anything"),
        ("08.1", 1.5, "sends the points to the sorted targets"),
        ("08.1", 1, "takes over the factor of (8.2)"),
        ("08.1", 2.5, "nothing moves"),
        ("08.4", 9, "allows equality"),
        ("08.4", 0.1667, "gives the step"),
        ("08.4", 5, "takes the limit of stability"),
        ("08.2", "A", "every invertible map is a flow"),
    ],
)
def test_wrong_answer_is_recognised(id, given, name):
    result = grade(id, given)
    assert (result.outcome, result.name) == ("misconception", name), result


def test_a_sweep_that_updates_only_its_own_point_is_recognised():
    def answer(c, v, target):
        v, hinges, weights = v.clone(), torch.cat([c[:1] - 1, c[:-1]]), []
        for k in range(len(c)):
            weights.append((target[k] - v[k]) / (c[k] - hinges[k]))
            v[k] = target[k]
        return torch.stack(weights)

    result = grade("08.6", answer)
    assert result.name == "forgets that earlier pieces move later points"


# --- the explorer --------------------------------------------------------------------------------


@pytest.mark.parametrize("task", nb08.TASKS)
@pytest.mark.parametrize("n", [4, 10, 16])
def test_all_points_arrive(task, n):
    x, y, label, control, far = nb08.solved(task, n)
    assert len(control) == 2 * n and len(label) == n
    start, k = nb08.positions(task, n, 0.0)
    assert torch.equal(start, torch.cat([x, nb08.CIRCLE])) and k == 0
    end, k = nb08.positions(task, n, 1.0)
    assert (end[:n] - y).abs().max() < 1e-10 and k == 2 * n - 1
    for share in (0.0, 0.37, 0.5, 1.0):
        assert nb08.positions(task, n, share)[0][:n].abs().max() <= far


def test_the_disc_stays_in_its_ring():
    """The text: the points are separated, and the circle still winds round the disc's."""
    for n in (4, 8, 16):
        *_, y, label, control, _ = nb08.solved("the disc out of its ring", n)
        assert bool(((y[:, 0] > 0) == (label == 1)).all())
        fine = control(circle(200_000))
        for p in control(0.3 * circle(5, 1.0)):
            assert winding(fine, p[None]) == pytest.approx(1, abs=1e-6)


def test_status_names_the_piece_and_where_it_moves_whom():
    panel = control_explorer.panel()
    panel.presets["Start"].click()
    assert "Piece 1 of 16 moves all that is right of x₁" in panel.status.value
    panel.presets["Heights done"].click()
    assert "Piece 9 of 16 moves all that is above x₂" in panel.status.value
    panel.presets["Arrived"].click()
    assert "All 16 pieces are done" in panel.status.value


def test_bars_are_the_weights():
    fig = control_explorer.figure(n=6, share=0.5)
    control = nb08.solved("the disc out of its ring", 6)[3]
    (bars,) = fig.axes[1].collections
    corners = np.array([path.vertices for path in bars.get_paths()])
    assert np.allclose(corners[:, 2, 1], torch.cat([control.w[:6, 1], control.w[6:, 0]]).numpy())
    assert np.allclose(corners[:, :2, 0].mean(1), np.arange(1, 13))
    assert list(bars.get_facecolor()[:, 3]) == [1.0] * 7 + [0.3] * 5  # piece 7 is at work


def test_axes_are_logarithmic_beyond_two():
    """The ticks of the explorer stand where its points do."""
    assert np.allclose(nb08.squeezed([-200, -20, -2, 0, 1.5, 20]), [-4, -3, -2, 0, 1.5, 3])
    fig = control_explorer.figure(share=1.0)
    ax, y = fig.axes[0], nb08.solved("the disc out of its ring", 8)[1]
    ticks = dict(zip((t.get_text() for t in ax.get_xticklabels()), ax.get_xticks(), strict=True))
    assert ticks["10"] == pytest.approx(2 + math.log10(5))
    drawn = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == "o"])
    assert np.allclose(sorted(drawn[:, 1]), sorted(y[:4, 1])) and np.allclose(drawn[:, 0], -1)


def test_the_library_and_the_learners_sweep_agree():
    x, y = torch.rand(2, 8, 2, generator=random())
    order = x[:, 0].argsort()
    mine = sweep(x[order, 0], x[order, 1], y[order, 1])
    assert torch.allclose(steer(x, y).w[:8, 1], mine)
