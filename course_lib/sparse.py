"""Equations from numbers: candidate terms, sequentially thresholded least squares, and the choice
between the models that it offers.

theta = monomials(u, degree=2)                    # [n, 6]: 1, x, y, x², xy, y² at n states
coefs = stlsq(theta, values, threshold=0.1)       # [6, 2]: most of them zero
print(equation(coefs[:, 0], monomial_names(2)))   # -0.90 xy

A *support* says which coefficients are not zero. `path` finds one for each threshold, `inclusion`
how often a term is kept if the data are drawn anew, and `shoot` fits the kept coefficients to the
measurements themselves, by solving the differential equation; `bic` weighs fit against size.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.solvers import SolverError, odeint


def exponents(degree: int) -> list[tuple[int, int]]:
    """Powers of x and y in all monomials up to a degree, constant first.

    >>> exponents(1)
    [(0, 0), (1, 0), (0, 1)]
    """
    if degree < 0:
        raise ValueError(f"a degree is 0, 1, 2, …, got {degree}")
    return [(total - j, j) for total in range(degree + 1) for j in range(total + 1)]


def monomials(u: Tensor, degree: int) -> Tensor:
    """The candidate terms 1, x, y, x², xy, y², … at states u [..., 2]: [..., k].

    Raises `ValueError` unless the last axis has two entries.

    >>> monomials(torch.tensor([2.0, 3.0]), degree=2).tolist()
    [1.0, 2.0, 3.0, 4.0, 6.0, 9.0]
    """
    if u.shape[-1] != 2:
        raise ValueError(f"states have two components on the last axis, got {list(u.shape)}")
    x, y = u[..., 0], u[..., 1]
    return torch.stack([x**i * y**j for i, j in exponents(degree)], -1)


def monomial_names(degree: int) -> list[str]:
    """What `monomials` returns, in words.

    >>> monomial_names(2)
    ['1', 'x', 'y', 'x²', 'xy', 'y²']
    """
    powers = ["", "{}", "{}²", "{}³", "{}⁴", "{}⁵"]
    if degree >= len(powers):
        raise ValueError(f"names are known up to degree {len(powers) - 1}, got {degree}")
    words = [powers[i].format("x") + powers[j].format("y") for i, j in exponents(degree)]
    return [word or "1" for word in words]


def equation(coefs: Tensor, names: Sequence[str], digits: int = 2) -> str:
    """One column of coefficients as a sum of its terms.

    >>> equation(torch.tensor([0.0, 0.5, -0.9]), ["1", "x", "xy"])
    '0.50 x − 0.90 xy'
    """
    text = ""
    for c, name in zip(coefs.tolist(), names, strict=True):
        if c:
            sign = "−" if c < 0 else "+"
            number = f"{abs(c):.{digits}f}" + ("" if name == "1" else f" {name}")
            text += f" {sign} {number}" if text else (sign if c < 0 else "") + number
    return text or "0"


def stlsq(theta: Tensor, values: Tensor, threshold: float, rounds: int = 20) -> Tensor:
    """Sequentially thresholded least squares: values ≈ theta @ coefs with few coefficients.

    Fit by least squares; set what is smaller than the threshold to zero; fit the rest anew; repeat
    until nothing changes. Each column of `values` is treated alone.

    Args:
        theta: [n, k] the candidate terms at n states.
        values: [n, d] what they are to explain.
        threshold: the smallest size of a coefficient that is believed.

    Returns: coefs [k, d].
    Errors: `ValueError` for shapes that do not fit, or a negative threshold.
    Source: Brunton, Proctor & Kutz 2016, doi:10.1073/pnas.1517384113.

    >>> u = torch.tensor([[1.0, 2.0], [3.0, 1.0], [2.0, 5.0], [4.0, 4.0]])
    >>> stlsq(monomials(u, 1), 2 * u[:, :1] + 0.01, threshold=0.1).flatten().round(decimals=2)
    tensor([0., 2., 0.])
    """
    if theta.dim() != 2 or values.dim() != 2 or len(theta) != len(values):
        raise ValueError(
            f"theta must be [n, k] and values [n, d] with one n, got {list(theta.shape)} and "
            f"{list(values.shape)}"
        )
    if threshold < 0:
        raise ValueError(f"a threshold is not negative, got {threshold}")
    coefs = torch.linalg.lstsq(theta, values).solution
    for _ in range(rounds):
        keep = coefs.abs() >= threshold
        refitted = torch.zeros_like(coefs)
        for j in range(values.shape[1]):
            kept = keep[:, j]
            if kept.any():
                refitted[kept, j] = torch.linalg.lstsq(theta[:, kept], values[:, j]).solution
        if torch.equal(refitted, coefs):
            break
        coefs = refitted
    return coefs


def path(theta: Tensor, values: Tensor, thresholds: Sequence[float]) -> list[Tensor]:
    """`stlsq` at growing thresholds, without repetitions of a support: a list of coefs [k, d].

    >>> u = torch.rand(20, 2, generator=torch.Generator().manual_seed(0))
    >>> exact = torch.tensor([[0.0], [1.0], [0.2]])
    >>> [int((c != 0).sum()) for c in path(monomials(u, 1), monomials(u, 1) @ exact, [0.1, 0.5])]
    [2, 1]
    """
    found: dict[tuple, Tensor] = {}
    for threshold in sorted(thresholds):
        coefs = stlsq(theta, values, threshold)
        found.setdefault(tuple((coefs != 0).flatten().tolist()), coefs)
    return list(found.values())


def inclusion(
    theta: Tensor, values: Tensor, threshold: float, draws: int, generator: torch.Generator
) -> Tensor:
    """How often each term is kept by `stlsq` if the rows are drawn anew, with replacement: [k, d].

    Source: Fasel, Kutz, Brunton & Brunton 2022, arXiv:2111.10992 (bootstrap of the data).

    >>> u = torch.rand(20, 2, generator=torch.Generator().manual_seed(0))
    >>> shares = inclusion(monomials(u, 1), u, 0.1, 10, torch.Generator().manual_seed(0))
    >>> shares.tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    kept = torch.zeros(theta.shape[1], values.shape[1], dtype=theta.dtype)
    for _ in range(draws):
        rows = torch.randint(len(theta), (len(theta),), generator=generator)
        kept += stlsq(theta[rows], values[rows], threshold) != 0
    return kept / draws


def bic(rss: float, n: int, parameters: int) -> float:
    """Bayesian information criterion n ln(RSS/n) + k ln n, lower is better.

    For n numbers with Gaussian errors of one unknown size, and k fitted parameters.
    Source: Schwarz 1978, doi:10.1214/aos/1176344136.

    >>> round(bic(rss=10.0, n=10, parameters=2), 3)
    4.605
    """
    return n * math.log(rss / n) + parameters * math.log(n)


@dataclass(frozen=True)
class Shot:
    """A model fitted to measurements: `coefs` [k, d], `start` [d], and the sum of squares `rss`."""

    coefs: Tensor
    start: Tensor
    rss: float

    @property
    def parameters(self) -> int:
        """How many numbers were fitted: the coefficients kept, and the state at the start."""
        return int((self.coefs != 0).sum()) + len(self.start)


def shoot(
    known: Callable[[Tensor], Tensor],
    terms: Callable[[Tensor], Tensor],
    coefs: Tensor,
    times: Tensor,
    data: Tensor,
    step: float = 0.1,
    rounds: int = 15,
) -> Shot | None:
    """Fit the non-zero coefficients, and the state at the start, to measurements of the solution.

    The solution of du/dt = known(u) + terms(u) @ coefs is compared with the data, each component in
    units of its mean size: Gauss–Newton with Levenberg's damping, the Jacobian by central
    differences, all perturbed solutions in one batch.

    Args:
        known: states [n, d] → [n, d].
        terms: states [n, d] → candidates [n, k].
        coefs: [k, d] where to begin; zeros stay zeros.
        times: [m]; data: [m, d].
        step: of RK4.

    Returns: the `Shot`, or None if the solution from the first guess leaves all bounds.
    Source: Nocedal & Wright 2006, ch. 10 (Gauss–Newton and Levenberg–Marquardt).

    >>> times = torch.linspace(0, 1, 11)
    >>> data = torch.exp(-2 * times)[:, None]
    >>> start = torch.tensor([[-1.0]])
    >>> shoot(torch.zeros_like, lambda u: u, start, times, data).coefs.round(decimals=3)
    tensor([[-2.]])
    """
    support, unit = coefs != 0, data.abs().mean(0)
    count = int(support.sum())

    def residuals(params: Tensor) -> Tensor | None:
        """(solution − data)/unit for each row of params: [rows, m · d]."""
        matrix = torch.zeros(len(params), *coefs.shape, dtype=data.dtype)
        matrix[:, support] = params[:, :count]

        def func(t, u):
            return known(u) + torch.einsum("nk,nkd->nd", terms(u), matrix)

        try:
            path = odeint(func, params[:, count:], times, method="rk4", options={"step_size": step})
        except SolverError:
            return None
        return ((path.movedim(0, 1) - data) / unit).flatten(1)

    params = torch.cat([coefs[support], data[0]])
    now = residuals(params[None])
    if now is None:
        return None
    now, damping, delta = now[0], 1e-3, torch.finfo(data.dtype).eps ** (1 / 3)
    moves = torch.cat([torch.eye(len(params)), -torch.eye(len(params))]).to(data.dtype)
    for _ in range(rounds):
        around = residuals(params + delta * moves)
        if around is None:
            break
        jacobian = ((around[: len(params)] - around[len(params) :]) / (2 * delta)).T
        normal, gradient = jacobian.T @ jacobian, jacobian.T @ now
        better = None
        while better is None and damping < 1e6:
            change = torch.linalg.solve(normal + damping * normal.diag().diag(), gradient)
            trial = residuals((params - change)[None])
            if trial is not None and trial.square().sum() < now.square().sum():
                better = trial[0]
            else:
                damping *= 10
        if better is None:
            break
        gain = 1 - (better.square().sum() / now.square().sum()).item()
        params, now, damping = params - change, better, damping / 10
        if gain < 1e-6:
            break
    fitted = torch.zeros_like(coefs)
    fitted[support] = params[:count]
    return Shot(fitted, params[count:], now.square().sum().item())
