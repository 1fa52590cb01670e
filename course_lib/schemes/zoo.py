"""The zoo: architectures as discretisations, one entry each.

The identification of ResNet, PolyNet, FractalNet, RevNet and stochastic depth with numerical
schemes is that of Lu et al. 2018 (arXiv:1710.10121); where it needs a condition, the entry says
so. One-step updates come first, then those that act on halves, then those that remember.
"""

import numpy as np
import torch

from course_lib.schemes.scheme import Scheme
from course_lib.solvers import stability_function

__all__ = ["ZOO", "linear_multistep", "stochastic_depth"]


# --- one state in, one state out -----------------------------------------------------------------


def _one_step(step):
    return lambda f, t, memory, h: (step(f, t, memory[0], h),)


def _euler(f, t, x, h):
    return x + h * f(t, x)


def _rk4(f, t, x, h):
    k1 = f(t, x)
    k2 = f(t + h / 2, x + h / 2 * k1)
    k3 = f(t + h / 2, x + h / 2 * k2)
    k4 = f(t + h, x + h * k3)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def _heun(f, t, x, h):
    first = f(t, x)
    return x + h / 2 * (first + f(t + h, x + h * first))


def _poly_nested(f, t, x, h):
    return x + h * f(t + h, x + h * f(t + h, x))


def _poly_published(f, t, x, h):
    branch = h * f(t, x)
    return x + branch + h * f(t, branch)


def _plus_at_zero(f):
    return lambda t, x: f(t, x) + f(t, torch.zeros_like(x))


def _scalar(R):
    """A stability function R(z) as factors [..., 1]."""
    return lambda z: np.asarray(R(z))[..., None]


_EULER = {
    "scheme": "Euler",
    "update": r"x_n + hf(x_n)",
    "evaluations": 1,
    "order": 1,
    "source": "arXiv:1512.03385",
    "advance": _one_step(_euler),
    "factors": _scalar(lambda z: 1 + z),
}


# --- two halves, updated in turn: a' = first(t, b), b' = second(t, a) ----------------------------


def _halves(x):
    if x.shape[-1] % 2:
        raise ValueError(
            f"a partitioned scheme halves the last axis, which has {x.shape[-1]} entries: use an "
            "even width"
        )
    return x.chunk(2, -1)


def _first(f, t, a, b):
    """The slope of the first half: from f.first if there is one, else from the whole f."""
    return f.first(t, b) if hasattr(f, "first") else f(t, torch.cat([a, b], -1)).chunk(2, -1)[0]


def _second(f, t, a, b):
    return f.second(t, a) if hasattr(f, "second") else f(t, torch.cat([a, b], -1)).chunk(2, -1)[1]


def _coupling(f, t, x, h):
    a, b = _halves(x)
    a = a + h * _first(f, t, a, b)
    b = b + h * _second(f, t, a, b)
    return torch.cat([a, b], -1)


def _coupling_back(f, t, x, h):
    a, b = _halves(x)
    b = b - h * _second(f, t, a, b)
    a = a - h * _first(f, t, a, b)
    return torch.cat([a, b], -1)


def _leapfrog(f, t, x, h):
    a, b = _halves(x)
    b = b + h / 2 * _second(f, t, a, b)
    a = a + h * _first(f, t + h / 2, a, b)
    b = b + h / 2 * _second(f, t + h, a, b)
    return torch.cat([a, b], -1)


def _leapfrog_back(f, t, x, h):
    return _leapfrog(f, t + h, x, -h)


def _swing(z):
    """Factors on ȧ = λb, ḃ = λa for symplectic Euler and leapfrog: ζ² − (2 + z²)ζ + 1 = 0."""
    return _roots(2 + z**2, -1.0 + 0 * z)


def _roots(p, q):
    """Both roots of ζ² = pζ + q."""
    root = np.sqrt(p**2 + 4 * q + 0j)
    return np.stack([(p + root) / 2, (p - root) / 2], -1)


# --- two states remembered; the first step is Euler's --------------------------------------------


def _ab2(f, t, memory, h):
    x, slope = memory[0], f(t, memory[0])
    before = memory[1] if len(memory) > 1 else slope
    return x + h * (1.5 * slope - 0.5 * before), slope


def linear_multistep(k: float = 0.5, published: bool = False) -> Scheme:
    """LM-ResNet: u_{n+1} = (1−k) u_n + k u_{n−1} + (1+k) h f(u_n), the form that solves u̇ = f.

    Args:
        k: a number in (−1, 1], where the root −k of the scheme's own stays harmless; in the paper
            each block learns its own, from a start in [−0.1, 0]. k = 1 is the two-step midpoint
            rule, the only one of order two; k = 0 is Euler, which has no inverse.
        published: without the factor 1+k, as the paper has it; that solves (1+k) u̇ = f.

    Source: Lu et al. 2018, arXiv:1710.10121; the published step and its start as in the authors'
    own code (2prime/LM-ResNet, MResNet.py, where `ks` is 1 − k).

    >>> linear_multistep(1.0).order, linear_multistep(0.3).order
    (2, 1)
    """
    if not -1 < k <= 1:
        raise ValueError(f"k must lie in (-1, 1], got {k}: elsewhere the root -k makes errors grow")
    c = 1.0 if published else 1.0 + k

    def advance(f, t, memory, h):
        x, slope = memory[0], f(t, memory[0])
        if len(memory) == 1:
            return x + h * slope * (c / (1 + k)), x
        return (1 - k) * x + k * memory[1] + c * h * slope, x

    def retreat(f, t, memory, h):
        after, x = memory
        return x, (after - (1 - k) * x - c * h * f(t, x)) / k

    name, factor = ("LM-ResNet, as published", "") if published else ("LM-ResNet", f"{1 + k:g}")
    midpoint = k == 1 and not published
    return Scheme(
        key="midpoint" if midpoint else "lm_published" if published else "lm_resnet",
        architecture="MidpointNet" if midpoint else f"{name}, $k={k:g}$",
        scheme="two-step midpoint" if midpoint else "linear two-step method",
        update=r"x_{n-1} + 2hf(x_n)"
        if midpoint
        else rf"{1 - k:g}x_n + {k:g}x_{{n-1}} + {factor}hf(x_n)",
        evaluations=1,
        order=2 if midpoint else 1,
        buys="order 2 for one call; an inverse"
        if midpoint
        else "nothing: its clock is slow"
        if published
        else "a smaller error for one call",
        source="arXiv:1709.03698" if midpoint else "arXiv:1710.10121",
        advance=advance,
        retreat=retreat if k else None,
        factors=lambda z: _roots(1 - k + c * z, k + 0 * z),
        limit=(lambda f: lambda t, x: f(t, x) / (1 + k)) if published else (lambda f: f),
        equation=rf"{1 + k:g}\dot x = f" if published else r"\dot x = f",
    )


# --- blocks left out at random -------------------------------------------------------------------


def stochastic_depth(keep: float = 0.8, generator: torch.Generator | None = None) -> Scheme:
    """Euler's method whose steps are each kept with probability `keep`, else skipped.

    Every row of a batch draws for itself (Huang et al. drop a block for a whole batch). In the
    mean it solves ẋ = keep·f, and that is what a trained network is evaluated with.

    Source: Huang et al. 2016, arXiv:1603.09382; as an SDE: Lu et al. 2018, arXiv:1710.10121.

    >>> thinned = stochastic_depth(0.5, torch.Generator().manual_seed(0))
    >>> memory = thinned.advance(lambda t, x: -x, 0.0, (torch.ones(4, 1),), 0.5)
    >>> sorted(set(memory[0].flatten().tolist()))
    [0.5, 1.0]
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep is a probability in (0, 1], got {keep}")

    def step(f, t, x, h):
        kept = torch.rand(x.shape[:-1], generator=generator) < keep
        return x + h * kept.to(x)[..., None] * f(t, x)

    def mean(f):
        return lambda t, x: keep * f(t, x)

    def mean_square(z):
        return np.sqrt(np.abs(1 + keep * z) ** 2 + keep * (1 - keep) * np.abs(z) ** 2)

    at_test = Scheme(
        **_EULER | {"advance": _one_step(lambda f, t, x, h: _euler(mean(f), t, x, h))},
        key="thinned",
        architecture="ResNet, thinned",
        buys="the mean of stochastic depth",
        limit=mean,
        equation=rf"\dot x = {keep:g}f",
    )
    return Scheme(
        key="stochastic_depth",
        architecture="stochastic depth",
        scheme="Euler with random steps",
        update=r"x_n + h\eta_n f(x_n)",
        evaluations=1,
        order=1,
        buys="noise; on average a thinner ResNet",
        source="arXiv:1603.09382",
        advance=_one_step(step),
        factors=_scalar(mean_square),
        limit=mean,
        equation=rf"\dot x = {keep:g}f",
        at_test=at_test,
    )


# --- the list ------------------------------------------------------------------------------------

_ENTRIES = [
    Scheme(**_EULER, key="resnet", architecture="ResNet", buys="simplicity"),
    Scheme(
        key="rk_net",
        architecture="RK-Net",
        scheme="Runge–Kutta 4",
        update=r"x_n + \tfrac h6(k_1 + 2k_2 + 2k_3 + k_4)",
        evaluations=4,
        order=4,
        buys="accuracy: order 4",
        source="arXiv:1806.07366",
        advance=_one_step(_rk4),
        factors=_scalar(lambda z: stability_function("rk4", z)),
    ),
    Scheme(
        key="fractalnet",
        architecture="FractalNet, matched",
        scheme="Heun",
        update=r"x_n + \tfrac h2 f(x_n) + \tfrac h2 f(x_n + hf(x_n))",
        evaluations=2,
        order=2,
        buys="order 2, if its weights are Heun's",
        source="arXiv:1605.07648",
        advance=_one_step(_heun),
        factors=_scalar(lambda z: stability_function("heun", z)),
    ),
    Scheme(
        key="polynet",
        architecture="PolyNet, nested",
        scheme="implicit Euler, truncated",
        update=r"x_n + hf(x_n + hf(x_n))",
        evaluations=2,
        order=1,
        buys="nearness to implicit Euler",
        source="",
        advance=_one_step(_poly_nested),
        factors=_scalar(lambda z: 1 + z + z**2),
    ),
    Scheme(
        key="polynet_published",
        architecture="PolyNet, as published",
        scheme="truncated Neumann series",
        update=r"x_n + F(x_n) + F(F(x_n)),\ F = hf",
        evaluations=2,
        order=1,
        buys="the same, for linear $f$ only",
        source="arXiv:1611.05725",
        advance=_one_step(_poly_published),
        factors=_scalar(lambda z: 1 + z + z**2),
        limit=_plus_at_zero,
        equation=r"\dot x = f(x) + f(0)",
    ),
    Scheme(
        key="revnet",
        architecture="RevNet",
        scheme="symplectic Euler",
        update=r"a_n + hf_1(b_n),\ b_n + hf_2(a_{n+1})",
        evaluations=1,
        order=1,
        buys="an exact inverse",
        source="arXiv:1707.04585",
        advance=_one_step(_coupling),
        retreat=_one_step(_coupling_back),
        factors=_swing,
        field="partitioned",
    ),
    Scheme(
        key="leapfrog",
        architecture="Hamiltonian net",
        scheme="leapfrog",
        update=r"b\text{ by half},\ a,\ b\text{ by half}",
        evaluations=1.5,
        order=2,
        buys="an inverse; energy bounded",
        source="arXiv:1709.03698",
        advance=_one_step(_leapfrog),
        retreat=_one_step(_leapfrog_back),
        factors=_swing,
        field="partitioned",
    ),
    linear_multistep(1.0),
    linear_multistep(0.5),
    linear_multistep(0.5, published=True),
    Scheme(
        key="ab2",
        architecture="AB2-Net",
        scheme="Adams–Bashforth 2",
        update=r"x_n + \tfrac h2(3f(x_n) - f(x_{n-1}))",
        evaluations=1,
        order=2,
        buys="order 2 for one call",
        source="",
        advance=_ab2,
        factors=lambda z: _roots(1 + 1.5 * z, -0.5 * z),
    ),
    Scheme(
        **_EULER | {"source": "arXiv:1705.03341"},
        key="antisymmetric",
        architecture="antisymmetric ResNet",
        buys="slow growth of perturbations",
        field="antisymmetric",
    ),
    stochastic_depth(0.8),
]

ZOO: dict[str, Scheme] = {scheme.key: scheme for scheme in _ENTRIES}
"""Every architecture by its key, in the order of the table."""
