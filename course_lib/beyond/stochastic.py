"""Stochastic differential equations, dx = f(x) dt + g(x) dB, along Brownian paths that are given.

dB = brownian_increments(1024, h, paths=1000, generator=g)        # [1024, 1000], variance h
x = sdeint(f, g, x0, h, dB)                                       # [1025, 1000], Itô
x = sdeint(f, g, x0, 4 * h, coarsen(dB, 4))                       # the same paths, larger steps

Noise is diagonal: each entry of the state has a Brownian motion of its own, and g acts entrywise.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.nets import MLP
from course_lib.solvers.errors import see

Function = Callable[[Tensor], Tensor]


def brownian_increments(steps: int, h: float, paths: int, generator=None) -> Tensor:
    """Independent increments of Brownian motion, N(0, h), [steps, paths].

    >>> dB = brownian_increments(4000, 0.25, 3, torch.Generator().manual_seed(0))
    >>> dB.shape, abs(dB.var().item() - 0.25) < 0.02
    (torch.Size([4000, 3]), True)
    """
    if steps < 1 or paths < 1 or not h > 0:
        raise ValueError(f"need steps, paths ≥ 1 and h > 0, got {steps}, {paths}, {h}")
    return math.sqrt(h) * torch.randn(steps, paths, generator=generator)


def coarsen(dB: Tensor, k: int) -> Tensor:
    """The increments of the same paths over k steps at a time, [steps / k, paths].

    >>> coarsen(torch.tensor([[1.0], [2.0], [3.0], [4.0]]), 2)[:, 0].tolist()
    [3.0, 7.0]
    """
    if k < 1 or len(dB) % k:
        raise ValueError(f"{len(dB)} increments cannot be taken {k} at a time: choose a divisor")
    return dB.unflatten(0, (-1, k)).sum(1)


def path_of(dB: Tensor) -> Tensor:
    """Brownian motion from its increments, [steps + 1, paths], from 0.

    >>> path_of(torch.tensor([1.0, -3.0])).tolist()
    [0.0, 1.0, -2.0]
    """
    return torch.cat([torch.zeros_like(dB[:1]), dB.cumsum(0)])


# --- one step of a method ------------------------------------------------------------------------


def euler_maruyama(f: Function, g: Function, x: Tensor, h: float, dB: Tensor) -> Tensor:
    """x + f(x) h + g(x) dB: Itô; strong order ½, or 1 if g is constant; weak order 1.

    Source: Maruyama 1955; Kloeden & Platen 1992, doi:10.1007/978-3-662-12616-5, section 10.2.

    >>> euler_maruyama(lambda x: -x, lambda x: 2 * x, torch.tensor(1.0), 0.5, torch.tensor(0.25))
    tensor(1.)
    """
    return x + f(x) * h + g(x) * dB


def milstein(f: Function, g: Function, x: Tensor, h: float, dB: Tensor) -> Tensor:
    """Euler–Maruyama and ½ g g′ (dB² − h), which makes the strong order 1.

    Source: Milstein 1975; Kloeden & Platen 1992, section 10.3.

    >>> milstein(lambda x: -x, lambda x: 2 * x, torch.tensor(1.0), 0.5, torch.tensor(0.25))
    tensor(0.1250)
    """
    noise = g(x)
    return x + f(x) * h + noise * dB + 0.5 * noise * _slope(g, x) * (dB**2 - h)


def _slope(g: Function, x: Tensor) -> Tensor:
    """g′(x), entrywise, without a graph: gradients of a loss do not pass through it."""
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        noise = g(x)
        if not noise.requires_grad:  # a constant
            return torch.zeros_like(noise)
        return torch.autograd.grad(noise.sum(), x, materialize_grads=True)[0]


def heun(f: Function, g: Function, x: Tensor, h: float, dB: Tensor) -> Tensor:
    """The mean of the slopes at both ends, in dt and in dB: converges to Stratonovich's solution.

    Source: Kloeden & Platen 1992, section 15.5 (there for several noises).

    >>> heun(lambda x: -x, lambda x: 2 * x, torch.tensor(1.0), 0.5, torch.tensor(0.25))
    tensor(1.)
    """
    ahead = x + f(x) * h + g(x) * dB
    return x + 0.5 * (f(x) + f(ahead)) * h + 0.5 * (g(x) + g(ahead)) * dB


STEPS = {"Euler–Maruyama": euler_maruyama, "Milstein": milstein, "Heun": heun}


def sdeint(f: Function, g: Function, x0, h: float, dB: Tensor, method="Euler–Maruyama") -> Tensor:
    """The state after every step, [steps + 1, paths], along paths with increments dB.

    Args:
        f, g: drift and diffusion, entrywise functions of the state.
        x0: a number, or one a path.
        h: the step; dB [steps, paths] must have variance h.
        method: a name in `STEPS`.

    Errors: ValueError for an unknown method; FloatingPointError where a state is no longer finite.

    >>> dB = torch.tensor([[0.1], [-0.2]])
    >>> x = sdeint(torch.zeros_like, lambda x: x, 1.0, 0.01, dB)
    >>> [round(value, 3) for value in x[:, 0].tolist()]
    [1.0, 1.1, 0.88]
    """
    if method not in STEPS:
        raise ValueError(f"unknown method {method!r}: choose from {list(STEPS)}")
    if not (dB.is_floating_point() and dB.ndim and h > 0):
        raise ValueError(
            f"need h > 0 and increments [steps, paths] of floating-point numbers, got h = {h} and "
            f"{[*dB.shape]} of {dB.dtype}. {see('arguments')}"
        )
    step, x0 = STEPS[method], torch.as_tensor(x0, dtype=dB.dtype)
    try:
        states = [x0.expand(dB.shape[1:]).clone()]
    except RuntimeError as error:
        raise ValueError(
            f"x0 must be one number, or one for each of {[*dB.shape[1:]]} paths, got shape "
            f"{[*x0.shape]}. {see('arguments')}"
        ) from error
    for increment in dB:
        states.append(step(f, g, states[-1], h, increment))
        if states[-1].shape != states[0].shape:
            raise ValueError(
                f"f and g must return the shape of x, {[*states[0].shape]}: with it and with what "
                f"they return a step has shape {[*states[-1].shape]}. {see('arguments')}"
            )
    path = torch.stack(states)
    if not bool(path[-1].isfinite().all()):
        bad = (~path.isfinite()).flatten(1).any(1)
        raise FloatingPointError(
            f"a state is not finite after step {int(bad.long().argmax())} of {len(dB)} "
            f"(h = {h:g}): take smaller steps. A drift that grows faster than linearly needs them "
            "for rare large noise"
        )
    return path


def geometric_brownian(x0: float, mu: float, c: float, t, B: Tensor) -> Tensor:
    """The solution of dx = μ x dt + c x dB (Itô) at time t, where the Brownian motion is at B.

    x(t) = x0 exp((μ − c²/2) t + c B(t)); in Stratonovich's sense the −c²/2 is missing.

    >>> geometric_brownian(2.0, 0.5, 1.0, 3.0, torch.tensor(0.0))
    tensor(2.)
    """
    return x0 * torch.exp((mu - 0.5 * c**2) * t + c * B)


# --- learning an equation from its paths ---------------------------------------------------------


class NeuralSDE(nn.Module):
    """Drift and diffusion of a scalar equation as two small networks, fitted by moments.

    Args:
        hidden: width of the two hidden layers of each.
        generator: source of the weights; torch's global one if None.

    Shapes: x of any shape → the same.

    >>> model = NeuralSDE(8)
    >>> model.drift(torch.zeros(5)).shape, bool((model.diffusion(torch.zeros(5)) > 0).all())
    (torch.Size([5]), True)
    """

    def __init__(self, hidden: int = 16, generator=None):
        super().__init__()
        self.f = MLP([1, hidden, hidden, 1], generator=generator)
        self.log_g = MLP([1, hidden, hidden, 1], generator=generator)

    def drift(self, x: Tensor) -> Tensor:
        return self.f(x[..., None])[..., 0]

    def diffusion(self, x: Tensor) -> Tensor:
        return self.log_g(x[..., None])[..., 0].exp()

    def loss(self, x: Tensor, ahead: Tensor, h: float) -> Tensor:
        """Mean of −log N(ahead; x + f h, g² h), without the constant: the moments of one step."""
        variance = self.diffusion(x).square() * h
        miss = ahead - x - self.drift(x) * h
        return 0.5 * (miss.square() / variance + variance.log()).mean()
