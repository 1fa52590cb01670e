"""A crowd that must get past an obstacle: the game's costs, and measures of what the agents do.

Agents start as a Gaussian on the left and should become two Gaussians on the right. On the way they
pay ½‖v‖² + Q, at the end α_C log(ρ(1)/ρ₁), which depends on where all the others have gone.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.densities import Density, GaussianMixture
from course_lib.transport.dynamics import carry


@dataclass(frozen=True)
class Obstacle:
    """Q(x) = weight · exp(−‖x − centre‖² / 2 width²); called with (t, x [n, 2]), gives [n].

    >>> round(Obstacle()(0.0, torch.tensor([[0.5, 0.0]])).item(), 2)  # 100 e^−½
    60.65
    """

    centre: tuple[float, float] = (0.0, 0.0)
    width: float = 0.5
    weight: float = 100.0

    def __post_init__(self):
        if self.width <= 0:
            raise ValueError(f"an obstacle's width must be positive, got {self.width}")

    def __call__(self, t, x: Tensor) -> Tensor:
        square = (x - x.new_tensor(self.centre)).square().sum(1)
        return self.weight * torch.exp(-square / (2 * self.width**2))

    def entered(self, path: Tensor) -> Tensor:
        """Which agents of `path` [times, n, 2] come nearer than `width` to the centre, [n] bool."""
        distance = (path - path.new_tensor(self.centre)).norm(dim=2)
        return distance.min(0).values < self.width


def crowd_problem() -> tuple[GaussianMixture, GaussianMixture]:
    """(ρ₀, ρ₁): N((−2.5, 0), ½² I), and two Gaussians of width 0.4 at (2.5, ±1).

    This is figure 3 of Ruthotto 2024, arXiv:2401.03965, on its side, in half the scale.

    >>> start, goal = crowd_problem()
    >>> start.means.tolist(), goal.means.tolist()
    ([[-2.5, 0.0]], [[2.5, 1.0], [2.5, -1.0]])
    """
    start = GaussianMixture([[-2.5, 0.0]], std=0.5)
    return start, GaussianMixture([[2.5, 1.0], [2.5, -1.0]], std=0.4)


def miss(end, z: Tensor, start: Density, goal: Density) -> Tensor:
    """log ρ(1)/ρ₁ where each agent arrives, [n]; its mean is KL(ρ(1) ‖ ρ₁).

    Args:
        end: what `carry` made of the agents z [n, d], samples of `start`.

    >>> from course_lib.transport import VelocityField
    >>> start, _ = crowd_problem()
    >>> z = start.sample(5)
    >>> miss(carry(VelocityField(lambda t, x: 0 * x), z), z, start, start).abs().max().item()
    0.0
    """
    return start.log_prob(z) - end.log_det - goal.log_prob(end.x)


def crowd_loss(
    potential,
    z: Tensor,
    start: Density,
    goal: Density,
    running=None,
    weights: tuple[float, float, float] = (20.0, 3.0, 0.3),
    steps: int = 8,
) -> Tensor:
    """Mean over agents z of ∫(½‖v‖² + Q)dt + α_C log(ρ(1)/ρ₁), plus both penalties.

    Args:
        potential: a `Potential`.
        weights: α_C of the miss, α_R of ∫|HJB residual|dt, and α_T of the terminal condition
            Φ(1, x) = α_C log(ρ(1)/ρ₁) + constant.
        running, steps: see `carry`.

    Source: Ruthotto, Osher, Li, Nurbekyan & Wu Fung 2020, doi:10.1073/pnas.1922204117.

    >>> from course_lib.transport import Potential
    >>> start, goal = crowd_problem()
    >>> phi = Potential(2, generator=torch.Generator().manual_seed(0))
    >>> z = start.sample(9, torch.Generator().manual_seed(1))
    >>> free = crowd_loss(phi, z, start, goal, steps=2)
    >>> bool(crowd_loss(phi, z, start, goal, Obstacle((-2.5, 0.0)), steps=2) > free)
    True
    """
    miss_weight, hjb, terminal = weights
    end = carry(potential, z, steps=steps, running=running)
    G = miss_weight * miss(end, z, start, goal)
    off = potential(1.0, end.x) - G
    loss = end.kinetic + end.running + G + hjb * end.residual
    return (loss + terminal * (off - off.mean()).abs()).mean()


def turning(path: Tensor, centre=(0.0, 0.0)) -> Tensor:
    """The angle by which each path [times, n, 2] turns about `centre`, [n], in radians.

    Paths from left to right that pass above turn by about −π, those below by about π.

    >>> t = torch.linspace(-1, 1, 21)
    >>> above = torch.stack([t, 0.1 + 0 * t], 1)[:, None]
    >>> turning(above).item() < -2.9 and turning(-above.flip(0)).item() > 2.9
    True
    """
    away = path - path.new_tensor(centre)
    angle = torch.atan2(away[..., 1], away[..., 0])
    steps = angle[1:] - angle[:-1]
    return torch.remainder(steps + math.pi, 2 * math.pi).sub(math.pi).sum(0)


def visitors(field, place, times: Tensor, steps: int = 60) -> Tensor:
    """Where the agents start that stand at `place` (two numbers) at each of `times`, [k, 2].

    A flow can be run backwards from anywhere, so at every moment exactly one agent of the whole
    plane stands there; whether the crowd has agents where it comes from is another question.

    >>> from course_lib.transport import VelocityField
    >>> ahead = VelocityField(lambda t, x: torch.ones_like(x))
    >>> found = visitors(ahead, (1.0, 1.0), torch.tensor([0.5]))
    >>> [round(number, 4) for number in found[0].tolist()]
    [0.5, 0.5]
    """
    at = torch.as_tensor(place, dtype=torch.get_default_dtype())[None]
    found = [carry(field, at, (t, 0.0), steps).x if t > 0 else at for t in times.tolist()]
    return torch.cat(found)
