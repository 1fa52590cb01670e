"""Trajectories: sample a system at chosen times, cut pairs and windows, step and roll out.

times = sample_times(16, 30, gap=0.2, generator=g, irregularity=1.0)   # [16, 31], all different
x = observe(system, starts, times)                                     # [16, 31, 2]
before, after, gaps = pairs(times, x)                                  # 480 examples
fit_step(net, lambda x, gap: flow(net, x, gap), before, after, gaps)   # a neural ODE

A *step* is a function `step(x, gap)` from states `[n, d]` and times to wait `[n, 1]` to the states
that follow; maps ignore the gap.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_lib.solvers import odeint
from course_lib.systems import System


def spread_starts(side: int, half: float, generator: torch.Generator) -> Tensor:
    """Random points [side², 2] of the square [−half, half]², one in each of side × side cells.

    Stratified, so that no seed leaves a corner empty.

    >>> spread_starts(4, 3.0, torch.Generator().manual_seed(0)).shape
    torch.Size([16, 2])
    """
    if side < 1 or half <= 0:
        raise ValueError(f"need side ≥ 1 and half > 0, got side={side}, half={half}")
    corner = torch.arange(side, dtype=torch.get_default_dtype())
    cells = torch.cartesian_prod(corner, corner)
    return (2 * (cells + torch.rand(side**2, 2, generator=generator)) / side - 1) * half


def sample_times(
    n: int, m: int, gap: float, generator: torch.Generator, irregularity: float = 0.0
) -> Tensor:
    """Times [n, m + 1] of n trajectories: 0, then m gaps of mean `gap`.

    Args:
        irregularity: 0 for equal gaps, 1 for exponential ones (samples that come independently of
            one another, a Poisson process); in between a mixture of the two lengths.

    >>> sample_times(1, 2, 0.5, torch.Generator())
    tensor([[0.0000, 0.5000, 1.0000]])
    """
    if n < 1 or m < 1 or gap <= 0 or not 0 <= irregularity <= 1:
        raise ValueError(
            f"need n, m ≥ 1, gap > 0 and irregularity in [0, 1]; got {n}, {m}, {gap}, "
            f"{irregularity}"
        )
    random = torch.empty(n, m).exponential_(generator=generator)
    gaps = gap * ((1 - irregularity) + irregularity * random)
    return torch.cat([torch.zeros(n, 1), gaps.cumsum(1)], 1)


def observe(
    system: System,
    y0: Tensor,
    times: Tensor,
    noise: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """States [n, m, d] of a system that starts in y0 [n, d], at each trajectory's own times [n, m].

    Args:
        times: increasing along the second axis, with times[:, 0] = 0 (y0 is the first sample).
        noise: standard deviation of the Gaussian noise on every observed number.

    All trajectories are solved together, with outputs at the union of their times.

    >>> from course_lib.systems import exponential
    >>> times = torch.tensor([[0.0, 1.0], [0.0, 2.0]])
    >>> observe(exponential(1.0), torch.ones(2, 1), times)[:, -1, 0]
    tensor([2.7183, 7.3891])
    """
    if times.dim() != 2 or len(times) != len(y0):
        raise ValueError(
            f"times must be [n, m] with a row for each of the {len(y0)} starts, "
            f"got {list(times.shape)}"
        )
    if bool((times[:, 0] != 0).any()) or bool((times.diff(dim=1) <= 0).any()):
        raise ValueError("every row of times must start at 0 and increase")
    grid, index = torch.unique(times.double(), return_inverse=True)
    solution = odeint(system.func, y0.double(), grid, rtol=1e-9, atol=1e-9)
    x = solution[index, torch.arange(len(y0))[:, None]].to(y0.dtype)
    if not noise:
        return x
    return x + noise * torch.randn(x.shape, generator=generator, dtype=x.dtype)


def windows(times: Tensor, x: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """All runs of `length` consecutive samples: times [N, length] and states [N, length, d].

    N = n (m − length + 1), for times [n, m] and states [n, m, d]; trajectories are not mixed.

    >>> times = torch.arange(5.0)[None]
    >>> windows(times, times[..., None], length=3)[0].tolist()
    [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]
    """
    if not 1 <= length <= times.shape[1]:
        raise ValueError(f"a window of {length} does not fit into {times.shape[1]} samples")
    runs = times.unfold(1, length, 1).reshape(-1, length)
    states = x.unfold(1, length, 1).movedim(-1, 2)
    return runs, states.reshape(-1, length, x.shape[-1])


def pairs(times: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Neighbouring samples: states before and after, each [N, d], and the gaps [N, 1] between.

    >>> times = torch.tensor([[0.0, 0.5, 2.0]])
    >>> [part.flatten().tolist() for part in pairs(times, times[..., None])]
    [[0.0, 0.5], [0.5, 2.0], [0.5, 1.5]]
    """
    t, states = windows(times, x, length=2)
    return states[:, 0], states[:, 1], t[:, 1:] - t[:, :1]


def rollout(step: Callable[[Tensor], Tensor], x0: Tensor, n: int) -> Tensor:
    """The states x₀, step(x₀), step(step(x₀)), …: [n + 1, *x0.shape].

    >>> rollout(lambda x: x / 2, torch.tensor([8.0]), 3).flatten()
    tensor([8., 4., 2., 1.])
    """
    states = [x0]
    for _ in range(n):
        states.append(step(states[-1]))
    return torch.stack(states)


def flow(func: Callable[[Tensor], Tensor], x: Tensor, gap: Tensor, steps: int = 4) -> Tensor:
    """Follow dx/dt = func(x) from every state [n, d] for its own time gap [n, 1], all at once.

    With s = t/gap all rows share the interval 0 ≤ s ≤ 1, on which dx/ds = gap · func(x); RK4 takes
    `steps` equal steps there. A negative gap leads into the past.

    >>> x = flow(lambda x: -x, torch.ones(2, 1), torch.tensor([[0.1], [1.0]]))
    >>> x.flatten()
    tensor([0.9048, 0.3679])
    """
    unit = torch.tensor([0.0, 1.0], dtype=x.dtype)
    options = {"step_size": 1 / steps}
    return odeint(lambda s, z: gap * func(z), x, unit, method="rk4", options=options)[-1]


def fit_step(
    net: nn.Module,
    step: Callable[[Tensor, Tensor], Tensor],
    before: Tensor,
    after: Tensor,
    gaps: Tensor,
    iterations: int = 250,
) -> float:
    """Fit the parameters of `net` in place, so that step(before, gaps) ≈ after; return the RMSE.

    Full-batch L-BFGS with a line search (Nocedal & Wright 2006, ch. 7): for some hundred
    parameters and smooth models far more exact than Adam. Raises `ValueError` if the loss is not
    finite to begin with.

    >>> net = nn.Linear(1, 1)
    >>> x = torch.linspace(-1, 1, 9)[:, None]
    >>> fit_step(net, lambda x, gap: x + gap * net(x), x, 1.1 * x, 0.1 * torch.ones(9, 1)) < 1e-3
    True
    """
    optimizer = torch.optim.LBFGS(
        net.parameters(),
        max_iter=iterations,
        history_size=50,
        tolerance_grad=1e-10,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        return (step(before, gaps) - after).square().mean()

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    if not torch.isfinite(loss()):
        raise ValueError("the loss is not finite at the start: look for NaN in the data, or in net")
    optimizer.step(closure)
    return loss().sqrt().item()
