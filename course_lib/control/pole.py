"""A pendulum with a motor at its pivot, and controls of every kind for it.

State (q, v): the angle from upright and its rate. q̈ = sin q + u, time measured so that gravity is
one; the torque u is held for one step of length h, in which the motion is integrated by RK4.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.nets import MLP
from course_lib.results import load_weights, save_weights

Control = Callable[[int, Tensor], Tensor]

#: The motor of the swing-up holds half of what is needed to keep the pole level.
SWING_LIMIT, SWING_WIDTH = 0.5, 24


@dataclass(frozen=True)
class Pole:
    """The pole, its clock and what its way costs.

    A control is called as `control(step, x)` with x `[..., 2]` and returns torques `[...]`. The
    cost is ∫ ½(q² + v² + κu²) dt + ½ g (q² + v²) at the end: for balancing, q is not reduced by
    full turns.

    Args:
        T, steps: horizon and number of steps.
        kappa, end: κ and g.

    >>> fall = Pole().roll(lambda k, x: 0 * x[..., 0], torch.tensor([0.1, 0.0]))[0]
    >>> fall.shape, bool(fall[-1, 0] > 2)
    (torch.Size([41, 2]), True)
    """

    T: float = 4.0
    steps: int = 40
    kappa: float = 0.5
    end: float = 5.0

    @property
    def h(self) -> float:
        """The length of a step."""
        return self.T / self.steps

    def velocity(self, x: Tensor, u: Tensor) -> Tensor:
        """(q̇, v̇) at states `[..., 2]` under torques `[...]`."""
        return torch.stack([x[..., 1], torch.sin(x[..., 0]) + u], -1)

    def step(self, x: Tensor, u: Tensor) -> Tensor:
        """The state a time h later, the torque held, by RK4."""
        h = self.h
        k1 = self.velocity(x, u)
        k2 = self.velocity(x + h / 2 * k1, u)
        k3 = self.velocity(x + h / 2 * k2, u)
        k4 = self.velocity(x + h * k3, u)
        return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    def roll(self, control: Control, x0: Tensor) -> tuple[Tensor, Tensor]:
        """States `[steps + 1, ..., 2]` and torques `[steps, ...]` from x0 `[..., 2]`."""
        xs, us = [x0], []
        for k in range(self.steps):
            us.append(control(k, xs[-1]).expand(x0.shape[:-1]))
            xs.append(self.step(xs[-1], us[-1]))
        return torch.stack(xs), torch.stack(us)

    def cost(self, control: Control, x0: Tensor) -> Tensor:
        """What a control costs from each start, `[...]`; the running cost by trapezia."""
        xs, us = self.roll(control, x0)
        size = (xs**2).sum(-1)
        running = 0.5 * ((size[1:] + size[:-1]) / 2 + self.kappa * us**2)
        return self.h * running.sum(0) + 0.5 * self.end * size[-1]


class Feedback(nn.Module):
    """A feedback law u(x): a small tanh net of (sin q, cos q, v), times the strength of the motor.

    Args:
        width: of its two hidden layers.
        limit: the largest torque; None for no limit.
        steps: how many there are, if the law may look at the clock as well; None if it may not.
        generator: source of randomness.

    >>> law = Feedback(limit=0.5)
    >>> bool(law(0, torch.randn(7, 2)).abs().max() < 0.5)
    True
    """

    def __init__(
        self,
        width: int = 16,
        *,
        limit: float | None = None,
        steps: int | None = None,
        generator=None,
    ):
        super().__init__()
        self.limit, self.steps = limit, steps
        n_in = 3 if steps is None else 4
        self.net = MLP([n_in, width, width, 1], init="xavier", generator=generator)

    def forward(self, k: int, x: Tensor) -> Tensor:
        q, v = x[..., 0], x[..., 1]
        seen = [torch.sin(q), torch.cos(q), v]
        if self.steps is not None:
            seen.append(torch.full_like(q, k / self.steps))
        u = self.net(torch.stack(seen, -1))[..., 0]
        return u if self.limit is None else self.limit * torch.tanh(u)


def swing_up_cost(pole: Pole, law: Control, x0: Tensor) -> Tensor:
    """What a swing-up costs from each start, `[...]`: 1 − cos q counts, so full turns are free.

    ∫ (1 − cos q + v²/10 + u²/20) dt, and three times the first two terms at the end.

    >>> standing = torch.zeros(1, 2)
    >>> swing_up_cost(Pole(), lambda k, x: 0 * x[..., 0], standing).item()
    0.0
    """
    xs, us = pole.roll(law, x0)
    off = 1 - torch.cos(xs[1:, ..., 0]) + 0.1 * xs[1:, ..., 1] ** 2
    return pole.h * (off + 0.05 * us**2).sum(0) + 3 * off[-1]


def stands(x: Tensor) -> Tensor:
    """Whether a pole stands nearly upright and nearly still, `[..., 2]` → `[...]`.

    >>> stands(torch.tensor([[0.05, 0.0], [6.2832, 0.05], [0.5, 0.0]])).tolist()
    [True, True, False]
    """
    return 1 - torch.cos(x[..., 0]) + 0.5 * x[..., 1] ** 2 < 0.01


def basin(law: Control, *, time: float = 40.0) -> Tensor:
    """From which starts the pole stands after a time: booleans `[41, 31]` over q and v.

    The starts are a grid on |q| ≤ π, |v| ≤ 3.

    >>> bool(basin(lambda k, x: 0 * x[..., 0], time=1.0)[20, 15])  # the one that stands already
    True
    """
    q, v = torch.linspace(-torch.pi, torch.pi, 41), torch.linspace(-3, 3, 31)
    starts = torch.stack(torch.meshgrid(q, v, indexing="ij"), -1)
    pole = Pole(T=time, steps=round(10 * time))
    with torch.no_grad():
        return stands(pole.roll(law, starts)[0][-1])


def save_laws(laws: dict[int, Feedback]) -> None:
    """Store the weights of a law for each seed as plain arrays."""
    named = {seed: law.state_dict().items() for seed, law in laws.items()}
    save_weights("swing_up", {f"{s}/{k}": v for s, items in named.items() for k, v in items})


def load_law(seed: int) -> Feedback:
    """The swing-up law that experiments/feedback.py trained from a seed, in the default dtype.

    Raises `FileNotFoundError`, naming the script that makes the weights; `KeyError` for a seed
    that was not trained.

    >>> load_law(0).limit
    0.5
    """
    stored = load_weights("swing_up", experiment="feedback")
    law = Feedback(SWING_WIDTH, limit=SWING_LIMIT)
    law.load_state_dict({name: stored[f"{seed}/{name}"] for name in law.state_dict()})
    return law.requires_grad_(False)
