"""The latent ODE: a recurrent encoder read backwards, a Gaussian, an ODE, a line to the data.

model = LatentODE(generator=g)
mean, log_var = model.encode(t, x)          # q(z₀ | observations), from irregular times [n, m]
z0 = reparametrise(mean, log_var, g)        # a sample of it
x_hat = model.decode(z0, times)             # any times, also before 0 and after the data
loss = -elbo(model, t, x, g).mean()

Source: Chen, Rubanova, Bettencourt & Duvenaud 2018, arXiv:1806.07366, section 5.
"""

import math
from collections.abc import Sequence
from itertools import count

import torch
from torch import Tensor, nn

from course_lib.nets import MLP, initialise, seeded_gru
from course_lib.sequences.bound import kl_to_standard, log_likelihood, reparametrise
from course_lib.sequences.spirals import TURN, thinned_batch
from course_lib.solvers import odeint
from course_lib.training import History, cosine, train

GAP_SCALE = 4.0  # of the gaps that the encoder reads: thirty observations a turn are 0.2 apart

# --- encoder, field, decoder ---------------------------------------------------------------------


class BackwardEncoder(nn.Module):
    """A GRU over the observations from the last to the first, then mean and log-variance of z₀.

    Each observation comes with the time since the one before it (for the first, since t = 0): run
    backwards, that is the gap which the state has to cross next, and the last word is about t = 0.

    Args:
        latent: entries of z₀.
        hidden: width of the GRU.
        group: observations that it reads at once; fewer, wider steps are several times faster.

    Shapes: t [n, m], x [n, m, 2], m a multiple of group → two tensors [n, latent].

    >>> t, x = torch.rand(3, 10).sort().values, torch.zeros(3, 10, 2)
    >>> mean, log_var = BackwardEncoder(latent=4)(t, x)
    >>> mean.shape, log_var.shape
    (torch.Size([3, 4]), torch.Size([3, 4]))
    """

    def __init__(self, latent: int = 4, hidden: int = 64, group: int = 5, generator=None):
        super().__init__()
        self.group = group
        self.gru = seeded_gru(3 * group, hidden, generator)
        self.head = initialise(nn.Linear(hidden, 2 * latent), generator=generator)

    def forward(self, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        n, m = t.shape
        if m % self.group or x.shape[:2] != t.shape:
            raise ValueError(
                f"need t [n, m] and x [n, m, 2] with m a multiple of {self.group}; got "
                f"{list(t.shape)} and {list(x.shape)}"
            )
        gaps = GAP_SCALE * t.diff(dim=1, prepend=t.new_zeros(n, 1))
        inputs = torch.cat([x, gaps[..., None]], dim=-1).flip(1)
        _, state = self.gru(inputs.reshape(n, m // self.group, -1))
        mean, log_var = self.head(state[0]).chunk(2, dim=-1)
        return mean, log_var


class LatentODE(nn.Module):
    """z₀ ~ N(0, I), z' = f(z), x = W z + b + noise; and an encoder that guesses z₀ from data.

    Args:
        latent: entries of z.
        hidden: width of the one hidden layer of f, and of the encoder.
        sigma: standard deviation of the noise on the data, taken as known.
        step: the step of RK4.
        generator: source of the initial weights; torch's global one if None.

    >>> model = LatentODE(generator=torch.Generator().manual_seed(0))
    >>> mean, log_var = model.encode(torch.rand(3, 10).sort().values, torch.zeros(3, 10, 2))
    >>> model.decode(mean, torch.tensor([-1.0, 0.0, 20.0])).shape
    torch.Size([3, 3, 2])
    """

    def __init__(
        self,
        latent: int = 4,
        hidden: int = 64,
        sigma: float = 0.08,
        step: float = TURN / 8,
        generator=None,
    ):
        super().__init__()
        self.sigma, self.step = sigma, step
        self.encode = BackwardEncoder(latent, hidden, generator=generator)
        self.field = MLP([latent, hidden, latent], generator=generator)
        self.head = initialise(nn.Linear(latent, 2), generator=generator)

    def trajectory(self, z0: Tensor, t: Tensor) -> Tensor:
        """z at times [k], or at each row's own times [n, k]: [n, k, latent], from z₀ at t = 0."""
        times = t.expand(len(z0), -1) if t.dim() == 1 else t
        after = self._run(z0, times, +1)
        if times.min() >= 0:
            return after
        return torch.where(times[..., None] < 0, self._run(z0, times, -1), after)

    def decode(self, z0: Tensor, t: Tensor) -> Tensor:
        """Positions without noise at times [k] or [n, k], any order and sign: [n, k, 2]."""
        return self.head(self.trajectory(z0, t))

    def _run(self, z0: Tensor, times: Tensor, sign: int) -> Tensor:
        """One solve for all rows on common nodes, and cubics to each row's own times."""
        reach = max(float((sign * times).max()), self.step)
        nodes = sign * self.step * torch.arange(math.ceil(reach / self.step - 1e-6) + 1)
        nodes = nodes.to(z0.dtype)
        options = {"step_size": self.step}
        z = odeint(lambda t, z: self.field(z), z0, nodes, method="rk4", options=options)
        return hermite(z, self.field(z), sign * self.step, times)


def hermite(z: Tensor, slopes: Tensor, h: float, times: Tensor) -> Tensor:
    """The cubics through states and slopes at 0, h, 2h, …, read at each row's own times.

    Shapes: z, slopes [k, n, d], times [n, m] → [n, m, d]. Times outside the nodes are read at the
    nearest end. Source: Hairer, Nørsett & Wanner 1993, II.6 (cubic Hermite), error O(h⁴).

    >>> t = torch.tensor([0.0, 1.0])[:, None, None]
    >>> hermite(t**3, 3 * t**2, 1.0, torch.tensor([[0.5]])).item()
    0.125
    """
    place = (times / h).clamp(0, len(z) - 1)
    left = place.long().clamp(max=len(z) - 2)
    s = (place - left)[..., None]
    row = torch.arange(times.shape[0])[:, None]
    z0, z1, k0, k1 = z[left, row], z[left + 1, row], slopes[left, row], slopes[left + 1, row]
    r = 1 - s
    return z0 + s * s * (3 - 2 * s) * (z1 - z0) + h * s * r * (r * k0 - s * k1)


def elbo(
    model: LatentODE,
    t: Tensor,
    x: Tensor,
    generator: torch.Generator | None = None,
    *,
    beta: float = 1.0,
    horizon: float = math.inf,
    sigma: float | Tensor | None = None,
) -> Tensor:
    """One-sample estimate of the evidence lower bound of each row, in nats: [n].

    Args:
        t, x: observations, [n, m] and [n, m, 2].
        beta: weight of the KL term, below 1 only while training warms up.
        horizon: observations after it are encoded, but not scored (in training: a curriculum).
        sigma: the noise, if it is not the model's; a number or [n, 1, 1].

    >>> from course_lib.sequences.spirals import draw_spirals
    >>> s = draw_spirals(4, torch.Generator().manual_seed(0), m=10)
    >>> elbo(LatentODE(), s.t, s.x).shape
    torch.Size([4])
    """
    return _bound_and_states(model, t, x, generator, beta, horizon, sigma)[0]


def _bound_and_states(model, t, x, generator, beta, horizon, sigma) -> tuple[Tensor, Tensor]:
    """The estimate of the bound, and the states z(t) that it scored, [n, m, latent]."""
    mean, log_var = model.encode(t, x)
    z0 = reparametrise(mean, log_var, generator)
    z = model.trajectory(z0, t.clamp(max=horizon))
    x_hat = torch.where((t <= horizon)[..., None], model.head(z), x)
    score = log_likelihood(x, x_hat, model.sigma if sigma is None else sigma)
    return score - beta * kl_to_standard(mean, log_var), z


def disagreement(model: LatentODE, t: Tensor, x: Tensor, z: Tensor, j: int) -> Tensor:
    """‖z(t_j) − what the encoder says of the observations from t_j on‖², one a row: [n].

    An autonomous system does not know when the clock was started, so both are the same state.

    Args:
        z: states [n, m, latent] at the observation times t [n, m].
        j: which observation becomes the new time 0.

    >>> from course_lib.sequences.spirals import draw_spirals
    >>> s = draw_spirals(4, torch.Generator().manual_seed(0), m=10)
    >>> model = LatentODE()
    >>> z = model.trajectory(model.encode(s.t, s.x)[0], s.t)
    >>> disagreement(model, s.t, s.x, z, 5).shape
    torch.Size([4])
    """
    later = t[:, j:] - t[:, j : j + 1]
    return (z[:, j] - model.encode(later, x[:, j:])[0]).square().sum(-1)


def fit_latent(
    model: LatentODE,
    t: Tensor,
    x: Tensor,
    generator: torch.Generator,
    *,
    sizes: Sequence[int] = (30, 50, 100),
    steps: int = 1500,
    agreement: float = 0.3,
    sigma: Tensor | None = None,
    **options,
) -> History:
    """Maximise the ELBO of observations [n, m], [n, m, 2], a random subset of each at every step.

    Args:
        sizes: how many observations a batch keeps of each curve; drawn anew for every batch.
        agreement: weight of `disagreement` about a random later observation; without it, some
            seeds predict the time after the observations badly (data/results/latent.json).
        sigma: each curve's own noise [n], if it is not the model's.
        options: handed on to `training.train`, such as `monitor`.

    For the first 30 % of the steps the weights of the KL term and of the disagreement grow from 0
    to all, and the scored observations from the first quarter of the time to all of it.

    >>> from course_lib.sequences.spirals import draw_spirals
    >>> s = draw_spirals(4, torch.Generator().manual_seed(0), m=10)
    >>> generator = torch.Generator().manual_seed(1)
    >>> history = fit_latent(LatentODE(), s.t, s.x, generator, sizes=(5,), steps=2, progress=False)
    >>> len(history.loss)
    2
    """
    batches = count()

    def draw(generator):
        rows, times, states = thinned_batch(t, x, sizes, generator)
        return times, states, None if sigma is None else sigma[rows, None, None]

    def loss(model, t, x, noise):
        ramp, m = min(1.0, next(batches) / (0.3 * steps)), t.shape[1]
        horizon = TURN * (0.25 + 0.75 * ramp)
        bound, z = _bound_and_states(model, t, x, generator, ramp, horizon, noise)
        value = -bound.mean() / x[0].numel()
        if agreement and m >= 10:
            group = model.encode.group
            j = group * int(
                torch.randint(1, max(2, 7 * m // (10 * group)), (), generator=generator)
            )
            scored = t[:, j] <= horizon
            value = value + agreement * ramp * (scored * disagreement(model, t, x, z, j)).mean()
        return value

    adam = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.98), fused=True)
    settings = {"optimizer": adam, "schedule": cosine(min(0.1, 50 / steps)), "clip": 1.0}
    return train(model, loss, draw, steps=steps, generator=generator, **settings, **options)
