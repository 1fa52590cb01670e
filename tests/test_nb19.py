"""Notebook 19: every numbered equation is checked, and its explorer does what the text says."""

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_lib import datasets, flows, matching_plots, results, transport
from course_lib.densities import GaussianMixture, Moons, eight_gaussians
from course_lib.exercises.nb19 import cfm_loss, pair_at, pair_up
from course_lib.widgets import matching_explorer, nb19
from experiments import matching

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# --- the marginal velocity -----------------------------------------------------------------------


def test_a_pair_moves_on_a_line():
    """(19.1): the exercise's, the library's, and a difference quotient."""
    z, x = torch.randn(5, 2, generator=seeded(1)), torch.randn(5, 2, generator=seeded(2))
    t = torch.rand(5, 1, generator=seeded(3))
    place, velocity = pair_at(z, x, t)
    path = flows.PATHS["straight"]
    assert torch.allclose(place, path.point(z, x, t))
    assert torch.allclose(velocity, path.velocity(z, x, t))
    assert torch.allclose((pair_at(z, x, t + 0.1)[0] - place) / 0.1, velocity)


def test_pairs_that_meet_have_the_mean_of_the_formula():
    """(19.2), (19.4): the mean over pairs near a place; the density's gradient is no substitute."""
    ring, t, place = eight_gaussians(), 0.5, torch.tensor([0.6, 0.4])
    z = torch.randn(1_000_000, 2, generator=seeded(1), dtype=torch.float32)
    x = ring.sample(len(z), seeded(2)).float()
    near = (0.5 * z + 0.5 * x - place.float()).norm(dim=1) < 0.1
    found = (x - z)[near].double()
    error = found.std(0) / math.sqrt(len(found)) + 0.03  # the radius makes a small bias
    exact = flows.mixture_velocity(ring, t, place[None])[0]
    assert ((found.mean(0) - exact).abs() < 4 * error).all()
    # the place itself is a bad guess of the velocity: the test can fail
    assert not ((place - exact).abs() < 4 * error).all()


def test_means_of_test_functions_change_as_the_marginal_velocity_says():
    """(19.3): d/dt E φ(x_t) = E ∇φ·v for φ = sin x₁ cos x₂, by the same pairs at t ± d."""
    ring, t, d = eight_gaussians(), 0.4, 1e-3
    z = torch.randn(100_000, 2, generator=seeded(4))
    x = ring.sample(len(z), seeded(5)).double()

    def mean(t):
        y = (1 - t) * z + t * x
        return (y[:, 0].sin() * y[:, 1].cos() + 0.5 * y[:, 0].cos()).mean()

    y = (1 - t) * z + t * x
    gradient = torch.stack(
        [
            y[:, 0].cos() * y[:, 1].cos() - 0.5 * y[:, 0].sin(),
            -y[:, 0].sin() * y[:, 1].sin(),
        ],
        1,
    )
    rate = ((mean(t + d) - mean(t - d)) / (2 * d)).item()
    by_mean = (gradient * flows.mixture_velocity(ring, t, y)).sum(1).mean().item()
    assert rate == pytest.approx(by_mean, abs=0.02) and abs(rate) > 0.05
    assert abs(rate - 1.3 * by_mean) > 0.01  # a velocity that is too large fails


def test_the_flow_of_the_mean_has_the_density_of_the_data():
    """(19.3), (19.4): log p by 15's machinery; with independent pairs and any covariances."""
    mixture = GaussianMixture(
        [[1.0, 0.5], [-1.0, 0.0]],
        covariances=[[[0.3, 0.1], [0.1, 0.2]], [[0.4, 0.0], [0.0, 0.2]]],
        weights=[0.3, 0.7],
    )
    x = mixture.sample(30, seeded(6)).double()
    for factor, holds in ((1.0, True), (0.95, False)):
        field = lambda t, y, k=factor: k * flows.mixture_velocity(mixture, float(t), y)  # noqa: E731
        flow = flows.ContinuousFlow(field, steps=20)
        error = (flow.log_prob(x) - mixture.log_prob(x)).abs().max()
        assert (error < 1e-3) == holds


# --- the loss ------------------------------------------------------------------------------------


def test_the_loss_is_the_distance_to_the_mean_and_a_constant():
    """(19.5): for two fields; the difference of losses is that of distances to v."""
    ring, t = eight_gaussians(), 0.5
    z = torch.randn(200_000, 2, generator=seeded(7))
    x = ring.sample(len(z), seeded(8)).double()
    y, time = 0.5 * (z + x), torch.full((len(z), 1), t)
    v = flows.mixture_velocity(ring, t, y)
    floor = (v - (x - z)).square().sum(1).mean()
    for field in (lambda t, y: 0 * y, lambda t, y: torch.sin(y) + t):
        loss = cfm_loss(field, z, x, time)
        assert loss.item() == pytest.approx(flows.matching_loss(field, z, x, time).item())
        distance = (field(time, y) - v).square().sum(1).mean()
        assert loss.item() == pytest.approx((distance + floor).item(), rel=0.01)
    assert floor > 1  # "far above zero"


def test_one_euler_step_sends_independent_pairs_to_the_mean():
    """(19.6): v(0, z) = E x − z."""
    mixture = GaussianMixture([[3.0, 0.0], [0.0, 1.0]], std=0.4, weights=[0.25, 0.75])
    z = torch.randn(9, 2, generator=seeded(9))
    field = lambda t, y: flows.mixture_velocity(mixture, t, y)  # noqa: E731
    end = flows.euler_sample(field, z, 1)[-1]
    assert torch.allclose(end, torch.tensor([0.75, 0.75]).expand(9, 2))


def test_the_plan_is_the_cheapest_of_all_permutations():
    """(19.7): of all 720 of six points; and its lines don't meet at the same time."""
    z, x = torch.randn(6, 2, generator=seeded(1)), 1 + torch.randn(6, 2, generator=seeded(2))
    costs = [((x[list(j)] - z) ** 2).sum() for j in itertools.permutations(range(6))]
    for pair in (pair_up, flows.couple):
        paired = pair(z, x)
        assert ((paired - z) ** 2).sum().item() == pytest.approx(min(costs).item())
    for t in np.linspace(0, 0.99, 34):
        assert torch.pdist((1 - t) * z + t * paired).min() > 0


def test_a_plan_between_samples_is_a_sample():
    """Two samples of the moons are 0.1 apart; in 64-D a batch finds a third of the 80 % at most."""
    one, other = (Moons().sample(1000, seeded(seed)) for seed in (1, 2))
    assert 0.07 < transport.exact_plan(one, other)[1].sqrt() < 0.16
    z, x = (
        torch.randn(128, 64, generator=seeded(3)),
        0.5 * torch.randn(128, 64, generator=seeded(4)),
    )
    cost = (x - z).square().sum()
    assert 1 - (z / 2).square().sum() / cost == pytest.approx(0.8, abs=0.02)
    assert 0.15 < 1 - (pair_up(z, x) - z).square().sum() / cost < 0.3


# --- digits --------------------------------------------------------------------------------------


def test_bits_per_dimension():
    """(19.8): of the uniform density on 17 values, and the scale cancels."""
    d, scale = 64, 6.0
    log_p = -d * math.log(17 / scale)  # uniform on a cube of side 17/6
    bits = (-log_p + d * math.log(scale)) / (d * math.log(2))
    assert bits == pytest.approx(math.log2(17))

    class Uniform:
        def log_prob(self, x):
            return torch.full((len(x),), log_p)

    torch.set_default_dtype(torch.float32)
    digits = matching.Digits()
    assert scale == matching.SCALE
    assert digits.quality(Uniform()) == pytest.approx(math.log2(17), rel=1e-6)
    x = digits.sample(50, seeded())
    assert x.shape == (50, 64) and abs(x.mean().item()) < 0.1


def test_what_16_reached_on_the_digits():
    stored = results.row(results.load("scalable"), part="digits")
    assert (round(stored["flow"], 2), round(stored["mixture"], 2)) == (2.66, 2.68)


def test_the_perfect_fit_is_a_mixture_of_points_and_copies():
    """(19.9): (19.4) with tiny covariances; its flow ends on the data."""
    x = torch.randn(5, 2, generator=seeded(3))

    def perfect(t, y):
        r = (-torch.cdist(y, t * x).square() / (2 * (1 - t) ** 2)).softmax(1)
        return (r @ x - y) / (1 - t)

    points = GaussianMixture(x.numpy(), std=1e-5)
    y = torch.randn(8, 2, generator=seeded(4))
    assert torch.allclose(perfect(0.5, y), flows.mixture_velocity(points, 0.5, y), atol=1e-6)
    end = flows.euler_sample(perfect, y, 50)[-1]
    assert torch.cdist(end, x).min(1).values.max() < 0.05


def test_stored_rows_are_what_the_text_says():
    """One evaluation an update against 4N; and who is first to equal quality."""
    rows = results.load("matching")["rows"]
    assert {row["part"] for row in rows} == {"moons", "digits"}
    for row in rows:
        expected = 1 if row["method"] == "matching" else 4 * matching.N[row["part"]]
        assert row["evaluations_per_update"] == expected
    for part, low, high in (("moons", 0.3, 0.7), ("digits", 2, 5)):
        own = [row for row in rows if row["part"] == part]
        assert {row["seed"] for row in own} == set(matching.SEEDS)
        seconds = matching_plots.equal_quality(own)[1]
        assert low < seconds["likelihood"] / seconds["matching"] < high


def test_what_the_text_says_of_the_ladder():
    """Both matchings: KL above every flow by likelihood; the longest and the straightest paths."""
    rows = {row["method"]: row for row in results.load("ladder")["rows"]}
    assert list(rows)[-2:] == ["matching", "matching, OT"] and len(rows) == 8
    free, paired = rows["matching"], rows["matching, OT"]
    for row in (free, paired):
        assert row["seeds"] == rows["CNF"]["seeds"]
        assert all(e >= c for e, c in zip(row["energy"], row["chord"], strict=True))
        for name in ("CNF", "FFJORD", "RNODE", "potential", "OT-Flow"):
            assert np.median(row["kl"]) > np.median(rows[name]["kl"])
    for name in ("CNF", "FFJORD", "RNODE", "potential", "OT-Flow"):
        assert min(free["straightness"]) > 1.5 > max(rows[name]["straightness"])
        assert max(paired["straightness"]) < 1.005 < np.median(rows[name]["straightness"])
        assert max(free["ot_gap"]) < 0.01 and max(paired["ot_gap"]) < 0.001
    assert min(np.divide(free["energy"], free["chord"])) > 2.5
    assert 0.5 < np.median(free["seconds"]) / np.median(rows["CNF"]["seconds"]) < 1.2


# --- diffusion -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(flows.PATHS))
def test_velocity_and_score_are_the_same_knowledge(name):
    """(19.10): on both paths; on the trigonometric one both factors are equal."""
    ring, y = eight_gaussians(), torch.randn(9, 2, generator=seeded(5))
    for t in (0.3, 0.8):
        a, s = flows.PATHS[name].weights(torch.tensor(t))
        da, ds = flows.PATHS[name].rates(torch.tensor(t))
        factor = s * (da * s / a - ds)
        expected = da / a * y + factor * flows.mixture_score(ring, t, y, name)
        assert torch.allclose(flows.mixture_velocity(ring, t, y, name), expected)
        if name == "trigonometric":
            assert factor.item() == pytest.approx((da / a).item())


def test_noise_with_its_drift_leaves_the_densities():
    """(19.11): p's rate of change by Fokker–Planck does not depend on c."""
    bumps = GaussianMixture([[-1.5, 0.0], [1.5, 0.0]], std=0.3, weights=[0.35, 0.65])
    t, name = 0.6, "trigonometric"
    y = torch.randn(12, 2, generator=seeded(6)).requires_grad_()
    a, s = flows.PATHS[name].weights(torch.tensor(t))
    spread = (a**2 * bumps.covariances + s**2 * torch.eye(2)).numpy()
    weights = [0.35, 0.65]
    at_t = GaussianMixture((a * bumps.means).numpy(), covariances=spread, weights=weights)

    def divergence(flux):
        return sum(
            torch.autograd.grad(flux[:, i].sum(), y, retain_graph=True, create_graph=True)[0][:, i]
            for i in range(2)
        )

    p = at_t.log_prob(y).exp()
    (slope,) = torch.autograd.grad(p.sum(), y, create_graph=True)
    score = flows.mixture_score(bumps, t, y, name)

    def rate(c, drift):
        v = flows.mixture_velocity(bumps, t, y, name) + 0.5 * drift**2 * score
        return -divergence(p[:, None] * v) + 0.5 * c**2 * divergence(slope)

    assert torch.allclose(rate(1.0, 1.0), rate(0.0, 0.0), atol=1e-10)
    assert not torch.allclose(rate(1.0, 0.0), rate(0.0, 0.0), atol=1e-3)


# --- figures and the explorer --------------------------------------------------------------------


def test_figures_show_what_they_are_given():
    z, x = np.zeros((4, 2)), np.arange(8.0).reshape(4, 2)
    ax = matching_plots.pair_lines(z, x, plt.subplots()[1])
    assert np.allclose(np.array(ax.collections[0].get_segments())[:, 1], x)
    ax = matching_plots.crossing(np.zeros(2), x, plt.subplots()[1])
    assert np.allclose([ax.collections[1].U[0], ax.collections[1].V[0]], x.mean(0))
    states = np.stack([z, x])
    ax = matching_plots.trails(states, plt.subplots()[1], shown=2)
    assert np.allclose(ax.lines[0].get_xydata(), x) and len(ax.collections[0].get_segments()) == 2
    images = datasets.digits().x_test[:5] * 16
    fig = matching_plots.digit_rows({"a": images, "b": images})
    assert fig.axes[1].images[0].get_clim() == (0, 16)
    rows = [
        {"method": m, "updates": 5, "cpu_seconds": s, "quality": s / 10}
        for m, s in [("a", 1.0), ("a", 3.0), ("b", 2.0)]
    ]
    ax = matching_plots.time_to_quality(rows, plt.subplots()[1], "KL")
    assert ax.lines[1].get_xydata().tolist() == [[2.0, 0.2]]  # the median of a
    states = np.linspace(-1, 1, 40)[None] * np.ones((3, 1))
    line, density = np.linspace(-3, 3, 5), np.arange(15.0).reshape(3, 5)
    fig = matching_plots.over_time({"a": (np.linspace(0, 1, 3), states)}, line, density)
    assert np.allclose(fig.axes[0].images[0].get_array(), density.T**0.5)
    assert np.allclose(fig.axes[1].lines[0].get_xdata(), density[-1])
    plt.close("all")


def test_equal_quality_is_read_off_where_both_methods_have_been():
    def rows(method, points):
        return [
            {"method": method, "updates": k, "cpu_seconds": s, "quality": q}
            for k, (s, q) in enumerate(points)
        ]

    slow, fast = rows("slow", [(1, 0.8), (9, 0.4)]), rows("fast", [(1, 0.6), (4, 0.2)])
    level, seconds = matching_plots.equal_quality(slow + fast)
    assert level == 0.4 and seconds["slow"] == pytest.approx(9)
    assert seconds["fast"] == pytest.approx(2)  # half-way on a logarithmic scale
    with pytest.raises(ValueError, match="don't lower"):
        matching_plots.equal_quality(rows("a", [(1, 0.4), (2, 0.5)]))


def test_explorer_shows_that_one_step_needs_better_pairs():
    table = results.load("matching_explorer")
    for steps in (1, 4, 16):
        w2 = {k: results.row(table, coupling=k, steps=steps)["w2"] for k in nb19.COUPLINGS}
        assert (w2["independent"] > 3 * w2["OT"]) == (steps == 1)
    eight = results.row(table, coupling="independent", steps=8)["w2"]
    assert eight > 1.2 * results.row(table, coupling="OT", steps=1)["w2"]
    ends = {k: nb19.euler_states(k, 1)[-1] for k in nb19.COUPLINGS}
    assert ends["independent"].std(0).max() < 0.6 < ends["OT"].std(0).max()
    figure = matching_explorer.figure(steps=1, coupling="OT")
    assert [ax.get_title() for ax in figure.axes] == ["the flow", "1 step"]
    plt.close(figure)
