"""The zoo of schemes: order, equation, cost, inverse, stability, for every entry of one list."""

import math

import numpy as np
import pytest
import torch

from course_lib.nets import count_parameters
from course_lib.schemes import (
    ZOO,
    AntisymmetricField,
    HamiltonianField,
    PartitionedField,
    SchemeNet,
    SmoothField,
    field_for,
    linear_multistep,
    reconstruct,
    solve,
    spectral_radius,
    stochastic_depth,
    zoo_table,
)
from course_lib.solvers import odeint

EXACT = [key for key in ZOO if key != "stochastic_depth"]
each = pytest.mark.parametrize("key", ZOO)


pytestmark = pytest.mark.usefixtures("float64")


def driven(t, x):
    q, v = x.unbind(-1)
    return torch.stack([v, 0.5 * math.cos(t) - torch.sin(q)], -1)


def slope(scheme, limit, counts=(32, 64, 128)):
    start = torch.tensor([[1.0, 0.5]])
    func = lambda t, x: limit(float(t), x)  # noqa: E731
    truth = odeint(func, start, torch.tensor([0.0, 2.0]), rtol=1e-12, atol=1e-13)[-1]
    copies = 20_000 if scheme.key == "stochastic_depth" else 1
    torch.manual_seed(0)
    ends = [solve(scheme, driven, start.expand(copies, 2), n, (0.0, 2.0))[-1] for n in counts]
    errors = [(end.mean(0) - truth).norm().item() for end in ends]
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


def test_times_at_which_a_scheme_asks():
    """Truncated implicit Euler asks at the end of its step; leapfrog is undone with its clock."""
    nested = solve(ZOO["polynet"], lambda t, x: torch.full_like(x, t), torch.zeros(1), 2)
    assert nested[:, 0].tolist() == [0.0, 0.25, 0.75]
    swing = lambda t, x: torch.stack([x[..., 1] * (1 + t), -x[..., 0] * math.exp(t)], -1)  # noqa: E731
    states, memory = solve(ZOO["leapfrog"], swing, torch.ones(2), 7, return_memory=True)
    assert torch.allclose(reconstruct(ZOO["leapfrog"], swing, memory, 7), states)


@each
def test_order_against_its_own_equation(key):
    assert slope(ZOO[key], ZOO[key].limit(driven)) == pytest.approx(ZOO[key].order, abs=0.15)


@pytest.mark.parametrize("key", ["polynet_published", "lm_published", "stochastic_depth"])
def test_what_solves_another_equation_does_not_solve_this_one(key):
    assert ZOO[key].equation != r"\dot x = f"
    assert slope(ZOO[key], driven) < 0.3


@each
def test_calls_in_a_step(key):
    """The table's calls are those made; of a partitioned field each half counts a half."""
    calls = []

    class Counted:
        def first(self, t, b):
            calls.append(0.5)
            return b

        def second(self, t, a):
            calls.append(0.5)
            return -a

        def __call__(self, t, x):
            calls.append(1.0)
            return -x

    solve(ZOO[key], Counted(), torch.ones(4, 2), 6)
    assert sum(calls) == 6 * ZOO[key].evaluations


@pytest.mark.parametrize("key", EXACT)
def test_factors_are_what_a_step_multiplies_by(key):
    """Long runs on ẋ = λx grow by the largest factor in every step, and no faster."""
    scheme, z, steps = ZOO[key], -0.4 + 0.9j, 120

    def field(t, x):
        return torch.cat([x[1:], x[:1]]) * z if scheme.field == "partitioned" else x * z

    x = solve(scheme, field, torch.tensor([1.0, 0.3 + 0.2j]), steps, (0.0, steps))
    measured = (x[-1].norm() / x[-41].norm()).item() ** (1 / 40)
    assert measured == pytest.approx(float(spectral_radius(scheme, z)), rel=0.02)


def test_mean_square_factor_of_stochastic_depth():
    thinned, z = stochastic_depth(0.7, torch.Generator().manual_seed(0)), -0.8
    x = solve(thinned, lambda t, x: z * x, torch.ones(200_000, 1), 3, (0.0, 3.0))[-1]
    measured = x.square().mean().item() ** (1 / 6)
    assert measured == pytest.approx(float(spectral_radius(thinned, z)), rel=0.01)


@pytest.mark.parametrize("key", [key for key in ZOO if ZOO[key].retreat])
def test_inverse(key):
    generator = torch.Generator().manual_seed(0)
    field = PartitionedField(6, 12, generator=generator).requires_grad_(False)
    states, memory = solve(ZOO[key], field, torch.randn(5, 6, generator=generator), 20, (0.5, 1.5),
                           return_memory=True)  # fmt: skip
    back = reconstruct(ZOO[key], field, memory, 20, (0.5, 1.5))
    assert back.shape == states.shape
    # LM divides by k in every step back: 2²⁰ roundings, about 1e-10.
    assert (back - states).abs().max() < (1e-8 if "lm" in key else 1e-12)


def test_no_inverse_without_a_partition():
    """RevNet's inverse needs halves that don't move themselves: a generic field breaks it."""
    field = SmoothField(4, 8, generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    states, memory = solve(ZOO["revnet"], field, torch.ones(2, 4), 5, return_memory=True)
    assert (reconstruct(ZOO["revnet"], field, memory, 5) - states).abs().max() > 1e-3


def test_linear_multistep_takes_what_is_published():
    """LM-ResNet's k starts in [−0.1, 0]; 0 is Euler; every k of (−1, 1] has its order."""
    for k, order in ((-0.5, 1), (-0.1, 1), (0.0, 1), (0.3, 1), (1.0, 2)):
        assert slope(linear_multistep(k), lambda t, x: driven(t, x)) == pytest.approx(
            order, abs=0.15
        )
    start = torch.tensor([[1.0, 0.5]])
    euler, same = (solve(s, driven, start, 9) for s in (ZOO["resnet"], linear_multistep(0.0)))
    assert torch.allclose(euler, same)


def test_energy_of_far_states_is_finite():
    """log cosh grows like |x|; computed by cosh it would overflow in single precision."""
    field = HamiltonianField(2, 4, degree=0, generator=torch.Generator().manual_seed(0)).float()
    near, far = (field.energy(0.0, size * torch.ones(2, dtype=torch.float32)) for size in (5, 5e3))
    assert torch.isfinite(far) and 500 < far / near < 2000


def test_known_regions():
    assert spectral_radius(ZOO["resnet"], -2.0) == pytest.approx(1)
    assert spectral_radius(ZOO["polynet"], -1.0) == pytest.approx(1)
    assert spectral_radius(ZOO["polynet"], -1.01) > 1 > spectral_radius(ZOO["polynet"], -0.99)
    for key, end in (("revnet", 2.0), ("leapfrog", 2.0), ("midpoint", 1.0)):
        assert spectral_radius(ZOO[key], 0.99j * end) == pytest.approx(1)
        assert spectral_radius(ZOO[key], 1.01j * end) > 1.01
        assert spectral_radius(ZOO[key], -0.1) > 1.01  # nothing that decays


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: solve(ZOO["resnet"], driven, torch.ones(2), 0), "at least one step"),
        (lambda: solve(ZOO["revnet"], driven, torch.ones(3), 1), "even width"),
        (lambda: reconstruct(ZOO["resnet"], driven, (torch.ones(2),), 1), "fixed-point"),
        (lambda: linear_multistep(1.5), "k must lie"),
        (lambda: linear_multistep(-1.0), "k must lie"),
        (lambda: reconstruct(linear_multistep(0.0), driven, (torch.ones(2),), 1), "fixed-point"),
        (
            lambda: SchemeNet(ZOO["resnet"], SmoothField(2, 4), 3, n_in=None, width=2, n_out=1)(
                torch.ones(1, 2), steps=0
            ),
            "at least one step",
        ),
        (lambda: stochastic_depth(0.0), "probability"),
        (lambda: PartitionedField(3, 4), "even width"),
        (lambda: HamiltonianField(3, 4), "even width"),
    ],
)
def test_bad_input_is_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- fields and networks -------------------------------------------------------------------------


@each
def test_fields_have_nearly_the_same_number_of_parameters(key):
    assert count_parameters(field_for(ZOO[key], 32)) == pytest.approx(3120, rel=0.02)


def test_weights_are_polynomials_in_depth():
    field = SmoothField(3, 5, degree=2)
    with torch.no_grad():
        field.W.coefficients.copy_(torch.arange(3.0)[:, None, None].expand(3, 5, 3))
    assert torch.allclose(field.W(0.5), torch.full((5, 3), 0 + 0.5 * 1 + 0.25 * 2))


def test_hamiltonian_field_is_the_gradient_turned():
    field = HamiltonianField(4, 6, generator=torch.Generator().manual_seed(1))
    x = torch.randn(3, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(field.energy(0.3, x).sum(), x)
    of_a, of_b = slope.chunk(2, -1)
    assert torch.allclose(field(0.3, x), torch.cat([of_b, -of_a], -1))


def test_antisymmetric_eigenvalues():
    field = AntisymmetricField(8, damping=0.3, generator=torch.Generator().manual_seed(2))
    values = torch.linalg.eigvals(field.matrix(0.0).detach())
    assert torch.allclose(values.real, torch.full((8,), -0.3), atol=1e-12)


def test_network_takes_more_layers_and_thins_at_test():
    net = SchemeNet(stochastic_depth(0.5), SmoothField(2, 4), 3, n_in=5, width=2, n_out=7)
    x = torch.randn(4, 5)
    assert net(x).shape == (4, 7) and net.states(x, steps=9).shape == (10, 4, 2)
    net.eval()
    assert torch.equal(net(x), net(x))
    half = solve(ZOO["resnet"], lambda t, x: 0.5 * net.field(t, x), net.stem(x), 3)[-1]
    assert torch.allclose(net(x), net.head(half))


def test_table_has_a_row_for_each():
    rows = zoo_table(ZOO.values(), {"error": {"resnet": "2.4"}}).splitlines()
    assert len(rows) == 2 + len(ZOO)
    assert len({row.count("|") for row in rows}) == 1, "an entry contains a bar"
    assert "| 2.4 |" in rows[2] and "| – |" in rows[3]
