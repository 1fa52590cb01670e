"""The step rules equal torch's, the limits are the true ones, `Quadratic` knows its valley."""

import pytest
import torch

from course_lib.optimisers import (
    Quadratic,
    adam,
    gradient_descent,
    heavy_ball,
    least_squares,
    stability_limit,
    threshold,
)

pytestmark = pytest.mark.usefixtures("float64")


def wavy(theta):
    """A loss without symmetry: the three rules part from each other on it."""
    return (theta[0] ** 2 + 0.5 * theta[1] ** 2 + torch.sin(3 * theta[0] * theta[1])).sum()


def torch_path(optimiser, start, steps, **options):
    theta = start.clone().requires_grad_()
    rule, path = optimiser([theta], **options), [start.clone()]
    for _ in range(steps):
        rule.zero_grad()
        wavy(theta).backward()
        rule.step()
        path.append(theta.detach().clone())
    return torch.stack(path)


START = torch.tensor([1.0, -0.7], dtype=torch.float64)
RULES = {
    "gradient descent": (
        lambda g: gradient_descent(g, START, 0.05, 40),
        lambda: torch_path(torch.optim.SGD, START, 40, lr=0.05),
    ),
    "heavy ball": (
        lambda g: heavy_ball(g, START, 0.05, 40, beta=0.8),
        lambda: torch_path(torch.optim.SGD, START, 40, lr=0.05, momentum=0.8),
    ),
    "Adam": (
        lambda g: adam(g, START, 0.05, 40),
        lambda: torch_path(torch.optim.Adam, START, 40, lr=0.05),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_rule_equals_torch(name):
    ours, theirs = RULES[name]
    path = ours(torch.func.grad(wavy))
    assert path.shape == (41, 2)
    torch.testing.assert_close(path, theirs(), rtol=1e-10, atol=1e-12)
    others = [rule(torch.func.grad(wavy)) for other, (rule, _) in RULES.items() if other != name]
    assert all((path - other).abs().max() > 1e-2 for other in others)


@pytest.mark.parametrize("name", RULES)
def test_start_is_not_changed(name):
    before = START.clone()
    RULES[name][0](torch.func.grad(wavy))
    assert torch.equal(START, before)


def test_no_momentum_is_gradient_descent():
    gradient = torch.func.grad(wavy)
    plain, ball = (
        gradient_descent(gradient, START, 0.1, 9),
        heavy_ball(gradient, START, 0.1, 9, 0.0),
    )
    torch.testing.assert_close(plain, ball)


def valley(seed, d=4):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(d, d, generator=generator)
    return Quadratic(a @ a.T + 0.1 * torch.eye(d), torch.randn(d, generator=generator), 0.3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_the_limit_is_where_heavy_ball_begins_to_diverge(seed, beta):
    hill = valley(seed)
    limit = stability_limit(hill.curvatures[-1].item(), beta)
    start = hill.minimum + 1
    for factor, stable in [(0.98, True), (1.02, False)]:
        path = heavy_ball(hill.gradient, start, factor * limit, 4000, beta)
        falls = bool(hill.loss(path[-1]) - hill.floor < 1e-3 * (hill.loss(start) - hill.floor))
        assert falls == stable, (factor, beta)


def test_quadratic_agrees_with_autograd():
    hill = valley(0)
    theta = torch.randn(5, 4, generator=torch.Generator().manual_seed(9))
    for point in theta:
        torch.testing.assert_close(torch.func.grad(hill.loss)(point), hill.gradient(point))
        torch.testing.assert_close(torch.func.hessian(hill.loss)(point), hill.hessian)
    torch.testing.assert_close(hill.loss(theta), torch.stack([hill.loss(p) for p in theta]))
    torch.testing.assert_close(hill.gradient(theta), torch.stack([hill.gradient(p) for p in theta]))
    assert hill.loss(hill.minimum).item() == pytest.approx(hill.floor)
    assert hill.condition == pytest.approx(torch.linalg.cond(hill.hessian).item(), rel=1e-8)


def test_flow_obeys_its_equation_and_starts_at_its_start():
    hill, start = valley(1), torch.ones(4)
    t = torch.tensor([0.0, 0.3, 1.0, 1.0 + 1e-5])
    path = hill.flow(start, t)
    torch.testing.assert_close(path[0], start)
    slope = (path[3] - path[2]) / 1e-5
    torch.testing.assert_close(slope, -hill.gradient(path[2]), rtol=1e-3, atol=1e-4)
    assert torch.all(hill.loss(path).diff() < 0)


def test_least_squares_is_the_mean_squared_error():
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(20, 3, generator=generator), torch.randn(20, generator=generator)
    hill = least_squares(x, y)
    for w in torch.randn(4, 3, generator=generator):
        assert hill.loss(w).item() == pytest.approx(((x @ w - y) ** 2).mean().item())
    assert hill.gradient(hill.minimum).abs().max() < 1e-12


def test_threshold_is_twice_the_inverse_curvature():
    valley = Quadratic(torch.diag(torch.tensor([0.3, 4.0])), torch.zeros(2))
    found = threshold(gradient_descent, valley, torch.tensor([1.0, 1.0]))
    assert found == pytest.approx(0.5, rel=1e-3)
    with pytest.raises(ValueError, match=r"does not lie between 0\.6 and 1"):
        threshold(gradient_descent, valley, torch.tensor([1.0, 1.0]), 0.6, 1.0)


def test_steps_to_a_share_of_the_loss():
    bowl = Quadratic(torch.eye(2), torch.ones(2), floor=3.0)
    path = gradient_descent(bowl.gradient, torch.tensor([2.0, 5.0]), 0.5, 8)  # a quarter a step
    assert [bowl.steps_to(share, path) for share in (0.9, 0.24, 0.01)] == [1, 2, 4]
    with pytest.raises(ValueError, match="8 steps do not leave 1e-09"):
        bowl.steps_to(1e-9, path)


def test_errors_name_their_cause():
    zero = torch.zeros(1)
    for walk in (gradient_descent, heavy_ball, adam):
        with pytest.raises(ValueError, match="learning rate must be positive"):
            walk(lambda theta: theta, zero, -0.1, 3)
        with pytest.raises(ValueError, match="steps must be 0 or more"):
            walk(lambda theta: theta, zero, 0.1, -1)
    with pytest.raises(ValueError, match="beta must lie in"):
        heavy_ball(lambda theta: theta, zero, 0.1, 3, beta=1.0)
    with pytest.raises(ValueError, match="curvature must be positive"):
        stability_limit(0.0)
