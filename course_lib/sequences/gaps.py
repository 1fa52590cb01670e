"""Gaps: which samples are there, losses that skip the others, and times of each row's own.

kept = lose(72, rate=0.3, gap=3, generator=g)          # [72], true where a sample is kept
loss = masked_mse(prediction, x, mask)                  # the mean over what was observed
times, x, mask = ragged([(t1, x1), (t2, x2)])           # rows of unequal length, padded
path = flow_through(field, x[:, 0], times)              # [rows, m, d], each row at its own times
leads = scheduled(24)(share)                            # how far ahead the loss looks, and when
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_lib.solvers import odeint


def lose(n: int, rate: float, generator: torch.Generator, gap: float = 0.0) -> Tensor:
    """Which of n samples are kept [n]: on average a share `rate` is lost, in runs.

    Args:
        rate: in [0, 1).
        gap: mean length of a run of lost samples. Independent losses make runs of 1/(1 − rate);
            that is also the shortest mean possible here, and smaller values stand for it.

    A Markov chain of two states: a lost sample is followed by a kept one with probability 1/gap.
    Raises `ValueError` if rate is not in [0, 1).

    >>> lose(8, 0.0, torch.Generator()).all().item()
    True
    >>> kept = lose(100_000, 0.5, torch.Generator().manual_seed(0), gap=10)
    >>> round(1 - kept.double().mean().item(), 1)
    0.5
    """
    if not 0 <= rate < 1:
        raise ValueError(f"the rate of loss must be in [0, 1), got {rate}; at 1 nothing is left")
    if rate == 0:
        return torch.ones(n, dtype=torch.bool)
    gap = max(gap, 1 / (1 - rate))
    back, away = 1 / gap, rate / (1 - rate) / gap
    chance = torch.rand(n, generator=generator).tolist()
    kept = [chance[0] >= rate]
    for p in chance[1:]:
        kept.append(p >= away if kept[-1] else p < back)
    return torch.tensor(kept)


def masked_mse(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean of the squared errors where `mask` is true; all three of one shape.

    `target` may hold anything, NaN too, where the mask is false. Raises `ValueError` if nothing
    was observed.

    >>> x = torch.tensor([1.0, float("nan"), 3.0])
    >>> masked_mse(torch.zeros(3), x, torch.tensor([True, False, True])).item()
    5.0
    """
    if not mask.any():
        raise ValueError("the mask is false everywhere: there is nothing to compare with")
    # Chosen before squaring: NaN · 0 is NaN, forward and in the gradient.
    return (prediction[mask] - target[mask]).square().mean()


def bridge(times: Tensor, x: Tensor, mask: Tensor) -> Tensor:
    """Linear interpolation in time between the observed rows: x [n, d], times and mask [n].

    Before the first and after the last observed row its value is kept. Raises `ValueError` if no
    row was observed.

    >>> x = torch.tensor([[1.0], [9.0], [9.0], [4.0]])
    >>> bridge(torch.arange(4.0), x, torch.tensor([True, False, False, True])).flatten()
    tensor([1., 2., 3., 4.])
    """
    if not mask.any():
        raise ValueError("no row was observed: there is nothing to draw lines between")
    t, known = times[mask], x[mask]
    right = torch.searchsorted(t, times.contiguous()).clamp(max=len(t) - 1)
    left = (right - 1).clamp(min=0)
    width = torch.where(right == left, 1, t[right] - t[left])
    share = ((times - t[left]) / width).clamp(0, 1)[:, None]
    return torch.lerp(known[left], known[right], share.expand(-1, x.shape[1]))


def ragged(series: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    """Series (times [m_i], states [m_i, d]) as one batch: times, states, mask [n, m], padded.

    Padding repeats a row's last time and state, so that a flow stands still there; the mask is
    false on it. Raises `ValueError` for an empty series or times that do not increase.

    >>> a = (torch.tensor([0.0, 1.0]), torch.zeros(2, 1))
    >>> times, x, mask = ragged([a, (torch.tensor([0.5]), torch.ones(1, 1))])
    >>> times.tolist(), mask.tolist()
    ([[0.0, 1.0], [0.5, 0.5]], [[True, True], [True, False]])
    """
    if not series or any(len(t) == 0 or bool((t.diff() <= 0).any()) for t, _ in series):
        raise ValueError("every series needs a sample, and times that increase")
    m = max(len(t) for t, _ in series)
    index = [torch.arange(m).clamp(max=len(t) - 1) for t, _ in series]
    times = torch.stack([t[i] for (t, _), i in zip(series, index, strict=True)])
    states = torch.stack([x[i] for (_, x), i in zip(series, index, strict=True)])
    return times, states, torch.stack([torch.arange(m) < len(t) for t, _ in series])


def pieces(
    times: Tensor, x: Tensor, mask: Tensor, length: float, every: float
) -> list[tuple[Tensor, Tensor]]:
    """Overlapping parts of one series, each from an observed sample on, for `ragged`.

    Part k ends `length` after k · `every` and begins at the last observed time up to there. Parts
    of a single sample are left out.

    >>> t = torch.arange(5.0)
    >>> mask = torch.tensor([True, True, False, False, True])
    >>> [own.tolist() for own, _ in pieces(t, t[:, None], mask, length=2, every=2)]
    [[0.0, 1.0], [1.0, 4.0]]
    """
    seen, parts = times[mask], []
    for start in torch.arange(float(times[0]), float(times[-1]), every):
        begin = seen[seen <= start].max()
        own = mask & (times >= begin) & (times <= start + length)
        parts.append((times[own], x[own]))
    return [part for part in parts if len(part[0]) > 1]


def flow_through(
    func: Callable[[Tensor, Tensor], Tensor], x0: Tensor, times: Tensor, steps: int = 1
) -> Tensor:
    """States [n, m, d] of dx/dt = func(t, x) at each row's own times [n, m], from x0 [n, d].

    Between two neighbouring times all rows share 0 ≤ s ≤ 1, where t = t_left + s · gap, and RK4
    takes `steps` steps. func is called with t [n, 1].

    >>> times = torch.tensor([[0.0, 1.0], [0.0, 0.1]])
    >>> flow_through(lambda t, x: -x, torch.ones(2, 1), times, steps=4)[:, 1].flatten()
    tensor([0.3679, 0.9048])
    """
    if times.dim() != 2 or len(times) != len(x0):
        raise ValueError(f"times must be [{len(x0)}, m], a row for each state, got {times.shape}")
    unit, options = times.new_tensor([0.0, 1.0]), {"step_size": 1 / steps}
    path = [x0]
    for left, right in zip(times.T[:-1, :, None], times.T[1:, :, None], strict=True):
        gap = right - left

        def speed(s, x, left=left, gap=gap):
            return gap * func(left + s * gap, x)

        path.append(odeint(speed, path[-1], unit, method="rk4", options=options)[-1])
    return torch.stack(path, 1)


def scheduled(longest: int, first: int = 1, until: float = 0.6) -> Callable[[float], int]:
    """How many steps ahead the loss looks, as a function of the share of training done.

    It grows evenly from `first` to `longest`, which it reaches at the share `until`.
    `scheduled(24, 24)` always looks 24 steps ahead, `scheduled(1)` always one.

    >>> [scheduled(24)(share) for share in (0.0, 0.2, 0.6, 0.9)]
    [1, 9, 24, 24]
    """
    if not 1 <= first <= longest or not 0 < until <= 1:
        raise ValueError(
            f"need 1 ≤ first ≤ longest and 0 < until ≤ 1; got {first}, {longest}, {until}"
        )
    return lambda share: min(longest, first + int((longest - first) * share / until + 0.5))
