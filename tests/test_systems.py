"""Classical systems: exact solutions satisfy the equations, invariants are constant on them."""

import math

import pytest
import torch

from course_lib import systems
from course_lib.systems import SYSTEMS, System

MADE = {name: factory() for name, factory in SYSTEMS.items()}
VARIANTS = {
    **MADE,
    "decay": systems.exponential(-0.7),
    "fast logistic": systems.logistic(r=2.5, K=7.0),
    "seasons": systems.seasonal_logistic(r=0.6, K=30.0, amplitude=0.5, omega=2.0),
    "spring": systems.harmonic(2.3),
    "eccentric": systems.kepler(0.8),
    "circular": systems.kepler(0.0),
}
EXACT = sorted(name for name, s in VARIANTS.items() if s.exact is not None)
CONSERVED = sorted(name for name, s in VARIANTS.items() if s.invariant is not None)


def starts(system: System) -> torch.Tensor:
    """Three starts near the default one, `[3, d]`, float64."""
    noise = torch.rand(
        3, system.dim, generator=torch.Generator().manual_seed(1), dtype=torch.double
    )
    return system.y0.double() * (1 + 0.1 * (noise - 0.5)) + 0.01 * (noise - 0.5)


@pytest.mark.parametrize("name", EXACT)
def test_exact_solution_satisfies_the_equation_and_its_start(name):
    system = VARIANTS[name]
    y0 = starts(system)
    assert torch.allclose(system.exact(0.0, y0), y0, atol=1e-12)
    for share in (0.03, 0.21, 0.5, 0.77, 1.0):
        t = torch.tensor(share * system.t_span[1], dtype=torch.double)
        y, slope = torch.func.jvp(lambda s: system.exact(s, y0), (t,), (torch.ones_like(t),))
        f = system.func(t, y)
        assert torch.allclose(slope, f, rtol=1e-9, atol=1e-9), (name, share, slope, f)


def test_the_check_above_would_notice_a_wrong_solution():
    system = systems.logistic(r=1.0, K=100.0)
    wrong = systems.logistic(r=1.01, K=100.0).exact
    t, y0 = torch.tensor(2.0).double(), torch.tensor([10.0]).double()
    y, slope = torch.func.jvp(lambda s: wrong(s, y0), (t,), (torch.ones_like(t),))
    assert not torch.allclose(slope, system.func(t, y), rtol=1e-3)


@pytest.mark.parametrize("name", EXACT)
def test_exact_solution_shapes_and_dtype(name):
    system = VARIANTS[name]
    y0 = starts(system)
    times = torch.linspace(0, system.t_span[1], 7)
    assert system.exact(0.5, y0[0]).shape == (system.dim,)
    assert system.exact(times, y0[0]).shape == (7, system.dim)
    assert system.exact(times, y0).shape == (7, 3, system.dim)
    assert system.exact(times, y0.float()).dtype == torch.float32
    assert torch.allclose(system.exact(times.double(), y0)[4], system.exact(times.double()[4], y0))


@pytest.mark.parametrize("name", CONSERVED)
def test_invariant_does_not_change_along_the_field(name):
    """d/dt I(y(t)) = ∇I·f = 0 at every state, which is stronger than along one trajectory."""
    system = VARIANTS[name]
    y = starts(system)
    gradient = torch.func.vmap(torch.func.grad(lambda s: system.invariant(s)))(y)
    rate = (gradient * system.func(0.0, y)).sum(-1)
    scale = (gradient * system.func(0.0, y)).abs().sum(-1)
    assert bool((rate.abs() <= 1e-12 * (1 + scale)).all()), (name, rate)


@pytest.mark.parametrize("name", sorted(set(EXACT) & set(CONSERVED)))
def test_invariant_is_constant_along_the_exact_solution(name):
    system = VARIANTS[name]
    times = torch.linspace(0, system.t_span[1], 50, dtype=torch.double)
    values = system.invariant(system.exact(times, system.y0.double()))
    assert float((values - values[0]).abs().max()) < 1e-10 * (1 + float(values[0].abs()))


def test_kepler_conserves_angular_momentum_and_has_period_two_pi():
    system = systems.kepler(0.6)
    y0 = torch.tensor([0.4, 0.0, 0.0, 2.0], dtype=torch.double)  # perihelion 1 − e, exactly
    y = system.exact(torch.linspace(0, 2 * math.pi, 33, dtype=torch.double), y0)
    momentum = y[:, 0] * y[:, 3] - y[:, 1] * y[:, 2]
    assert torch.allclose(momentum, momentum[:1].expand(33), atol=1e-12)
    assert torch.allclose(y[-1], y0, atol=1e-10)
    assert float((y[16] - y0).abs().max()) > 0.5  # and it has moved meanwhile


@pytest.mark.parametrize("name", sorted(MADE))
def test_func_takes_batches_and_follows_dtype(name):
    system = MADE[name]
    y = torch.stack([system.y0.double(), 1.1 * system.y0.double()])
    batch = system.func(0.3, y)
    assert batch.shape == (2, system.dim) and batch.dtype == torch.double
    assert torch.allclose(batch[1], system.func(0.3, y[1]))
    assert torch.allclose(batch[1], system.func(torch.tensor(0.3, dtype=torch.double), y[1]))
    assert system.func(0.3, system.y0.float()).dtype == torch.float32


@pytest.mark.parametrize("name", sorted(MADE))
def test_description_is_complete(name):
    system = MADE[name]
    assert len(system.labels) == system.dim == system.y0.shape[0]
    assert system.t_span[0] == 0.0 < system.t_span[1]
    assert system.xlim[0] < system.xlim[1] and system.ylim[0] < system.ylim[1]
    assert "$" not in system.formula and "dot" in system.formula
    assert system.name and system.parameters
    if system.dim > 1:
        assert max(system.axes) < system.dim and system.axes[0] != system.axes[1]


def test_known_values():
    pair = systems.lotka_volterra(1.0, 0.1, 1.5, 0.075)
    assert torch.allclose(pair.func(0, torch.tensor([20.0, 10.0])), torch.zeros(2), atol=1e-6)
    assert float(systems.logistic(1.0, 100.0).exact(math.log(9), torch.tensor([10.0]))) == (
        pytest.approx(50.0, rel=1e-6)  # from a tenth of K it takes ln 9 to reach half of K
    )
    wings = math.sqrt(8 / 3 * 27)
    rest = torch.tensor([wings, wings, 27.0])
    assert torch.allclose(systems.lorenz().func(0, rest), torch.zeros(3), atol=1e-4)
    ring = systems.van_der_pol(2.0).func(0, torch.tensor([2.0, 1.0]))
    assert ring.tolist() == [1.0, -8.0]  # damped where |x| > 1: 2 (1 − 4) − 2
    band = systems.rossler(0.2, 0.3, 5.0).func(0, torch.tensor([1.0, 2.0, 3.0]))
    assert band.tolist() == pytest.approx([-5.0, 1.4, 0.3 - 12.0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: systems.logistic(K=0.0), "K must be positive"),
        (lambda: systems.harmonic(-1.0), "omega must be positive"),
        (lambda: systems.lotka_volterra(beta=0.0), "beta must be positive"),
        (lambda: systems.seasonal_logistic(omega=0.0), "omega must be positive"),
        (lambda: systems.kepler(1.0), r"eccentricity must lie in \[0, 1\)"),
        (lambda: systems.kepler().exact(1.0, torch.tensor([1.0, 0, 0, 2.0])), "unbound orbit"),
    ],
)
def test_bad_parameters_are_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()
