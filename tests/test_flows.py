"""Flows: traces against autograd, determinants against slogdet, log p against known densities."""

import math

import pytest
import torch
from torch.autograd.functional import jacobian

from course_lib.densities import standard_normal
from course_lib.flows import (
    AutogradTrace,
    ClosedFormTrace,
    ContinuousFlow,
    HutchinsonTrace,
    PlanarFlow,
    PlanarLayer,
    TanhField,
    standard_log_prob,
)
from course_lib.gradients import odeint_adjoint, odeint_discrete_adjoint

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def lively(dim=3, hidden=(16, 12), seed=0):
    return TanhField(dim, hidden, first=2.0, last=2.0, generator=seeded(seed))


def points(n=7, dim=3, seed=1):
    return torch.randn(n, dim, generator=seeded(seed))


# --- traces --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [[16], [16, 12]])
def test_closed_form_is_the_trace_of_the_jacobian(hidden):
    field, x = lively(hidden=hidden), points()
    J = torch.stack([jacobian(lambda y: field(0.3, y), row) for row in x])
    found, slow = field.divergence(0.3, x), field.divergence(0.3, x, jacobian=True)
    assert torch.allclose(field.jacobian(0.3, x), J)
    for trace in (found.trace, slow.trace, AutogradTrace()(field, 0.3, x).trace):
        assert torch.allclose(trace, J.diagonal(dim1=1, dim2=2).sum(1))
    by_autograd = AutogradTrace()(field, 0.3, x, jacobian=True)
    assert torch.allclose(slow.jacobian, J.square().sum((1, 2)))
    assert torch.allclose(by_autograd.jacobian, slow.jacobian)
    assert torch.allclose(found.f, field(0.3, x)) and found.jacobian is None


def test_time_is_an_input_of_the_field():
    field, x = lively(), points()
    assert (field(0.0, x) - field(1.0, x)).abs().max() > 0.1
    assert torch.equal(field(0.5, x), field(torch.tensor(0.5), x))


@pytest.mark.parametrize("noise", ["rademacher", "gaussian"])
def test_hutchinson_is_unbiased(noise):
    field, x, n = lively(), points(1), 20_000
    exact = field.divergence(0.3, x, jacobian=True)
    trace = HutchinsonTrace(noise, seeded(2))
    many = x.expand(n, 3)
    trace.start(many)
    found = trace(field, 0.3, many, jacobian=True)
    for estimates, value in ((found.trace, exact.trace), (found.jacobian, exact.jacobian)):
        error = estimates.std().item() / math.sqrt(n)
        assert abs(estimates.mean().item() - value.item()) < 4 * error
    assert torch.allclose(found.f, exact.f.expand(n, 3))


def test_hutchinson_keeps_its_noise_within_a_solve_and_changes_it_between():
    trace, x = HutchinsonTrace(generator=seeded()), points(50)
    flow = ContinuousFlow(lively(), dim=3, steps=4, trace=trace)
    with torch.no_grad():
        first = flow.log_prob(x)
        kept = trace.epsilon.clone()
        trace(flow.field, 0.1, x)
        assert torch.equal(trace.epsilon, kept)
        assert set(kept.unique().tolist()) == {-1.0, 1.0}
        assert not torch.allclose(flow.log_prob(x), first)
    with pytest.raises(RuntimeError, match="call start"):
        trace(flow.field, 0.0, points(3))


def test_all_traces_have_the_same_gradients():
    field, x = lively(), points()
    results = []
    for trace in (ClosedFormTrace(), AutogradTrace()):
        sums = ContinuousFlow(field, dim=3, steps=5, trace=trace).integrate(
            x, 1.0, 0.0, ["kinetic", "jacobian"]
        )
        total = (sums.log_det + sums.kinetic + sums.jacobian).sum()
        results.append(torch.autograd.grad(total, field.parameters()))
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(*results, strict=True))


def test_gradients_of_an_estimate_pass_through_the_points():
    """A path depends on the parameters, so f and εᵀJε must have their derivatives by x too."""
    field, x = lively(), points().requires_grad_()
    trace = HutchinsonTrace(generator=seeded(2))
    trace.start(x)
    found, e = trace(field, 0.3, x, jacobian=True), trace.epsilon
    J = field.jacobian(0.3, x)
    row = torch.einsum("ni,nij->nj", e, J)
    wanted = ((row * e).sum(1), row.square().sum(1), field(0.3, x))
    for mine, known in zip((found.trace, found.jacobian, found.f), wanted, strict=True):
        (a,) = torch.autograd.grad(mine.sum(), x, retain_graph=True)
        (b,) = torch.autograd.grad(known.sum(), x, retain_graph=True)
        assert torch.allclose(mine, known) and torch.allclose(a, b)


def test_trace_of_a_field_that_ignores_x_is_zero():
    x = points()
    assert torch.equal(AutogradTrace()(lambda t, x: torch.ones(7, 3), 0, x).trace, torch.zeros(7))


# --- planar flows --------------------------------------------------------------------------------


def wild_planar(K=5):
    flow = PlanarFlow(K, generator=seeded())
    with torch.no_grad():
        for layer in flow.layers:
            layer.free.mul_(30)
            layer.w.mul_(2)
    return flow


def test_planar_determinants_and_inverse():
    flow, x = wild_planar(), points(20, 2)
    z, log_det = flow.inverse(x)
    J = torch.stack([jacobian(lambda y: flow.inverse(y)[0], row) for row in x])
    sign, size = torch.linalg.slogdet(J)
    assert torch.allclose(log_det, size) and (sign == 1).all()
    assert torch.allclose(flow(z), x, atol=1e-12)
    assert torch.allclose(flow.log_prob(x), standard_log_prob(z) + size)


def test_planar_layer_stays_invertible_whatever_its_parameters():
    layer = PlanarLayer(2, generator=seeded())
    for free in ([-9.0, 3.0], [50.0, 0.0], [0.0, -70.0]):
        layer.free.data = torch.tensor(free)
        along = torch.tensor(free) @ layer.w
        assert torch.allclose(layer.u() @ layer.w, -1 + torch.log1p(along.exp()))
        assert layer.u() @ layer.w >= -1
    layer.free.data = -40 * layer.w.data  # as it stands it would fold the plane
    x = points(50, 2)
    assert layer.free @ layer.w < -1
    assert torch.allclose(layer.inverse(layer(x)[0]), x, atol=1e-7)


def test_planar_samples_come_from_its_density():
    """Self-consistency: E[log p] by samples is −∫ p log p on a grid, and ∫ p = 1."""
    flow = wild_planar(3)
    line = torch.linspace(-12, 12, 481)
    grid = torch.cartesian_prod(line, line)
    with torch.no_grad():
        log_p, area = flow.log_prob(grid), 0.05**2
        assert (log_p.exp().sum() * area).item() == pytest.approx(1, abs=1e-3)
        cost = -flow.log_prob(flow.sample(4000, seeded(4)))
    entropy = -(log_p.exp() * log_p).sum().item() * area
    assert abs(cost.mean().item() - entropy) < 4 * cost.std().item() / 63


# --- continuous flows ----------------------------------------------------------------------------


def test_linear_field_makes_the_gaussian_it_should():
    """x' = A x: x(T) ~ N(0, e^{AT} e^{AᵀT}), whose log p is known."""
    A, T = torch.tensor([[0.3, -1.0], [0.5, -0.2]]), 1.5
    flow = ContinuousFlow(lambda t, x: x @ A.T, T=T, rtol=1e-9, atol=1e-9)
    M = torch.linalg.matrix_exp(A * T)
    exact = torch.distributions.MultivariateNormal(torch.zeros(2), M @ M.T)
    x = points(20, 2)
    assert torch.allclose(flow.log_prob(x), exact.log_prob(x), atol=1e-7)
    assert torch.allclose(flow(x), x @ M.T, atol=1e-7)
    half = torch.linalg.matrix_exp(A * 0.5)
    on_the_way = torch.distributions.MultivariateNormal(torch.zeros(2), half @ half.T)
    assert torch.allclose(flow.log_prob(x, t=0.5), on_the_way.log_prob(x), atol=1e-7)
    assert torch.equal(flow.log_prob(x, t=0.0), standard_log_prob(x))
    wrong_sign = standard_log_prob(flow.inverse(x)) - flow.integrate(x, T, 0.0).log_det
    assert (wrong_sign - exact.log_prob(x)).abs().min() > 0.1


def test_penalties_are_integrals_along_the_path():
    """x' = c: ∫ ‖f‖² = T‖c‖²; x' = A x: ∫ ‖J‖² = T‖A‖², in both directions of time."""
    c, A = torch.tensor([3.0, 4.0]), torch.tensor([[0.0, 1.0], [-2.0, 0.0]])
    for start, end in ((2.0, 0.0), (0.0, 2.0)):
        straight = ContinuousFlow(lambda t, x: c.expand_as(x), T=2.0, steps=3)
        sums = straight.integrate(points(4, 2), start, end, ["kinetic"])
        assert torch.allclose(sums.kinetic, torch.full((4,), 50.0)) and sums.jacobian is None
        turning = ContinuousFlow(lambda t, x: x @ A.T, T=2.0, steps=3)
        sums = turning.integrate(points(4, 2), start, end, ["jacobian", "kinetic"])
        assert torch.allclose(sums.jacobian, torch.full((4,), 10.0))


def test_start_equal_to_end_changes_nothing():
    sums = ContinuousFlow(lively(), dim=3, steps=2).integrate(points(), 0.5, 0.5, ["kinetic"])
    assert torch.equal(sums.x, points()) and sums.log_det.abs().max() == sums.kinetic.max() == 0


def test_solved_by_shares_the_field_and_counts_anew():
    flow = ContinuousFlow(lively(2), steps=5)
    fine = flow.solved_by(rtol=1e-8, atol=1e-8)
    x = points(9, 2)
    with torch.no_grad():
        flow.log_prob(x)
        assert (flow.calls, fine.calls) == (20, 0)
        assert (fine(fine.inverse(x)) - x).abs().max() < 1e-5
    assert fine.field is flow.field and fine.calls > 20
    assert (flow.options["method"], "method" in fine.options) == ("rk4", False)
    estimate = HutchinsonTrace()
    assert flow.solved_by(steps=5, trace=estimate).trace is estimate
    assert fine.trace is flow.trace


@pytest.mark.parametrize("solve", [odeint_adjoint, odeint_discrete_adjoint])
def test_adjoints_give_the_gradient_of_log_p(solve):
    field, x = lively(2), points(9, 2)
    gradients = []
    for chosen in ({}, {"solve": solve}):
        flow = ContinuousFlow(field, steps=40, **chosen)
        gradients.append(torch.autograd.grad(flow.log_prob(x).sum(), field.parameters()))
    tolerance = 1e-4 if solve is odeint_adjoint else 1e-10
    assert all(torch.allclose(a, b, atol=tolerance) for a, b in zip(*gradients, strict=True))


def test_samples_follow_the_generator_and_the_precision():
    flow = ContinuousFlow(lively(2), steps=4).float()
    with torch.no_grad():
        first, again = flow.sample(5, seeded(3)), flow.sample(5, seeded(3))
    assert torch.equal(first, again) and first.dtype == torch.float32


def test_standard_log_prob():
    x = points(5, 2)
    assert torch.allclose(standard_log_prob(x), standard_normal().log_prob(x))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: TanhField(2, [8, 8, 8]), ValueError, "one or two hidden"),
        (lambda: PlanarFlow(0), ValueError, "at least one layer"),
        (lambda: ContinuousFlow(lively(2), T=0.0), ValueError, "positive"),
        (lambda: ContinuousFlow(lively(2), steps=0), ValueError, "steps ≥ 1"),
        (lambda: ContinuousFlow(lively(2), steps=3, rtol=1e-3), ValueError, "not both"),
        (lambda: ContinuousFlow(lively(2), steps=3).log_prob(points(5, 3)), ValueError, "points"),
        (
            lambda: ContinuousFlow(lively(2), steps=3).integrate(points(5, 2), 1, 0, ["energy"]),
            ValueError,
            "energy",
        ),
        (lambda: HutchinsonTrace("uniform"), ValueError, "rademacher"),
        (lambda: ClosedFormTrace()(lambda t, x: x, 0, points()), TypeError, "AutogradTrace"),
        (lambda: AutogradTrace()(lambda t, x: x[:, :1], 0, points()), ValueError, "returns"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
