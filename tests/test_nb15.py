"""Notebook 15: every numbered equation is checked, its stored table and its explorer as well."""

import math
from functools import cache, partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch.autograd.functional import jacobian

from course_lib import density_plots, results
from course_lib.densities import Moons, eight_gaussians, kl_estimate, standard_normal
from course_lib.exercises.nb15 import cnf_rhs, log_density, planar_log_det, trace
from course_lib.flows import ContinuousFlow, PlanarFlow, TanhField, standard_log_prob
from course_lib.solvers import odeint
from course_lib.widgets import density_explorer, nb15
from experiments import normalizing

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def lively(seed=0):
    return TanhField(2, [16, 16], first=2.0, last=3.0, generator=seeded(seed))


@cache
def stored(part):
    return [r for r in results.load("normalizing")["rows"] if r["part"] == part]


# --- equations -----------------------------------------------------------------------------------


def test_a_transformed_number():
    """(15.1): the notebook's g; p(x) integrates to one, and with the other sign it does not."""
    z = torch.linspace(-9, 9, 20_001)
    g, slope = z + 1.5 * torch.tanh(2 * z), 1 + 3 * (1 - torch.tanh(2 * z) ** 2)
    log_p = log_density(g, lambda x: z, lambda z: slope, lambda z: standard_log_prob(z[:, None]))
    assert torch.trapezoid(log_p.exp(), g).item() == pytest.approx(1, abs=1e-6)
    other = standard_log_prob(z[:, None]) + slope.log()
    assert torch.trapezoid(other.exp(), g).item() > 2
    # two humps: lower in the middle than beside it
    assert log_p[10_000] < log_p.max() - 0.5


def test_change_of_variables_in_the_plane():
    """(15.2): x = A z is the Gaussian with covariance A Aᵀ."""
    A, z = torch.tensor([[2.0, 1.0], [0.5, -1.0]]), torch.randn(6, 2, generator=seeded())
    exact = torch.distributions.MultivariateNormal(torch.zeros(2), A @ A.T).log_prob(z @ A.T)
    by_rule = standard_log_prob(z) - torch.linalg.slogdet(A)[1]
    assert torch.allclose(by_rule, exact)


def test_planar_layer_and_its_determinant():
    """(15.3), (15.4): the exercise, the library's layer and the determinant of its Jacobian."""
    flow = PlanarFlow(1, generator=seeded())
    layer, x = flow.layers[0], torch.randn(8, 2, generator=seeded(1))
    with torch.no_grad():
        layer.free.mul_(20)
        u, moved = layer.u(), layer(x)
        by_hand = x + torch.tanh(x @ layer.w + layer.b)[:, None] * u
        assert torch.allclose(moved[0], by_hand)
        J = torch.stack([jacobian(lambda row: layer(row)[0], row) for row in x])
        assert torch.allclose(planar_log_det(x, u, layer.w, layer.b), moved[1])
        assert torch.allclose(torch.linalg.slogdet(J)[1], moved[1])
        # perpendicular to w nothing changes, and u is stretched by the determinant
        across = torch.stack([-layer.w[1], layer.w[0]])
        assert torch.allclose(J @ across, across.expand(8, 2))
        assert torch.allclose(J @ u, moved[1].exp()[:, None] * u)


def test_log_likelihood_of_a_stack():
    """(15.5): log N(z) plus the sum over layers is log N(z) plus log |det| of the whole map."""
    flow, x = PlanarFlow(4, generator=seeded()), torch.randn(5, 2, generator=seeded(1))
    with torch.no_grad():
        for layer in flow.layers:
            layer.free.mul_(20)
    J = torch.stack([jacobian(lambda row: flow.inverse(row)[0], row) for row in x])
    whole = standard_log_prob(flow.inverse(x)[0]) + torch.linalg.slogdet(J)[1]
    assert torch.allclose(flow.log_prob(x), whole)


def test_determinant_of_a_small_step():
    """(15.6): det(I + hJ) − 1 − h tr J falls like h²."""
    J = torch.randn(4, 4, generator=seeded())
    steps = np.array([1e-2, 1e-3, 1e-4])
    rest = [
        abs(torch.linalg.det(torch.eye(4) + h * J).item() - 1 - h * J.trace().item()) for h in steps
    ]
    assert np.polyfit(np.log(steps), np.log(rest), 1)[0] == pytest.approx(2, abs=0.05)


def test_instantaneous_change_of_variables():
    """(15.7), (15.8): the integral of the trace is log det of the flow; the other sign is not."""
    field, z = lively(), torch.randn(5, 2, generator=seeded(1))
    times = torch.tensor([0.0, 1.0])
    tight = {"rtol": 1e-9, "atol": 1e-9}
    flow = lambda point: odeint(field, point, times, **tight)[-1]  # noqa: E731
    log_det = torch.stack([torch.linalg.slogdet(jacobian(flow, point))[1] for point in z])
    start = torch.cat([z, standard_log_prob(z)[:, None]], 1)
    with torch.no_grad():
        end = odeint(lambda t, s: cnf_rhs(field, t, s), start, times, **tight)[-1]
    change = end[:, -1] - start[:, -1]
    assert torch.allclose(change, -log_det, atol=1e-6)
    assert (change - log_det).abs().min() > 0.05
    sums = ContinuousFlow(field, **tight).integrate(z, 0.0, 1.0)
    assert torch.allclose(sums.log_det, log_det, atol=1e-6)


def test_density_at_a_point_that_stands_still():
    """(15.7): at the fixed point of x' = −x log p grows at the rate d: contracting concentrates."""
    state = torch.tensor([[0.0, 0.0, 0.0]])
    assert cnf_rhs(lambda t, x: -x, 0.0, state).tolist() == [[0.0, 0.0, 2.0]]


def test_closed_form_trace():
    """(15.9): as written, from the field's own weights, against autograd."""
    field, x = lively(), torch.randn(6, 2, generator=seeded(1))
    W1, W2, W3 = (layer.weight for layer in field.layers)
    s1, s2 = (1 - a**2 for a in field.activations(0.4, x))
    by_formula = torch.einsum("ni,ij,nj->n", s2, W2 * (W1 @ W3).T, s1)
    assert torch.allclose(by_formula, trace(lambda x: field(0.4, x), x))
    assert torch.allclose(by_formula, field.divergence(0.4, x).trace)


def test_loss_is_entropy_plus_divergence():
    """(15.10): for two Gaussians every term is known; the divergence of densities is positive."""
    target, wide = standard_normal(), eight_gaussians(radius=0.0, std=2.0)
    x = target.sample(40_000, seeded())
    loss = -wide.log_prob(x).mean().item()
    divergence = 2 * (math.log(2) + 1 / 8 - 1 / 2)
    assert loss == pytest.approx(target.entropy + divergence, abs=0.01)
    assert kl_estimate(target, wide.log_prob, x) == pytest.approx(divergence, abs=0.01)


def test_the_notebooks_log_prob_is_the_library():
    """(15.8), solved backwards: the notebook's log_prob and `ContinuousFlow`, step for step."""
    field, x = lively(), torch.randn(9, 2, generator=seeded(1))
    rk4 = {"method": "rk4", "options": {"step_size": 1 / 40}}
    state, times = torch.cat([x, torch.zeros(9, 1)], 1), torch.tensor([1.0, 0.0])
    with torch.no_grad():
        back = odeint(lambda t, s: cnf_rhs(field, t, s), state, times, **rk4)[-1]
        own = standard_log_prob(back[:, :-1]) - back[:, -1]
        assert torch.allclose(own, ContinuousFlow(field, steps=40).log_prob(x), atol=1e-10)


# --- the stored table ----------------------------------------------------------------------------


def widths(target, kind, K, updates=500):
    rows = [r for r in stored("width") if (r["target"], r["kind"]) == (target, kind)]
    return [r["kl"] for r in rows if (r["K"], r["updates"]) == (K, updates)]


def test_equal_width_means_nearly_equal_parameters():
    for K in (2, 8, 32):
        counts = {r["kind"]: r["parameters"] for r in stored("width") if r["K"] == K}
        assert counts == {"planar": 5 * K, "continuous": 6 * K + 2}


def test_few_steps_are_exploited_and_many_are_not():
    """One or two: below the entropy with its own steps, worse than a Gaussian with many. Five: as
    it says."""
    gaussian = kl_estimate(Moons(), standard_normal().log_prob, Moons().sample(10_000, seeded(77)))
    assert gaussian == pytest.approx(1.15, abs=0.05)
    for row in stored("steps"):
        kl = dict(zip(row["solved_with"], row["kl"], strict=True))
        if row["N"] <= 2:
            assert kl[row["N"]] < 0 < 0.3 < kl[20]
        if row["N"] == 1:
            assert kl[1] < -1 and kl[20] > gaussian
        if row["N"] == 5:
            assert kl[5] > 0 and abs(kl[5] - kl[20]) < 0.05
    three = [row["kl"][row["solved_with"].index(3)] for row in stored("steps") if row["N"] == 3]
    assert sum(value < 0 for value in three) == 4


def test_planar_flows_may_be_as_good_but_not_on_every_seed():
    planar, wide = widths("moons", "planar", 32), widths("moons", "continuous", 32)
    assert max(wide) < 0.15 and max(planar) > 1.5 * max(wide)
    assert min(np.subtract(planar, wide)) < 0  # no win on every seed
    longer = widths("moons", "planar", 32, updates=2000)
    assert np.mean(longer) < 1.2 * np.mean(wide)
    for K in (2, 8):  # neither is ahead on every seed, or both are poor
        gap = np.array(widths("moons", "planar", K)) - widths("moons", "continuous", K)
        assert min(gap) < 0 < max(gap) or min(widths("moons", "continuous", K)) > 0.5
    eight = [np.array(widths("8 Gaussians", kind, 8)) for kind in ("planar", "continuous")]
    assert min(eight[0] - eight[1]) < 0 < max(eight[0] - eight[1])


def test_a_row_of_the_table_can_be_made_again():
    """The cheapest row, trained anew; other processors round otherwise, and training amplifies."""
    torch.set_default_dtype(torch.float32)
    row = normalizing.width_row(0, "moons", "planar", 2, 500)
    known = widths("moons", "planar", 2)
    assert min(known) - 0.1 < row["kl"] < max(known) + 0.1


# --- the explorer --------------------------------------------------------------------------------


def test_cells_hold_equal_mass():
    """Each circle holds its share of the Gaussian, by sampling and by formula."""
    radii = nb15.equal_mass_cells()[: nb15.RINGS - 1].norm(dim=-1)
    assert torch.allclose(radii, radii[:, :1].expand_as(radii))
    inside = (
        torch.randn(50_000, 2, generator=seeded()).norm(dim=1)[:, None] < radii[:, 0]
    ).double()
    expected = torch.arange(1, nb15.RINGS) / nb15.RINGS
    assert torch.allclose(inside.mean(0), expected, atol=0.01)


@pytest.mark.parametrize(("name", "target"), [("moons", Moons()), ("ring", eight_gaussians())])
def test_explorers_flows_are_close_to_their_targets(name, target):
    torch.set_default_dtype(torch.float32)
    flow = nb15.load_density(name)[0]
    kl = kl_estimate(target, flow.log_prob, target.sample(4000, seeded(77)))
    row = results.row(results.load("normalizing_explorer"), name=name)
    assert kl < 0.05 and kl == pytest.approx(row["kl"], abs=0.02)


def test_level_lines_lie_on_their_levels():
    """Every stored line runs where the density of its moment has the value of one level."""
    torch.set_default_dtype(torch.float32)
    flow, lines, _ = nb15.load_density("moons")
    times = np.linspace(0, 1, nb15.FRAMES)
    for frame in (0, 15, 30):
        shown = lines[frame][np.abs(lines[frame]).max((1, 2)) < 10]
        assert len(shown) >= 3
        for line in shown:
            with torch.no_grad():
                p = flow.log_prob(torch.from_numpy(line[:-1]), float(times[frame])).exp()
            level = min(nb15.LEVELS, key=lambda level, p=p: abs(level - p.median().item()))
            assert p.median().item() == pytest.approx(level, rel=0.1)


def test_scenes_begin_with_the_gaussian():
    torch.set_default_dtype(torch.float32)
    scene = density_explorer.scene(data="moons", show="cells")
    assert np.allclose(scene.grid[0], nb15.equal_mass_cells(), atol=1e-5)
    assert abs(scene.points[0].std() - 1) < 0.1
    assert np.abs(np.diff(scene.points, axis=0)).max() < 0.6  # no jumps
    assert scene.texts[0] == "Highest density: 0.16"
    quadrants = {(x > 0, y > 0): set() for x, y in scene.points[0]}
    for (x, y), group in zip(scene.points[0], scene.groups, strict=True):
        quadrants[x > 0, y > 0].add(int(group))
    assert sorted(quadrants.values(), key=min) == [{0}, {1}, {2}, {3}]


def test_explorer_names_the_script_that_makes_its_weights(monkeypatch, tmp_path):
    nb15.load_density.cache_clear()
    absent = partial(results.load_weights, folder=tmp_path)
    monkeypatch.setattr(nb15, "load_weights", absent)
    with pytest.raises(FileNotFoundError, match="make experiments NAME=normalizing_explorer"):
        nb15.load_density("moons")
    nb15.load_density.cache_clear()


# --- figures -------------------------------------------------------------------------------------


def test_density_map_shows_the_density_the_right_way_up():
    ax = plt.subplots()[1]
    log_prob = lambda x: standard_log_prob(x - torch.tensor([2.0, -1.0]))  # noqa: E731
    values = density_plots.density_map(log_prob, ax, limit=3.0, n=61).images[0].get_array()
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert (column / 10 - 3, row / 10 - 3) == (2.0, -1.0)
    assert values.max() == pytest.approx(1 / (2 * math.pi), rel=1e-6)
    fixed = density_plots.density_map(log_prob, ax, limit=3.0, n=61, peak=0.35).images[-1]
    assert fixed.get_clim() == (0, 0.35)
    plt.close("all")


def test_steps_are_marked_where_the_flow_was_trained():
    rows = [{"N": N, "solved_with": [1, 2, 20], "kl": [-N, 0.5, 2 * N]} for N in (1, 2, 2)]
    ax = density_plots.kl_against_steps(rows, plt.subplots()[1])
    marks = [line.get_xydata().tolist() for line in ax.lines if len(line.get_xydata()) == 1]
    assert marks == [[[1, -1]], [[2, 0.5]], [[2, 0.5]]]
    assert ax.get_legend_handles_labels()[1] == ["trained with 1", "trained with 2"]
    plt.close("all")


def test_strips_hold_equal_mass_on_both_sides():
    axes = plt.subplots(1, 3)[1]
    density_plots.equal_mass(lambda z: z + 1.5 * np.tanh(2 * z), [-1.0, 0.0, 1.0], *axes)

    def area(collection):
        x, y = collection.get_paths()[0].vertices.T
        return abs(0.5 * np.sum(x * np.roll(y, 1) - y * np.roll(x, 1)))

    below = [area(c) for c in axes[2].collections]
    beside = [area(c) for c in axes[1].collections]
    assert np.allclose(below, 0.3413, atol=0.01) and np.allclose(beside, below, atol=0.02)
    plt.close("all")


def test_carried_points_stand_where_the_states_are():
    states = torch.randn(3, 50, 2, generator=seeded())
    row = {"times": [0.0, 0.5, 1.0], "states": states}
    row["log_prob"] = lambda x, t: standard_log_prob(x / (1 + t))
    fig = density_plots.carried({"up": row, "down": row})
    assert len(fig.axes) == 6 and fig.axes[3].get_ylabel() == "down"
    for ax, state in zip(fig.axes[:3], states, strict=True):
        assert np.allclose(ax.lines[0].get_xydata(), state)
    paths = fig.axes[2].collections[0].get_segments()
    assert np.allclose(paths[7], states[:, 7])
    plt.close("all")
