"""Classical right-hand sides, with exact solutions and conserved quantities where they are known.

A `System` is everything a notebook needs to draw and to test one differential equation
dy/dt = f(t, y). The state lies on the last axis, so `func` takes one state `[d]` or a batch
`[..., d]`. Make one with a factory below, or by name: `SYSTEMS["van_der_pol"](mu=2.0)`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

__all__ = [
    "SYSTEMS",
    "System",
    "exponential",
    "harmonic",
    "kepler",
    "logistic",
    "lorenz",
    "lotka_volterra",
    "pendulum",
    "rossler",
    "seasonal_logistic",
    "stiff_linear",
    "van_der_pol",
]


@dataclass(frozen=True, eq=False)
class System:
    """One differential equation dy/dt = func(t, y), with what is known about it.

    Attributes:
        name: as a reader would say it.
        func: `func(t, y)` with `y` `[..., d]`, returns `[..., d]`; follows dtype and device of `y`.
        y0: a typical initial state, `[d]`, in torch's default dtype when the system is made.
        t_span: (t0, t1) long enough to see what the system does.
        xlim, ylim: window for pictures: of time and state if d = 1, else of the components `axes`.
        parameters: names and values that the factory was called with.
        labels: what the components of the state are.
        formula: right-hand side in LaTeX, without dollar signs.
        exact: `exact(t, y0)` with `t` a number or `[n]` and `y0` `[..., d]`, taken at t = 0;
            returns `[*t.shape, *y0.shape]`; None where no formula is known.
        invariant: `invariant(y)` with `y` `[..., d]` returns `[...]`, constant along every
            solution; None where there is none.
        axes: the two components that a phase portrait shows (if d > 1).

    >>> bunnies = logistic(r=1.0, K=100.0)
    >>> bunnies.func(0.0, torch.tensor([50.0]))
    tensor([25.])
    """

    name: str
    func: Callable[..., Tensor]
    y0: Tensor
    t_span: tuple[float, float]
    xlim: tuple[float, float]
    ylim: tuple[float, float]
    parameters: dict[str, float]
    labels: tuple[str, ...]
    formula: str
    exact: Callable[..., Tensor] | None = field(default=None)
    invariant: Callable[[Tensor], Tensor] | None = field(default=None)
    axes: tuple[int, int] = (0, 1)

    @property
    def dim(self) -> int:
        """Number of components of the state.

        >>> lorenz().dim
        3
        """
        return self.y0.shape[-1]


def _times(t, y0: Tensor) -> Tensor:
    """`t` as a tensor `[*t.shape, 1, …, 1]` that broadcasts against `y0` `[..., d]`."""
    t = torch.as_tensor(t, dtype=y0.dtype, device=y0.device)
    return t.reshape(t.shape + (1,) * y0.ndim)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")


# --- One component -------------------------------------------------------------------------------


def exponential(r: float = 1.0) -> System:
    """Growth in proportion to what is there, dB/dt = rB; decay if r < 0.

    Source: Malthus 1798. Exact: B(t) = B₀ exp(rt).

    >>> s = exponential(r=2.0)
    >>> bool(torch.isclose(s.exact(1.0, torch.tensor([3.0])), torch.tensor(3.0).mul(math.e**2)))
    True
    """
    return System(
        name="exponential growth" if r >= 0 else "exponential decay",
        func=lambda t, y: r * y,
        y0=torch.tensor([10.0]),
        t_span=(0.0, 2.0),
        xlim=(0.0, 2.0),
        ylim=(0.0, 80.0) if r >= 0 else (0.0, 12.0),
        parameters={"r": r},
        labels=("bunnies $B$",),
        formula=r"\dot B = rB",
        exact=lambda t, y0: y0 * torch.exp(r * _times(t, y0)),
    )


def logistic(r: float = 1.0, K: float = 100.0) -> System:
    """Growth that a carrying capacity K brings to rest, dB/dt = rB(1 − B/K).

    Errors: ValueError if K ≤ 0. Source: Verhulst 1838.
    Exact: B(t) = K / (1 + (K/B₀ − 1) exp(−rt)), written below so that B₀ = 0 is allowed.

    >>> float(logistic(r=1.0, K=100.0).exact(50.0, torch.tensor([10.0])))
    100.0
    """
    _positive(K=K)

    def exact(t, y0: Tensor) -> Tensor:
        return K * y0 / (y0 + (K - y0) * torch.exp(-r * _times(t, y0)))

    return System(
        name="logistic growth",
        func=lambda t, y: r * y * (1 - y / K),
        y0=torch.tensor([10.0]),
        t_span=(0.0, 8.0),
        xlim=(0.0, 8.0),
        ylim=(0.0, 1.5 * K),
        parameters={"r": r, "K": K},
        labels=("bunnies $B$",),
        formula=r"\dot B = rB(1 - B/K)",
        exact=exact,
    )


def seasonal_logistic(
    r: float = 1.0, K: float = 100.0, amplitude: float = 0.5, omega: float = 2.0
) -> System:
    """Logistic growth whose rate has seasons: dB/dt = r(1 + a cos ωt) B(1 − B/K).

    Nonlinear, time-dependent, and still solvable: measured in the "bunny time"
    R(t) = r(t + (a/ω) sin ωt) it is the logistic equation at rate 1. That makes it the course's
    test problem for orders of convergence.

    Errors: ValueError if K ≤ 0 or ω ≤ 0.

    >>> s = seasonal_logistic()
    >>> s.exact(0.0, s.y0)
    tensor([10.])
    """
    _positive(K=K, omega=omega)
    plain = logistic(1.0, K)

    def exact(t, y0: Tensor) -> Tensor:
        t = torch.as_tensor(t, dtype=y0.dtype, device=y0.device)
        return plain.exact(r * (t + amplitude / omega * torch.sin(omega * t)), y0)

    def func(t, y: Tensor) -> Tensor:
        cosine = torch.cos(omega * t) if isinstance(t, Tensor) else math.cos(omega * t)
        return r * (1 + amplitude * cosine) * y * (1 - y / K)

    return System(
        name="seasonal logistic growth",
        func=func,
        y0=torch.tensor([10.0]),
        t_span=(0.0, 4.0),
        xlim=(0.0, 8.0),
        ylim=(0.0, 1.5 * K),
        parameters={"r": r, "K": K, "amplitude": amplitude, "omega": omega},
        labels=("bunnies $B$",),
        formula=r"\dot B = r(1 + a\cos\omega t)\,B(1 - B/K)",
        exact=exact,
    )


def stiff_linear(lam: float = -50.0) -> System:
    """A slow solution, cos t, that everything else is pulled to at rate |λ|.

    dy/dt = λ(y − cos t) − sin t. Exact: cos t + (y₀ − 1) exp(λt).
    Source: Prothero & Robinson 1974, doi:10.1090/S0025-5718-1974-0331793-2.

    >>> s = stiff_linear(-50.0)
    >>> bool((s.exact(1.0, s.y0) - math.cos(1.0)).abs() < 1e-6)
    True
    """

    def func(t, y: Tensor) -> Tensor:
        t = torch.as_tensor(t, dtype=y.dtype, device=y.device)
        return lam * (y - torch.cos(t)) - torch.sin(t)

    def exact(t, y0: Tensor) -> Tensor:
        t = _times(t, y0)
        return torch.cos(t) + (y0 - 1) * torch.exp(lam * t)

    return System(
        name="stiff linear problem",
        func=func,
        y0=torch.tensor([0.0]),
        t_span=(0.0, 1.5),
        xlim=(0.0, 1.5),
        ylim=(-0.5, 2.0),
        parameters={"lam": lam},
        labels=("$y$",),
        formula=r"\dot y = \lambda(y - \cos t) - \sin t",
        exact=exact,
    )


# --- Two components ------------------------------------------------------------------------------


def harmonic(omega: float = 1.0) -> System:
    """A mass on a spring, dq/dt = v, dv/dt = −ω²q.

    Exact: a rotation in (ωq, v). Invariant: energy ½v² + ½ω²q². Errors: ValueError if ω ≤ 0.

    >>> s = harmonic(omega=1.0)
    >>> s.exact(math.pi / 2, torch.tensor([1.0, 0.0])).round(decimals=6) + 0.0
    tensor([ 0., -1.])
    """
    _positive(omega=omega)

    def exact(t, y0: Tensor) -> Tensor:
        angle = omega * _times(t, y0)[..., 0]
        q, v = y0[..., 0], y0[..., 1]
        cos, sin = torch.cos(angle), torch.sin(angle)
        return torch.stack([q * cos + v / omega * sin, v * cos - omega * q * sin], -1)

    return System(
        name="harmonic oscillator",
        func=lambda t, y: torch.stack([y[..., 1], -(omega**2) * y[..., 0]], -1),
        y0=torch.tensor([1.0, 0.0]),
        t_span=(0.0, 20.0),
        xlim=(-2.0, 2.0),
        ylim=(-2.0 * omega, 2.0 * omega),
        parameters={"omega": omega},
        labels=("position $q$", "velocity $v$"),
        formula=r"\dot q = v,\quad \dot v = -\omega^2 q",
        exact=exact,
        invariant=lambda y: 0.5 * y[..., 1] ** 2 + 0.5 * omega**2 * y[..., 0] ** 2,
    )


def pendulum(g_over_l: float = 1.0) -> System:
    """A rigid pendulum without friction, dq/dt = p, dp/dt = −(g/l) sin q; q is the angle.

    Invariant: energy ½p² − (g/l) cos q. Errors: ValueError if g/l ≤ 0.

    >>> pendulum().func(0.0, torch.tensor([math.pi / 2, 0.5])).round(decimals=5)
    tensor([ 0.5000, -1.0000])
    """
    _positive(g_over_l=g_over_l)
    return System(
        name="pendulum",
        func=lambda t, y: torch.stack([y[..., 1], -g_over_l * torch.sin(y[..., 0])], -1),
        y0=torch.tensor([2.5, 0.0]),
        t_span=(0.0, 20.0),
        xlim=(-math.pi, math.pi),
        ylim=(-3.0 * math.sqrt(g_over_l), 3.0 * math.sqrt(g_over_l)),
        parameters={"g_over_l": g_over_l},
        labels=("angle $q$", "angular velocity $p$"),
        formula=r"\dot q = p,\quad \dot p = -\frac{g}{l}\,\sin q",
        invariant=lambda y: 0.5 * y[..., 1] ** 2 - g_over_l * torch.cos(y[..., 0]),
    )


def van_der_pol(mu: float = 1.0) -> System:
    """An oscillator that feeds small swings and damps large ones: all end on one cycle.

    dx/dt = y, dy/dt = μ(1 − x²)y − x. Source: van der Pol 1926, doi:10.1080/14786442608564127.

    >>> van_der_pol(mu=2.0).func(0.0, torch.tensor([0.0, 1.0]))
    tensor([1., 2.])
    """

    def func(t, y: Tensor) -> Tensor:
        x, v = y[..., 0], y[..., 1]
        return torch.stack([v, mu * (1 - x**2) * v - x], -1)

    return System(
        name="Van der Pol oscillator",
        func=func,
        y0=torch.tensor([0.5, 0.0]),
        t_span=(0.0, 20.0),
        xlim=(-3.0, 3.0),
        ylim=(-2.5 - 1.6 * abs(mu), 2.5 + 1.6 * abs(mu)),
        parameters={"mu": mu},
        labels=("$x$", "$y$"),
        formula=r"\dot x = y,\quad \dot y = \mu(1 - x^2)\,y - x",
    )


def lotka_volterra(
    alpha: float = 1.0, beta: float = 0.1, gamma: float = 1.5, delta: float = 0.075
) -> System:
    """Bunnies B and foxes F: dB/dt = αB − βBF, dF/dt = δBF − γF.

    Invariant (for B, F > 0): δB − γ ln B + βF − α ln F. Errors: ValueError unless all rates are
    positive. Source: Lotka 1920, doi:10.1073/pnas.6.7.410; Volterra 1926, doi:10.1038/118558a0.

    >>> lotka_volterra().func(0.0, torch.tensor([20.0, 10.0]))
    tensor([0., 0.])
    """
    _positive(alpha=alpha, beta=beta, gamma=gamma, delta=delta)

    def func(t, y: Tensor) -> Tensor:
        b, f = y[..., 0], y[..., 1]
        return torch.stack([alpha * b - beta * b * f, delta * b * f - gamma * f], -1)

    def invariant(y: Tensor) -> Tensor:
        b, f = y[..., 0], y[..., 1]
        return delta * b - gamma * torch.log(b) + beta * f - alpha * torch.log(f)

    return System(
        name="Lotka–Volterra",
        func=func,
        y0=torch.tensor([10.0, 5.0]),
        t_span=(0.0, 15.0),
        xlim=(0.0, 2.5 * gamma / delta),
        ylim=(0.0, 2.5 * alpha / beta),
        parameters={"alpha": alpha, "beta": beta, "gamma": gamma, "delta": delta},
        labels=("bunnies $B$", "foxes $F$"),
        formula=r"\dot B = \alpha B - \beta BF,\quad \dot F = \delta BF - \gamma F",
        invariant=invariant,
    )


# --- Three and four components -------------------------------------------------------------------


def lorenz(sigma: float = 10.0, rho: float = 28.0, beta: float = 8 / 3) -> System:
    """Convection in three numbers; chaotic at the classical parameters.

    dx/dt = σ(y − x), dy/dt = x(ρ − z) − y, dz/dt = xy − βz.
    Source: Lorenz 1963, doi:10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2.

    >>> lorenz().func(0.0, torch.tensor([1.0, 1.0, 1.0])).round(decimals=3)
    tensor([ 0.0000, 26.0000, -1.6670])
    """

    def func(t, y: Tensor) -> Tensor:
        x, v, z = y[..., 0], y[..., 1], y[..., 2]
        return torch.stack([sigma * (v - x), x * (rho - z) - v, x * v - beta * z], -1)

    return System(
        name="Lorenz",
        func=func,
        y0=torch.tensor([1.0, 1.0, 1.0]),
        t_span=(0.0, 25.0),
        xlim=(-25.0, 25.0),
        ylim=(0.0, 55.0),
        parameters={"sigma": sigma, "rho": rho, "beta": beta},
        labels=("$x$", "$y$", "$z$"),
        formula=r"\dot x = \sigma(y - x),\ \dot y = x(\rho - z) - y,\ \dot z = xy - \beta z",
        axes=(0, 2),
    )


def rossler(a: float = 0.2, b: float = 0.2, c: float = 5.7) -> System:
    """Chaos with a single nonlinear term: dx/dt = −y − z, dy/dt = x + ay, dz/dt = b + z(x − c).

    Source: Rössler 1976, doi:10.1016/0375-9601(76)90101-8.

    >>> rossler().func(0.0, torch.tensor([0.0, 1.0, 0.0]))
    tensor([-1.0000,  0.2000,  0.2000])
    """

    def func(t, y: Tensor) -> Tensor:
        x, v, z = y[..., 0], y[..., 1], y[..., 2]
        return torch.stack([-v - z, x + a * v, b + z * (x - c)], -1)

    return System(
        name="Rössler",
        func=func,
        y0=torch.tensor([1.0, 1.0, 1.0]),
        t_span=(0.0, 50.0),
        xlim=(-12.0, 14.0),
        ylim=(-13.0, 10.0),
        parameters={"a": a, "b": b, "c": c},
        labels=("$x$", "$y$", "$z$"),
        formula=r"\dot x = -y - z,\ \dot y = x + ay,\ \dot z = b + z(x - c)",
    )


def kepler(eccentricity: float = 0.5) -> System:
    """A planet round a fixed sun, q̈ = −q/|q|³; state (q₁, q₂, p₁, p₂), started at perihelion.

    Period 2π for every default start (semi-major axis 1). Invariant: energy ½|p|² − 1/|q|; the
    angular momentum q₁p₂ − q₂p₁ is conserved too. Errors: ValueError unless 0 ≤ e < 1, and from
    `exact` if y₀ is on an unbound orbit.

    >>> s = kepler(0.5)
    >>> bool(torch.allclose(s.exact(2 * math.pi, s.y0), s.y0, atol=1e-5))
    True
    """
    if not 0 <= eccentricity < 1:
        raise ValueError(f"eccentricity must lie in [0, 1), got {eccentricity}")

    def func(t, y: Tensor) -> Tensor:
        q, p = y[..., :2], y[..., 2:]
        return torch.cat([p, -q / q.norm(dim=-1, keepdim=True) ** 3], -1)

    def invariant(y: Tensor) -> Tensor:
        return 0.5 * (y[..., 2:] ** 2).sum(-1) - 1 / y[..., :2].norm(dim=-1)

    return System(
        name="Kepler problem",
        func=func,
        y0=torch.tensor(
            [1 - eccentricity, 0.0, 0.0, math.sqrt((1 + eccentricity) / (1 - eccentricity))]
        ),
        t_span=(0.0, 4 * math.pi),
        xlim=(-2.0, 1.5),
        ylim=(-1.5, 1.5),
        parameters={"eccentricity": eccentricity},
        labels=("$q_1$", "$q_2$", "$p_1$", "$p_2$"),
        formula=r"\dot q = p,\quad \dot p = -q/|q|^3",
        exact=_kepler_exact,
        invariant=invariant,
    )


def _kepler_exact(t, y0: Tensor) -> Tensor:
    """Bound motion by Lagrange's f and g functions; Newton's method for the eccentric anomaly.

    Source: Battin 1999, An Introduction to the Mathematics and Methods of Astrodynamics, ch. 4.
    """
    t = _times(t, y0)
    q, p = y0[..., :2], y0[..., 2:]
    r0 = q.norm(dim=-1, keepdim=True)
    a = 1 / (2 / r0 - (p**2).sum(-1, keepdim=True))  # semi-major axis, from the energy −1/(2a)
    if not bool((a > 0).all()):
        raise ValueError("unbound orbit: the energy ½|p|² − 1/|q| must be negative")
    n = a**-1.5  # mean motion
    ec, es = 1 - r0 / a, (q * p).sum(-1, keepdim=True) / a.sqrt()  # e cos E₀, e sin E₀
    x = n * t  # x = E − E₀ solves  x − ec·sin x + es·(1 − cos x) = n t
    x = x + 0.85 * torch.hypot(ec, es) * torch.sign(torch.sin(n * t))
    for _ in range(30):
        residual = x - ec * torch.sin(x) + es * (1 - torch.cos(x)) - n * t
        x = x - residual / (1 - ec * torch.cos(x) + es * torch.sin(x))
    cos, sin = torch.cos(x), torch.sin(x)
    r = a * (1 - ec * cos + es * sin)
    f, g = 1 - a / r0 * (1 - cos), t + (sin - x) / n
    df, dg = -a.sqrt() / (r * r0) * sin, 1 - a / r * (1 - cos)
    return torch.cat([f * q + g * p, df * q + dg * p], -1)


SYSTEMS: dict[str, Callable[..., System]] = {
    "exponential": exponential,
    "logistic": logistic,
    "seasonal_logistic": seasonal_logistic,
    "stiff_linear": stiff_linear,
    "harmonic": harmonic,
    "pendulum": pendulum,
    "van_der_pol": van_der_pol,
    "lotka_volterra": lotka_volterra,
    "lorenz": lorenz,
    "rossler": rossler,
    "kepler": kepler,
}
