"""Two measures of how hard a learned flow works, to be looked at, or added to a loss.

Both are means over trajectories of an integral along them, per coordinate, by the trapezoidal
rule on the times at which the path is known. Source: Finlay et al. 2020, arXiv:2002.02798.
"""

from collections.abc import Callable

import torch
from torch import Tensor

RightHandSide = Callable[[float, Tensor], Tensor]


def kinetic_energy(func: RightHandSide, times: Tensor, path: Tensor) -> Tensor:
    """∫ ‖f(t, z(t))‖² dt / d along paths [m, n, d], known at times [m]; the mean over n.

    A path that moves on a straight line at constant speed is the cheapest between its ends.

    >>> times = torch.linspace(0, 1, 5)
    >>> path = torch.ones(5, 7, 2) * times[:, None, None]
    >>> kinetic_energy(lambda t, z: torch.ones_like(z), times, path).item()
    1.0
    """
    _check(times, path)
    squares = [func(t, z).square().mean() for t, z in zip(times.tolist(), path, strict=True)]
    return torch.trapezoid(torch.stack(squares), times)


def jacobian_norm(
    func: RightHandSide, times: Tensor, path: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """∫ ‖∂f/∂z‖²_F dt / d along paths [m, n, d], known at times [m]; the mean over n.

    With a generator it is estimated by one random vector v of signs for each state, for
    E ‖vᵀJ‖² = ‖J‖²_F: one backward pass (Hutchinson). Without one it is exact, by d passes.
    Rows of a batch must not depend on one another.

    >>> times, path = torch.tensor([0.0, 2.0]), torch.zeros(2, 7, 3)
    >>> jacobian_norm(lambda t, z: 3 * z, times, path).item()
    18.0
    """
    _check(times, path)
    d, values = path.shape[-1], []
    # a state to differentiate by: the path itself if it carries a graph, so that the penalty's
    # gradient reaches what made it
    path = path if path.requires_grad else path.clone().requires_grad_()
    with torch.enable_grad():
        for t, z in zip(times.tolist(), path, strict=True):
            z = z.view_as(z)
            f = func(t, z)
            if generator is None:
                probes = torch.eye(d, dtype=z.dtype)[:, None].expand(d, *z.shape)
            else:
                signs = torch.randint(2, z.shape, generator=generator)
                probes = (2 * signs - 1).to(z.dtype)[None]
            rows = [torch.autograd.grad(f, z, v, create_graph=True)[0] for v in probes]
            values.append(sum(row.square().sum(-1).mean() for row in rows) / d)
    return torch.trapezoid(torch.stack(values), times)


def _check(times: Tensor, path: Tensor) -> None:
    if path.dim() != 3 or len(times) != len(path) or len(times) < 2:
        raise ValueError(
            f"need a path [m, n, d] with m ≥ 2 and its m times, got {list(path.shape)} and "
            f"{list(times.shape)}"
        )
