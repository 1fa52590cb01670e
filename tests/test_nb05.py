"""Notebook 05: every numbered equation is checked, and its widget and stored tables keep step.

Orders, inverses and regions of the schemes themselves are in test_schemes.py.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_lib import results, systems
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises.nb05 import antisymmetric, resnet_states, revnet_inverse
from course_lib.metrics import accuracy
from course_lib.schemes import ZOO, HamiltonianField, SmoothField, linear_multistep, solve
from course_lib.schemes.zoo import _roots
from course_lib.solvers import odeint
from course_lib.widgets import layers_explorer, nb05

NOTEBOOK = NOTEBOOKS_DIR / "05_resnets_are_euler.ipynb"


pytestmark = pytest.mark.usefixtures("float64")


# --- from layers to an equation ------------------------------------------------------------------


def test_layers_are_euler_steps():
    """(5.1), (5.2): the learner's network, the library's scheme and `odeint` agree."""
    field = SmoothField(2, 8, generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    x0, times = torch.ones(3, 2), torch.linspace(0, 1.5, 7)
    ours = resnet_states(field, x0, 6, 1.5)
    assert torch.allclose(ours, solve(ZOO["resnet"], field, x0, 6, (0.0, 1.5)))
    theirs = odeint(field, x0, times, method="euler", options={"step_size": 0.25})
    assert torch.allclose(ours, theirs)


def test_smooth_field_is_the_formula():
    """(5.3): V(t) tanh(W(t) x + b(t)) with weights quadratic in t."""
    field, t, x = SmoothField(2, 4), 0.3, torch.tensor([0.5, -1.0])
    with torch.no_grad():
        for weight in (field.V, field.W, field.b):
            weight.coefficients.normal_(generator=torch.Generator().manual_seed(1))
        V, W, b = (
            c[0] + t * c[1] + t**2 * c[2]
            for c in (field.V.coefficients, field.W.coefficients, field.b.coefficients)
        )
        assert torch.allclose(field(t, x), V @ torch.tanh(W @ x + b))


def test_distance_to_the_flow_is_bounded():
    """(5.4): on ẋ = −x, where M = L = 1, the bound holds, and halves with the layers."""
    gaps = []
    for D in (10, 20, 40):
        end = resnet_states(lambda t, x: -x, torch.ones(1), D)[-1].item()
        gaps.append(abs(end - math.exp(-1)))
        assert gaps[-1] <= (math.e - 1) / (2 * D)
    assert gaps[1] / gaps[2] == pytest.approx(2, abs=0.1)


def test_increment_is_not_the_derivative():
    """(5.5): F/Δt differs from f by Δt/2 · f′f, up to O(Δt²)."""
    f, x, dt = systems.van_der_pol(1.0).func, torch.tensor([0.5, 1.0]), 1e-3
    ahead = odeint(f, x, torch.tensor([0.0, dt]), rtol=1e-12, atol=1e-14)[-1]
    jacobian = torch.autograd.functional.jacobian(lambda x: f(0.0, x), x)
    expected = f(0.0, x) + dt / 2 * jacobian @ f(0.0, x)
    assert torch.allclose((ahead - x) / dt, expected, atol=2e-6)
    assert not torch.allclose((ahead - x) / dt, f(0.0, x), atol=1e-4)


# --- schemes -------------------------------------------------------------------------------------


def test_neumann_series_and_what_is_cut_off():
    """(5.7), (5.8): PolyNet is the series' first three terms; the rest is z³/(1 − z)."""
    A, x, h = torch.tensor([[-1.0, 2.0], [-2.0, -1.0]]), torch.ones(2), 0.1
    series = x + h * A @ x + h**2 * A @ A @ x
    for key in ("polynet", "polynet_published"):
        assert torch.allclose(solve(ZOO[key], lambda t, x: A @ x, x, 1, (0.0, h))[-1], series)
    for z in (0.3, -0.5 + 0.2j):
        assert 1 / (1 - z) - (1 + z + z**2) == pytest.approx(z**3 / (1 - z))


def test_stability_asks_for_all_factors():
    """(5.6), (5.12): the factors are the roots, and midpoint's product is −1."""
    for k, z in ((0.3, -0.4), (1.0, 0.2j), (1.0, -0.1)):
        roots = linear_multistep(k).factors(np.asarray(z, complex))
        for root in roots:
            assert root**2 == pytest.approx((1 - k + (1 + k) * z) * root + k)
        assert roots.prod() == pytest.approx(-k)
    assert np.abs(_roots(np.asarray(0.5), np.asarray(0.5))).tolist() == [1.0, 0.5]  # echo: −k


def test_a_double_root_on_the_circle_grows():
    """(5.6): two-step midpoint at z = i has the double root i, and |x_n| grows like n."""
    assert np.allclose(linear_multistep(1.0).factors(np.asarray(1j)), 1j)

    def swing(t, x):
        return torch.stack([x[..., 1], -x[..., 0]], -1)

    ends = [
        solve(linear_multistep(1.0), swing, torch.tensor([1.0, 0.0]), n, (0.0, n))[-1].norm()
        for n in (100, 200)
    ]
    assert ends[1] / ends[0] == pytest.approx(2, abs=0.1)


def test_revnet_block_and_its_inverse():
    """(5.9): the inverse undoes the two lines, whatever the branches."""
    F, G = torch.sin, lambda x: x**2
    a, b = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    a_new = a + F(b)
    b_new = b + G(a_new)
    for half, back in zip((a, b), revnet_inverse(F, G, a_new, b_new), strict=True):
        assert torch.allclose(half, back)


def test_fixed_point_iteration():
    """(5.10): the error shrinks at least by L; and x − 2 tanh x has no inverse."""
    L, x = 0.7, torch.randn(20, generator=torch.Generator().manual_seed(0))
    target = guess = x + torch.tanh(L * x)
    for _ in range(20):
        before = (guess - x).abs()
        guess = target - torch.tanh(L * guess)
        assert bool(((guess - x).abs() <= L * before + 1e-15).all())
    assert 1.915 - 2 * math.tanh(1.915) == pytest.approx(0, abs=1e-3)


def test_a_whole_resnet_is_undone_layer_by_layer():
    """(5.10): with hL < 1 in every block; without the contraction it is not."""

    def way_back(scale, D=20):
        field = SmoothField(4, 16, generator=torch.Generator().manual_seed(0))
        x0 = torch.randn(10, 4, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            field.V.coefficients.mul_(scale)
            guess = resnet_states(field, x0, D)[-1]
            for n in reversed(range(D)):
                target = guess
                for _ in range(20):
                    guess = target - field(n / D, guess) / D
        return (guess - x0).abs().max()

    assert way_back(1.0) < 1e-12 < 0.1 < way_back(100.0)


def test_linear_multistep_forms():
    """(5.11), (5.13): with 1+k it solves ẋ = f, as published (1+k)ẋ = f."""
    k, n = 0.6, 4000
    for published, rate in ((False, 1.0), (True, 1 / (1 + k))):
        scheme = linear_multistep(k, published)
        end = solve(scheme, lambda t, x: -x, torch.ones(1), n)[-1].item()
        assert end == pytest.approx(math.exp(-rate), abs=1e-3)
        x, before, h = torch.tensor([0.7]), torch.tensor([0.9]), 0.1
        step = scheme.advance(lambda t, x: -x, 0.0, (x, before), h)[0]
        c = 1.0 if published else 1 + k
        assert torch.allclose(step, (1 - k) * x + k * before - c * h * x)


def test_antisymmetric_weights():
    """(5.14): all eigenvalues of K − Kᵀ − γI have real part −γ."""
    K = torch.randn(7, 7, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.eigvals(antisymmetric(K, 0.25))
    assert torch.allclose(values.real, torch.full((7,), -0.25))


def test_energy():
    """(5.15): the flow conserves H, leapfrog nearly, Euler not at all."""
    field = HamiltonianField(4, 6, degree=0, generator=torch.Generator().manual_seed(3))
    field.requires_grad_(False)
    x0 = torch.tensor([1.0, -0.5, 0.3, 2.0])
    flow = odeint(field, x0, torch.tensor([0.0, 20.0]), rtol=1e-10, atol=1e-10)
    energy = field.energy(0.0, flow)
    assert energy[1] == pytest.approx(energy[0].item(), abs=1e-7)
    drift = {}
    for key in ("resnet", "leapfrog"):
        H = field.energy(0.0, solve(ZOO[key], field, x0, 200, (0.0, 20.0)))
        drift[key] = (H - H[0]).abs().max().item()
    assert drift["leapfrog"] < 0.1 < 100 * drift["leapfrog"] < 1e3 * drift["resnet"]


def test_stochastic_depth_in_the_weak_sense():
    """(5.16): variance h p (1−p) e^(−2p) for ẋ = −x, from runs and from the moments."""
    p, D = 0.8, 40
    scheme = ZOO["stochastic_depth"]
    torch.manual_seed(0)
    ends = solve(scheme, lambda t, x: -x, torch.ones(100_000, 1), D)[-1]
    expected = math.exp(-2 * p) * (math.exp(p * (1 - p) / D) - 1)
    assert ends.var().item() == pytest.approx(expected, rel=0.05)
    assert ends.mean().item() == pytest.approx((1 - p / D) ** D, abs=1e-3)
    # Paths tend to the thinned one: four times the layers, half the scatter.
    finer = solve(scheme, lambda t, x: -x, torch.ones(20_000, 1), 4 * D)[-1]
    assert ends.std() / finer.std() == pytest.approx(2, rel=0.05)
    assert scheme.at_test is not None


# --- widget and stored tables --------------------------------------------------------------------


def test_explorer_shows_what_the_text_says():
    """The 32-layer net keeps its accuracy with more layers; its paths approach the flow."""
    known = nb05._accuracies(32)
    assert known[31] == pytest.approx(known[63], abs=0.02) and known[0] < known[31]
    far, near = ((nb05._layers(32, D)[-1] - nb05._flow(32)[-1]).norm(dim=1).mean() for D in (8, 64))
    assert near < far / 4
    text = layers_explorer.draw(plt.figure(), 4, 32)
    assert f"{known[3]:.2f}" in text


def test_stored_weights_have_the_stored_accuracy():
    x, y = nb05._points()
    for row in results.load("layers")["rows"]:
        net = nb05.trained_net(row["steps"])
        assert accuracy(net(x), y) == pytest.approx(row["accuracy"][0], abs=0.01)


def test_stored_zoo_has_every_scheme_at_the_same_budget():
    rows = {row["key"]: row for row in results.load("zoo")["rows"]}
    assert set(rows) == {*ZOO, "unconstrained"}
    for key, scheme in ZOO.items():
        assert rows[key]["steps"] * scheme.evaluations == 12
        assert rows[key]["parameters"] == pytest.approx(3120, rel=0.02)
