"""Target densities: they are densities, their entropies are right, and the points are theirs."""

import math

import numpy as np
import pytest
import torch

from course_lib import datasets
from course_lib.densities import (
    Checkerboard,
    GaussianMixture,
    Moons,
    Pinwheel,
    eight_gaussians,
    kl_estimate,
    log_prob_on_grid,
    standard_normal,
)

pytestmark = pytest.mark.usefixtures("float64")

ALL = {
    "normal": standard_normal,
    "ring": eight_gaussians,
    "mixture": lambda: GaussianMixture([[0.0, 0.0], [1.0, 2.0]], 0.5, [1, 3]),
    "moons": Moons,
    "pinwheel": Pinwheel,
    "checkerboard": Checkerboard,
}
#: (sampler of `datasets`, its settings, how its points are moved into the density's place)
SAMPLERS = {
    "ring": (datasets.gaussians, {"std": 0.15}, lambda x: 2 * x),
    "moons": (datasets.moons, {"noise": 0.1}, lambda x: 1.5 * (x - torch.tensor([0.5, 0.25]))),
    "pinwheel": (datasets.pinwheel, {}, lambda x: 1.5 * x),
    "checkerboard": (datasets.checkerboard, {}, lambda x: 2 * x),
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", ALL)
def test_mass_is_one(name):
    density = ALL[name]()
    n = math.ceil(4 * density.limit / density.scale_min) + 1
    _, log_p, area = log_prob_on_grid(density.log_prob, density.limit, n, torch.float64)
    # the pinwheel is sheared, so that its finest detail is finer than the blades' width
    assert float(log_p.exp().sum()) * area == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_entropy_is_what_its_own_points_cost(name):
    density = ALL[name]()
    cost = -density.log_prob(density.sample(4000, seeded()))
    error = cost.std().item() / math.sqrt(4000)
    assert abs(cost.mean().item() - density.entropy) < 4 * error + 1e-9


@pytest.mark.parametrize("name", SAMPLERS)
def test_points_of_datasets_have_the_same_density(name):
    """The mean of log p over the sampler's points is −H; a wrong scale would show at once."""
    density, (sampler, settings, place) = ALL[name](), SAMPLERS[name]
    cost = -density.log_prob(place(sampler(4000, seeded(1), **settings)[0]))
    assert abs(cost.mean().item() - density.entropy) < 4 * cost.std().item() / 63 + 1e-9
    if name != "checkerboard":  # uniform: smaller squares inside the large ones cost the same
        wrong = -density.log_prob(place(1.2 * sampler(4000, seeded(1), **settings)[0]))
        assert abs(wrong.mean().item() - density.entropy) > 8 * cost.std().item() / 63


def test_known_entropies():
    assert standard_normal().entropy == pytest.approx(1 + math.log(2 * math.pi), abs=1e-8)
    assert Checkerboard().entropy == math.log(32)
    assert Checkerboard(scale=1.0).entropy == math.log(8)
    apart = eight_gaussians(radius=20.0, std=0.3)  # do not overlap: log 8 more than one of them
    one = 1 + math.log(2 * math.pi) + 2 * math.log(0.3)
    assert apart.entropy == pytest.approx(one + math.log(8), abs=1e-8)


def test_scaling_adds_the_logarithm_of_the_area():
    for density in (Moons, Pinwheel):
        assert density(scale=3.0).entropy - density(scale=1.5).entropy == pytest.approx(
            2 * math.log(2), abs=1e-8
        )


def test_moons_density_against_a_brute_sum():
    """Many narrow Gaussians along both arcs: the midpoint rule instead of Gauss–Legendre."""
    angle = np.pi * (np.arange(4000) + 0.5) / 4000
    arc = np.stack([np.cos(angle), np.sin(angle)], 1)
    means = 1.5 * (np.concatenate([arc, [1.0, 0.5] - arc]) - [0.5, 0.25])
    many = GaussianMixture(means, std=0.15)
    points = Moons().sample(50, seeded(3))
    assert torch.allclose(Moons().log_prob(points), many.log_prob(points), atol=1e-6)


def test_pinwheel_is_turned_back_by_the_radius():
    still, turned = Pinwheel(swirl=0.0), Pinwheel(swirl=1.5)
    assert still.entropy == turned.entropy
    radius, angle = 1.7, 0.3
    place = lambda a: torch.tensor([radius * math.cos(a), radius * math.sin(a)])  # noqa: E731
    moved = angle + 1.5 * radius / 1.5
    assert turned.log_prob(place(moved)).item() == pytest.approx(
        still.log_prob(place(angle)).item()
    )


def test_mixture_against_scipy():
    from scipy.stats import multivariate_normal

    covariance = [[1.0, 0.6], [0.6, 0.5]]
    ours = GaussianMixture([[1.0, -1.0]], covariances=[covariance])
    points = ours.sample(6, seeded())
    assert np.allclose(
        ours.log_prob(points), multivariate_normal([1.0, -1.0], covariance).logpdf(points)
    )
    many = ours.sample(20_000, seeded())
    assert np.allclose(np.cov(many.T), covariance, atol=0.03)


def test_weights_of_a_mixture():
    lopsided = GaussianMixture([[-5.0, 0.0], [5.0, 0.0]], 0.5, weights=[1, 3])
    share = (lopsided.sample(4000, seeded())[:, 0] > 0).double().mean().item()
    assert share == pytest.approx(0.75, abs=0.03)
    assert (
        lopsided.log_prob(torch.tensor([5.0, 0.0])) - lopsided.log_prob(torch.tensor([-5.0, 0.0]))
    ).item() == pytest.approx(math.log(3))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_single_point_may_come_from_anywhere(name):
    """Rows come in random order: first rows of many draws lie in all parts of the density."""
    density = ALL[name]()
    firsts = torch.cat([density.sample(1, seeded(s)) for s in range(60)])
    assert (firsts > 0).any(0).all() and (firsts < 0).any(0).all()


def test_shapes_and_precision_follow_the_points():
    for make in ALL.values():
        density = make()
        points = density.sample(6, seeded()).float()
        assert density.log_prob(points).dtype == torch.float32
        assert torch.allclose(
            density.log_prob(points.reshape(2, 3, 2)).flatten(), density.log_prob(points)
        )


def test_kl_is_zero_for_the_target_and_right_for_gaussians():
    narrow, wide = GaussianMixture([[0.0, 0.0]], 1.0), GaussianMixture([[0.0, 0.0]], 2.0)
    x = narrow.sample(40_000, seeded())
    assert kl_estimate(narrow, narrow.log_prob, x) == 0.0
    exact = 2 * (math.log(2) + 1 / 8 - 1 / 2)
    assert kl_estimate(narrow, wide.log_prob, x) == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GaussianMixture([0.0, 1.0], 1.0), "means must be"),
        (lambda: GaussianMixture([[0.0, 1.0]]), "either std"),
        (lambda: GaussianMixture([[0.0, 1.0]], std=-1.0), "one positive number"),
        (lambda: GaussianMixture([[0.0, 1.0]], 1.0, [1, 2]), "positive weights"),
        (lambda: Moons(noise=0.0), "positive"),
        (lambda: Checkerboard(scale=-1.0), "positive"),
        (lambda: Moons().sample(0), "at least one"),
        (lambda: Pinwheel().log_prob(torch.zeros(4, 3)), "in the plane"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
