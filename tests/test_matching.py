"""Flow matching: paths, loss, coupling, sampling and the closed forms for Gaussian mixtures."""

import pytest
import torch

from course_lib.densities import GaussianMixture, eight_gaussians
from course_lib.flows import (
    PATHS,
    TanhField,
    couple,
    euler_sample,
    matching_loss,
    mixture_score,
    mixture_velocity,
)
from course_lib.transport import exact_plan

pytestmark = pytest.mark.usefixtures("float64")

each_path = pytest.mark.parametrize("name", sorted(PATHS))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pairs(n=7, d=3):
    return torch.randn(n, d, generator=seeded(1)), 2 + torch.randn(n, d, generator=seeded(2))


@each_path
def test_a_path_leads_from_noise_to_data_and_knows_its_velocity(name):
    path, (z, x) = PATHS[name], pairs()
    assert torch.allclose(path.point(z, x, 0.0), z) and torch.allclose(path.point(z, x, 1.0), x)
    t, d = torch.rand(7, 1, generator=seeded(3)), 1e-6
    slope = (path.point(z, x, t + d) - path.point(z, x, t - d)) / (2 * d)
    assert torch.allclose(path.velocity(z, x, t), slope, atol=1e-8)


def test_the_trigonometric_path_keeps_the_variance():
    a, s = PATHS["trigonometric"].weights(torch.linspace(0, 1, 9))
    assert torch.allclose(a**2 + s**2, torch.ones(9))


@each_path
def test_loss_is_the_mean_of_squared_norms(name):
    z, x = pairs()
    t, path = torch.rand(7, 1, generator=seeded(3)), PATHS[name]
    field = TanhField(3, [8], generator=seeded())
    found = matching_loss(field, z, x, t, name)
    total = 0.0
    for i in range(7):  # one pair at a time, the time a number
        row = slice(i, i + 1)
        f = field(t[i].item(), path.point(z[row], x[row], t[i].item()))
        total += (f - path.velocity(z[row], x[row], t[i].item())).square().sum().item()
    assert found.item() == pytest.approx(total / 7)


def test_bad_arguments_are_named():
    z, x = pairs()
    field, t = (lambda t, y: y), torch.rand(7, 1)
    with pytest.raises(ValueError, match="one time for each pair"):
        matching_loss(field, z, x, t[:, 0])
    with pytest.raises(ValueError, match="are pairs"):
        matching_loss(field, z[:3], x, t)
    with pytest.raises(ValueError, match="are pairs"):
        couple(z, x[:, :2])
    with pytest.raises(ValueError, match="unknown path"):
        matching_loss(field, z, x, t, "curly")
    with pytest.raises(ValueError, match="at least one step"):
        euler_sample(field, z, 0)


def test_coupling_reorders_and_costs_least():
    z, x = torch.randn(40, 2, generator=seeded(4)), 1 + torch.randn(40, 2, generator=seeded(5))
    paired = couple(z, x)
    assert torch.equal(paired.sort(0).values, x.sort(0).values)  # every x once
    cost = (paired - z).square().sum(1).mean()
    assert cost.item() == pytest.approx(exact_plan(z, x)[1].item())
    assert cost < 0.7 * (x - z).square().sum(1).mean()


def test_euler_is_exact_on_straight_paths_and_of_order_one_on_others():
    z = torch.randn(9, 2, generator=seeded(6))
    assert torch.allclose(euler_sample(lambda t, x: z, z, 1)[-1], 2 * z)
    clock = euler_sample(lambda t, x: torch.full_like(x, t), 0 * z, 4)[-1]
    assert (clock == (0 + 0.25 + 0.5 + 0.75) / 4).all()  # each step takes the velocity at its start
    errors = [(euler_sample(lambda t, x: x, z, n)[-1] - z * torch.e).abs().max() for n in (50, 100)]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


@each_path
@pytest.mark.parametrize("t", [0.2, 0.5, 0.9])
def test_marginal_velocity_is_the_conditional_mean(name, t):
    """Given x_t = y and x, z is known: so the mean over pairs is a weighted mean over data."""
    ring = eight_gaussians()
    x = ring.sample(200_000, seeded(8)).double()
    (a, s), (da, ds) = (f(torch.tensor(t)) for f in (PATHS[name].weights, PATHS[name].rates))
    # places where pairs pass: elsewhere a few of the points would carry all the weight
    places = a * ring.sample(6, seeded(9)).double() + s * torch.randn(6, 2, generator=seeded(7))
    for y, found in zip(places, mixture_velocity(ring, t, places, name), strict=True):
        z = (y - a * x) / s
        weight = (-z.square().sum(1) / 2).softmax(0)
        mean = (weight[:, None] * (da * x + ds * z)).sum(0)
        # as many standard errors as the effective number of samples allows
        spread = (weight[:, None] * (da * x + ds * z - mean).square()).sum(0).sqrt()
        error = spread * weight.square().sum().sqrt()
        assert ((found - mean).abs() < 5 * error + 1e-6).all()


@each_path
def test_score_is_the_gradient_of_log_p(name):
    covariances = [[[0.3, 0.1], [0.1, 0.2]], [[0.5, 0.0], [0.0, 0.1]]]
    mixture = GaussianMixture([[1.0, 0.0], [-1.0, 2.0]], covariances=covariances, weights=[1, 3])
    y, t = torch.randn(5, 2, generator=seeded(9)), 0.6
    a, s = PATHS[name].weights(torch.tensor(t))
    spread = a**2 * mixture.covariances + s**2 * torch.eye(2)
    at_t = GaussianMixture((a * mixture.means).numpy(), covariances=spread.numpy(), weights=[1, 3])
    point = y.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(at_t.log_prob(point).sum(), point)
    assert torch.allclose(mixture_score(mixture, t, y, name), gradient, atol=1e-9)
