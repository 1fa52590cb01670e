"""Partial differential equations by the method of lines: space on a periodic grid, time by odeint.

x, delta = periodic_grid(80, 40.0)                                # n places, `delta` apart
func = reaction_diffusion(1.0, delta, bistable(0.25))            # u' = ν u_xx + r(u), [..., n]
u = odeint(func, front(x, 1.0, 0.25), t, method="rk4", options={"step_size": 0.1})
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.nets import MLP


def periodic_grid(n: int, length: float) -> tuple[Tensor, float]:
    """n places on [−length/2, length/2), and the distance of neighbours; the ends are neighbours.

    >>> x, delta = periodic_grid(4, 8.0)
    >>> x.tolist(), delta
    ([-4.0, -2.0, 0.0, 2.0], 2.0)
    """
    if n < 3 or not length > 0:
        raise ValueError(f"need n ≥ 3 places and a positive length, got {n} and {length}")
    delta = length / n
    return delta * torch.arange(n) - 0.5 * length, delta


def second_difference(u: Tensor, delta: float) -> Tensor:
    """(u_{i+1} − 2 u_i + u_{i−1}) / δ², which is u_xx up to O(δ²); [..., n] → the same.

    >>> second_difference(torch.tensor([0.0, 1.0, 0.0, 0.0]), 0.5).tolist()
    [4.0, -8.0, 4.0, 0.0]
    """
    return (u.roll(-1, -1) - 2 * u + u.roll(1, -1)) / delta**2


def reaction_diffusion(nu: float, delta: float, source: Callable | None = None) -> Callable:
    """The right-hand side of u_t = ν u_xx + r(u); without a source it is the heat equation.

    >>> reaction_diffusion(2.0, 1.0)(0.0, torch.tensor([0.0, 1.0, 0.0])).tolist()
    [2.0, -4.0, 2.0]
    """
    _check(nu, delta)

    def func(t, u: Tensor) -> Tensor:
        change = nu * second_difference(u, delta)
        return change if source is None else change + source(u)

    return func


def burgers(nu: float, delta: float) -> Callable:
    """The right-hand side of Burgers' equation u_t = −(u²/2)_x + ν u_xx, central differences.

    What leaves one place enters the next: the sum of u is conserved. Where δ is above 2ν/|u| a
    steep wave oscillates from place to place.

    >>> change = burgers(0.1, 0.5)(0.0, torch.tensor([0.0, 1.0, 2.0, 1.0]))
    >>> bool(change.sum().abs() < 1e-6)
    True
    """
    _check(nu, delta)

    def func(t, u: Tensor) -> Tensor:
        square = 0.5 * u**2
        slope = (square.roll(-1, -1) - square.roll(1, -1)) / (2 * delta)
        return nu * second_difference(u, delta) - slope

    return func


def largest_step(nu: float, delta: float, method: str = "euler") -> float:
    """The largest stable step of an explicit method for the heat equation on the grid.

    The fastest mode, +1, −1, +1, …, decays at the rate 4ν/δ²; Euler's method is stable while
    step · rate ≤ 2, RK4 up to 2.785.

    >>> largest_step(1.0, 0.5)
    0.125
    """
    _check(nu, delta)
    limits = {"euler": 2.0, "rk4": 2.785293563405282}
    if method not in limits:
        raise ValueError(f"no limit is known for {method!r}: choose from {list(limits)}")
    return limits[method] * delta**2 / (4 * nu)


# --- a front that travels, with an exact solution ------------------------------------------------


def bistable(a: float) -> Callable[[Tensor], Tensor]:
    """r(u) = u (1 − u)(u − a): u = 0 and u = 1 attract, a parts them.

    >>> bistable(0.25)(torch.tensor([0.25, 0.5])).tolist()
    [0.0, 0.0625]
    """
    return lambda u: u * (1 - u) * (u - a)


def front(x: Tensor, nu: float, a: float, t: float = 0.0, at: float = 0.0) -> Tensor:
    """The travelling front of u_t = ν u_xx + u(1 − u)(u − a) at time t, 1 on its left, 0 right.

    U = 1 / (1 + exp((x − at − vt) / √(2ν))) with speed v = √(2ν) (½ − a), as substitution shows:
    U′ = −U(1 − U)/√(2ν) and U″ = U(1 − U)(1 − 2U)/(2ν).

    >>> front(torch.tensor([0.0]), 0.5, 0.25, t=4.0, at=-1.0).item()
    0.5
    """
    scale = math.sqrt(2 * nu)
    return torch.sigmoid(-(x - at - scale * (0.5 - a) * t) / scale)


class LearnedSource(nn.Module):
    """u_t = ν u_xx + u·net(u), with ν and the network to be learned: r(0) = 0 is built in.

    Args:
        delta: spacing of the grid.
        nu: where ν starts; it stays positive, for its logarithm is learned.
        learn_nu: False to hold ν where it is.
        hidden: width of the network's two hidden layers.
        generator: source of the weights; torch's global one if None.

    >>> model = LearnedSource(0.5, nu=2.0)
    >>> model(0.0, torch.zeros(3, 8)).shape, round(model.nu.item(), 6)
    (torch.Size([3, 8]), 2.0)
    """

    def __init__(
        self,
        delta: float,
        nu: float = 1.0,
        hidden: int = 16,
        *,
        learn_nu: bool = True,
        generator=None,
    ):
        super().__init__()
        _check(nu, delta)
        self.delta = delta
        self.log_nu = nn.Parameter(torch.tensor(math.log(nu)), requires_grad=learn_nu)
        self.net = MLP([1, hidden, hidden, 1], generator=generator)

    @property
    def nu(self) -> Tensor:
        return self.log_nu.exp()

    def source(self, u: Tensor) -> Tensor:
        """r(u), of u's shape."""
        return u * self.net(u[..., None])[..., 0]

    def forward(self, t, u: Tensor) -> Tensor:
        return self.nu * second_difference(u, self.delta) + self.source(u)


def _check(nu: float, delta: float) -> None:
    if not (nu > 0 and delta > 0):
        raise ValueError(f"ν and δ must be positive, got {nu} and {delta}")
