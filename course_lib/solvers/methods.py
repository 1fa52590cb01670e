"""The methods as data: what each one is, in the coefficients that the literature gives.

An explicit Runge-Kutta method is a table (Butcher 1964): stage i evaluates the right-hand side at

    t + c_i h,    y + h (a_i1 k_1 + ... + a_i,i-1 k_i-1),

and the step adds h (b_1 k_1 + ... + b_s k_s). Nothing in this module moves in time; `steps` does.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

__all__ = ["METHODS", "Method", "stability_function"]


@dataclass(frozen=True)
class Method:
    """What there is to know about one method; `a`, `b`, `c` are empty if it is not an explicit RK.

    `order` is that of the global error, `stages` the new evaluations of func in one step (for
    implicit Euler: in one Newton iteration), `error` the weights b - b̂ of the embedded error
    estimate, `bump` those of the quartic term of the dense output (`dense.interpolate`).

    >>> METHODS["dopri5"].order, METHODS["dopri5"].stages, METHODS["dopri5"].adaptive
    (5, 6, True)
    """

    name: str
    order: int
    stages: int
    source: str
    adaptive: bool = False
    a: tuple[tuple[float, ...], ...] = ()
    b: tuple[float, ...] = ()
    c: tuple[float, ...] = ()
    error: tuple[float, ...] = ()
    bump: tuple[float, ...] = ()

    @property
    def explicit_rk(self) -> bool:
        """Whether the method is given by a table."""
        return bool(self.b)

    @cached_property
    def fsal(self) -> bool:
        """First same as last: the last slope of a step serves as the first of the next."""
        return not self.explicit_rk or (len(self.a) > 1 and self.a[-1] == self.b)

    @cached_property
    def later_stages(self) -> list[tuple[float, list]]:
        """(c_i, weights of the slopes before) for the stages after the first."""
        return [(c, _nonzero(row)) for c, row in zip(self.c[1:], self.a[1:], strict=True)]

    @cached_property
    def weights(self) -> list[tuple[int, float]]:
        """b, without its zeros."""
        return _nonzero(self.b)

    @cached_property
    def bump_weights(self) -> list[tuple[int, float]]:
        """`bump`, without its zeros."""
        return _nonzero(self.bump)

    @cached_property
    def relative_error(self) -> list[tuple[int, float]]:
        """`error` over its first weight, without that one: for k_1 + Σ (e_i / e_1) k_i."""
        return _nonzero((0.0, *(weight / self.error[0] for weight in self.error[1:])))


def _nonzero(weights: tuple[float, ...]) -> list[tuple[int, float]]:
    """The weights that are not zero, each with its place."""
    return [(i, weight) for i, weight in enumerate(weights) if weight]


def _row(text: str) -> tuple[float, ...]:
    """A row of a printed table, e.g. "1/2 0 -3/4", in the nearest floating-point numbers."""
    return tuple(float(Fraction(entry)) for entry in text.split())


_HNW = "Hairer, Nørsett & Wanner, Solving ODEs I (1993)"

_EULER = Method("euler", 1, 1, "Euler 1768", a=((),), b=(1.0,), c=(0.0,))

_MIDPOINT = Method(
    "midpoint", 2, 2, "Runge 1895", a=((), _row("1/2")), b=_row("0 1"), c=_row("0 1/2")
)

_HEUN = Method("heun", 2, 2, "Heun 1900", a=((), _row("1")), b=_row("1/2 1/2"), c=_row("0 1"))

_RK4 = Method(
    "rk4",
    4,
    4,
    f"Kutta 1901; {_HNW}, Table II.1.2",
    a=((), _row("1/2"), _row("0 1/2"), _row("0 0 1")),
    b=_row("1/6 1/3 1/3 1/6"),
    c=_row("0 1/2 1/2 1"),
)

_DOPRI5 = Method(
    "dopri5",
    5,
    6,
    f"Dormand & Prince 1980; {_HNW}, Table II.5.2; dense output: II.6",
    adaptive=True,
    a=(
        (),
        _row("1/5"),
        _row("3/40 9/40"),
        _row("44/45 -56/15 32/9"),
        _row("19372/6561 -25360/2187 64448/6561 -212/729"),
        _row("9017/3168 -355/33 46732/5247 49/176 -5103/18656"),
        _row("35/384 0 500/1113 125/192 -2187/6784 11/84"),
    ),
    b=_row("35/384 0 500/1113 125/192 -2187/6784 11/84"),
    c=_row("0 1/5 3/10 4/5 8/9 1 1"),
    error=_row("71/57600 0 -71/16695 71/1920 -17253/339200 22/525 -1/40"),
    bump=_row(
        "-12715105075/11282082432 0 87487479700/32700410799 -10690763975/1880347072"
        " 701980252875/199316789632 -1453857185/822651844 69997945/29380423"
    ),
)

_LEAPFROG = Method("leapfrog", 2, 2, "Störmer 1907, Verlet 1967 (kick, drift, kick)")

_IMPLICIT_EULER = Method("implicit_euler", 1, 1, "Hairer & Wanner, Solving ODEs II (1996), IV.3")

METHODS = {
    method.name: method
    for method in (_EULER, _MIDPOINT, _HEUN, _RK4, _DOPRI5, _LEAPFROG, _IMPLICIT_EULER)
}


def stability_function(method: str, z):
    """The factor R(z) by which one step multiplies y on y' = λy, with z = λh.

    The method is stable on that problem where |R(z)| ≤ 1 (Hairer & Wanner 1996, IV.2).

    Args:
        method: name of an explicit Runge-Kutta method, or `"implicit_euler"`.
        z: complex number, or array or tensor of them, of any shape.

    Returns:
        R(z), of the type and shape of z.

    Raises:
        ValueError: the method is unknown, or it is not a one-step method on scalars (leapfrog).

    >>> stability_function("euler", -2.5)
    -1.5
    >>> stability_function("implicit_euler", -3.0)
    0.25
    """
    if method == "implicit_euler":
        return 1 / (1 - z)
    if method not in METHODS or not METHODS[method].explicit_rk:
        known = [name for name, entry in METHODS.items() if entry.explicit_rk]
        raise ValueError(
            f"no stability function for {method!r}: choose one of {known} or 'implicit_euler'."
        )
    table = METHODS[method]
    slopes: list = []  # h times the slopes of the stages, started from y = 1
    for row in table.a:
        slopes.append(z * sum((a * k for a, k in zip(row, slopes, strict=True)), start=1.0))
    weighted = (b * k for b, k in zip(table.b, slopes, strict=False))
    return sum(weighted, start=1.0)
