"""The library of sparse identification: candidates, thresholded least squares, choice, shooting."""

import math

import pytest
import torch

from course_lib import sparse
from course_lib.solvers import odeint
from course_lib.sparse import (
    bic,
    equation,
    inclusion,
    monomial_names,
    monomials,
    path,
    shoot,
    stlsq,
)
from course_lib.systems import lotka_volterra

pytestmark = pytest.mark.usefixtures("float64")

SYSTEM = lotka_volterra(alpha=1.3, beta=0.9, gamma=1.8, delta=0.8)
RATES = (1.3, -1.8)


def states(n=40, seed=0):
    return 0.5 + 2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(seed))


def interactions(u):
    product = u.prod(-1)
    return torch.stack([-0.9 * product, 0.8 * product], -1)


def test_candidates_are_what_their_names_say():
    u = states(7)
    x, y = u.T
    named = {"1": x**0, "x": x, "y": y, "x²": x**2, "xy": x * y, "y²": y**2}
    assert list(named) == monomial_names(2)
    torch.testing.assert_close(monomials(u, 2), torch.stack(list(named.values()), -1))
    for degree in range(6):
        names = monomial_names(degree)
        assert monomials(u, degree).shape[-1] == len(names) == len(set(names))


def test_equations_read_well():
    coefs = torch.tensor([-0.12, 0.0, 0.5, 0.0, -0.9, 0.0])
    assert equation(coefs, monomial_names(2)) == "−0.12 + 0.50 y − 0.90 xy"
    assert equation(-coefs, monomial_names(2)) == "0.12 − 0.50 y + 0.90 xy"
    assert equation(0 * coefs, monomial_names(2)) == "0"


def test_exact_values_give_the_exact_law():
    u = states()
    coefs = stlsq(monomials(u, 3), interactions(u), threshold=0.1)
    assert (coefs != 0).nonzero().tolist() == [[4, 0], [4, 1]]
    torch.testing.assert_close(coefs[4], torch.tensor([-0.9, 0.8]))


def test_the_result_is_a_fixed_point():
    """What is returned is the least-squares fit of its own support, and all of it is large."""
    u = states()
    noise = 0.3 * torch.randn(40, 2, generator=torch.Generator().manual_seed(1))
    theta, values = monomials(u, 2), interactions(u) + noise
    for threshold in (0.02, 0.1, 0.3):
        coefs = stlsq(theta, values, threshold)
        kept = coefs != 0
        assert (coefs[kept].abs() >= threshold).all()
        for j in range(2):
            residual = values[:, j] - theta @ coefs[:, j]
            assert (theta[:, kept[:, j]].T @ residual).abs().max() < 1e-9
    plain = torch.linalg.lstsq(theta, values).solution  # the twin that is never cut
    assert (plain.abs() < 0.3).any()


def test_thresholds_at_the_ends():
    u = states()
    theta = monomials(u, 2)
    torch.testing.assert_close(stlsq(theta, u, 0.0), torch.linalg.lstsq(theta, u).solution)
    assert not stlsq(theta, interactions(u), 5.0).any()


def test_a_path_grows_sparser_and_repeats_nothing():
    u = states()
    noise = 0.3 * torch.randn(40, 2, generator=torch.Generator().manual_seed(1))
    models = path(monomials(u, 2), interactions(u) + noise, [0.5, 0.05, 0.1, 0.2, 0.06])
    sizes = [int((c != 0).sum()) for c in models]
    assert sizes == sorted(sizes, reverse=True)
    supports = {tuple((c != 0).flatten().tolist()) for c in models}
    assert len(supports) == len(models) > 1


def test_inclusion_is_a_share():
    u = states()
    noise = 0.3 * torch.randn(40, 2, generator=torch.Generator().manual_seed(1))
    shares = inclusion(
        monomials(u, 2), interactions(u) + noise, 0.1, 30, torch.Generator().manual_seed(0)
    )
    assert ((shares >= 0) & (shares <= 1)).all() and (shares[4] == 1).all()
    assert shares.min() < 0.9


def test_a_term_must_earn_ln_n():
    n, rss = 122, 0.3
    gain = rss * math.exp(-math.log(n) / n)  # exactly what one more parameter costs
    assert bic(rss, n, 3) == pytest.approx(bic(gain, n, 4))
    assert bic(rss, n, 3) < bic(rss, n, 4)


def measured(noise, seed=0):
    t, start = torch.linspace(0, 6, 61), torch.tensor([0.44249296, 4.6280594])
    u = odeint(SYSTEM.func, start, t, rtol=1e-10, atol=1e-10)
    z = torch.randn(u.shape, generator=torch.Generator().manual_seed(seed))
    return t, u + noise * u.mean(0) * z


def fitted(coefs, t, data, step=0.1):
    rates = torch.tensor(RATES)
    return shoot(lambda u: rates * u, lambda u: monomials(u, 2), coefs, t, data, step=step)


def test_shooting_finds_the_coefficients():
    first = torch.zeros(6, 2)
    first[4] = torch.tensor([-0.8, 0.9])
    exact = fitted(first, *measured(0.0), step=0.02)
    torch.testing.assert_close(exact.coefs[4], torch.tensor([-0.9, 0.8]), rtol=0, atol=1e-4)
    assert exact.rss < 1e-6 and exact.parameters == 4
    noisy = fitted(first, *measured(0.05))
    assert (noisy.coefs[4] - torch.tensor([-0.9, 0.8])).abs().max() < 0.05
    assert noisy.rss / 118 == pytest.approx(0.05**2, rel=0.4)  # the noise, in its own units
    assert not noisy.coefs[[0, 1, 2, 3, 5]].any()


def test_shooting_from_a_hopeless_guess():
    explosive = torch.zeros(6, 2)
    explosive[3] = 50.0
    assert fitted(explosive, *measured(0.01)) is None


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: monomials(torch.ones(3, 3), 2), "two components"),
        (lambda: sparse.exponents(-1), "degree"),
        (lambda: monomial_names(6), "up to degree 5"),
        (lambda: stlsq(torch.ones(4, 2), torch.ones(4), 0.1), r"\[n, d\]"),
        (lambda: stlsq(torch.ones(4, 2), torch.ones(3, 1), 0.1), "one n"),
        (lambda: stlsq(torch.ones(4, 2), torch.ones(4, 1), -0.1), "not negative"),
    ],
)
def test_bad_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
