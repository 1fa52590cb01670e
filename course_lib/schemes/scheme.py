"""A scheme: how a network with given residual branches goes from layer to layer.

Every architecture of the zoo is one `Scheme`, and everything that is done with them (run, run
backwards, draw where they are stable, print the table) goes through the functions below. A scheme
hands a *memory* from step to step: a tuple whose first entry is the present state, and whose later
ones are what a multistep scheme remembers of the past.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["Scheme", "reconstruct", "solve", "spectral_radius"]

Field = Callable[[float, Tensor], Tensor]  # f(t, x)
Memory = tuple[Tensor, ...]


def _same(f: Field) -> Field:
    return f


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """One architecture, read as a discretisation of ẋ = f(t, x).

    Args:
        key: how code calls it.
        architecture, scheme, buys: for the table: the network's name, the numerical method's, and
            the one property that it buys.
        update: one step in LaTeX, without dollar signs.
        evaluations: calls of f in one step; a half of a partitioned field counts one half.
        order: of the global error, against the equation that the scheme solves.
        source: the architecture's paper; empty if the row is nobody's, but completes the zoo.
        advance: `advance(f, t, memory, h) -> memory`; called first with the memory `(x0,)`.
        factors: z → the numbers `[..., r]` by which a step multiplies on ẋ = λx, z = λh complex;
            for a partitioned field on ȧ = λb, ḃ = λa.
        limit: f → the right-hand side of the equation that is solved as h → 0, if it is not f.
        equation: that equation in LaTeX.
        retreat: the inverse of `advance`, for schemes that can be run backwards.
        field: `"generic"`, or what f must be: `"partitioned"`, `"antisymmetric"`.
        at_test: the scheme with which a network trained by this one is evaluated, if another.
    """

    key: str
    architecture: str
    scheme: str
    update: str
    evaluations: float
    order: int
    buys: str
    source: str
    advance: Callable[[Field, float, Memory, float], Memory]
    factors: Callable[[np.ndarray], np.ndarray]
    limit: Callable[[Field], Field] = _same
    equation: str = r"\dot x = f"
    retreat: Callable[[Field, float, Memory, float], Memory] | None = None
    field: str = "generic"
    at_test: "Scheme | None" = None

    def steps_for(self, budget: float) -> int:
        """How many steps a budget of evaluations of f pays for."""
        return int(budget / self.evaluations + 1e-9)


def solve(
    scheme: Scheme,
    f: Field,
    x0: Tensor,
    steps: int,
    span: tuple[float, float] = (0.0, 1.0),
    *,
    return_memory: bool = False,
):
    """The states of all layers: from x0, `steps` steps of the scheme across `span`.

    Args:
        f: `f(t, x)` with t a Python float; f and the result have x's shape.
        x0: state, any shape; a partitioned scheme halves the last axis.
        return_memory: also return what `reconstruct` needs to run the layers backwards.

    Returns:
        Tensor [steps + 1, *x0.shape], x0 first; with `return_memory` a pair.

    >>> from course_lib.schemes import ZOO
    >>> solve(ZOO["resnet"], lambda t, x: -x, torch.ones(1), steps=2)[:, 0].tolist()
    [1.0, 0.5, 0.25]
    """
    if steps < 1:
        raise ValueError(f"a network needs at least one step, got steps={steps}")
    t0, h = span[0], (span[1] - span[0]) / steps
    memory, states = (x0,), [x0]
    for n in range(steps):
        memory = scheme.advance(f, t0 + n * h, memory, h)
        states.append(memory[0])
    return (torch.stack(states), memory) if return_memory else torch.stack(states)


def reconstruct(
    scheme: Scheme,
    f: Field,
    memory: Memory,
    steps: int,
    span: tuple[float, float] = (0.0, 1.0),
) -> Tensor:
    """The states of all layers from the last memory alone, by undoing one step after another.

    Raises `ValueError` if the scheme cannot be undone step by step.

    >>> from course_lib.schemes import ZOO
    >>> swing = lambda t, x: torch.stack([x[..., 1], -x[..., 0]], -1)
    >>> states, memory = solve(ZOO["revnet"], swing, torch.ones(2), 50, return_memory=True)
    >>> bool((reconstruct(ZOO["revnet"], swing, memory, 50) - states).abs().max() < 1e-5)
    True
    """
    if scheme.retreat is None:
        raise ValueError(
            f"{scheme.architecture} has no inverse in closed form: invert each block by a fixed-"
            "point iteration, if its branch contracts, or choose a scheme that has `retreat`."
        )
    t0, h = span[0], (span[1] - span[0]) / steps
    states = [memory[0]]
    for n in reversed(range(steps)):
        # Back at the start only x0 is left: the second state of a two-step scheme *is* x0.
        memory = (
            memory[1:] if n == 0 and len(memory) > 1 else scheme.retreat(f, t0 + n * h, memory, h)
        )
        states.append(memory[0])
    return torch.stack(states[::-1])


def spectral_radius(scheme: Scheme, z) -> np.ndarray:
    """The largest factor |ζ(z)| of a step on ẋ = λx, z = λh: above 1 the states blow up.

    For a one-step scheme this is |R(z)|, for a multistep scheme the largest root of its
    characteristic polynomial (Hairer & Wanner, Solving ODEs II, V.1), for stochastic depth the
    root mean square factor.

    >>> from course_lib.schemes import ZOO
    >>> float(spectral_radius(ZOO["resnet"], -2.5))
    1.5
    """
    return np.abs(scheme.factors(np.asarray(z, dtype=complex))).max(-1)
