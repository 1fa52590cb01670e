"""Forecasts of anomalies: four baselines and two learned models, all from the same `Windows`.

Every forecast is a tensor [N, leads, d]; the climatology is the forecast 0. Linear models are
fitted in closed form (`Damped`, `Ridge`), `Forecaster` by `fit`, with the flow of a neural ODE
or the repeated step of a ResNet map between its issue and its leads.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.nets import MLP
from course_lib.results import load_weights
from course_lib.sequences.gaps import masked_mse, scheduled
from course_lib.sequences.record import LEADS, Record, Windows, new_york
from course_lib.solvers import odeint
from course_lib.training import cosine, train

DAY = 24.0  # hours in the unit of a flow's time


def persistence(record: Record, windows: Windows) -> Tensor:
    """The last value seen stays: constant in the channel's units, so its anomaly moves.

    Where nothing was seen for a day it is the climatology.

    >>> record = new_york()
    >>> kept = torch.ones(len(record.times), dtype=torch.bool)
    >>> windows = record.windows("test", kept, every=50)
    >>> persistence(record, windows).shape == windows.target.shape
    True
    """
    hours = windows.issue[:, None] + torch.arange(1, LEADS + 1)
    seen = windows.issue[:, None] - windows.age.long().clamp(max=LEADS - 1)
    known = windows.age < LEADS
    normal = record.climate.gather(0, seen) - record.climate[hours].movedim(1, 0)
    return torch.where(known, windows.last + normal / record.scale, 0).movedim(0, 1)


@dataclass(frozen=True)
class Damped:
    """The last anomaly, times a factor [leads, d] for each lead and channel."""

    factor: Tensor

    @classmethod
    def fit(cls, windows: Windows) -> "Damped":
        """Least squares over the observed targets, one number for each lead and channel."""
        last = windows.last[:, None] * windows.mask
        return cls((last * windows.target).sum(0) / last.square().sum(0).clamp(min=1e-9))

    def __call__(self, windows: Windows) -> Tensor:
        return windows.last[:, None] * self.factor


@dataclass(frozen=True)
class Ridge:
    """A linear map of the features for each lead and channel: weights [k + 1, leads, d]."""

    weights: Tensor

    @classmethod
    def fit(cls, windows: Windows, penalty: float) -> "Ridge":
        """Minimise Σ (wᵀφ − x)² + penalty · N ‖w‖² over each channel's observed targets.

        The constant is not penalised.
        Source: Hoerl & Kennard 1970, doi:10.1080/00401706.1970.10488634.
        """
        phi = _with_one(windows.features).double()  # normal equations square the condition
        shrink = penalty * len(phi) * torch.eye(phi.shape[1], dtype=phi.dtype)
        shrink[-1, -1] = 0
        # Channels of one station miss the same hours: one system for each distinct mask.
        columns, which = torch.unique(windows.mask.flatten(1), dim=1, return_inverse=True)
        target = windows.target.flatten(1).double()
        weights = phi.new_empty(phi.shape[1], target.shape[1])
        for j, seen in enumerate(columns.T):
            mine = which == j
            own = phi[seen]
            weights[:, mine] = torch.linalg.solve(
                own.T @ own + shrink, own.T @ target[seen][:, mine]
            )
        return cls(weights.unflatten(1, windows.target.shape[1:]).to(windows.target.dtype))

    def __call__(self, windows: Windows) -> Tensor:
        return torch.tensordot(_with_one(windows.features), self.weights, 1)


def block_errors(forecast: Tensor, windows: Windows) -> Tensor:
    """For each block and lead the sum of squared errors, and of how many: [blocks, leads, 2].

    Sums of these over any blocks and leads give their mean squared error, as a quotient.

    >>> record = new_york()
    >>> kept = torch.ones(len(record.times), dtype=torch.bool)
    >>> windows = record.windows("test", kept, every=50)
    >>> sums = block_errors(windows.target + 2, windows)
    >>> sums.shape[1:], round((sums[..., 0].sum() / sums[..., 1].sum()).item(), 3)
    (torch.Size([24, 2]), 4.0)
    """
    error = torch.where(windows.mask, forecast - windows.target, 0).square().sum(-1)
    both = torch.stack([error, windows.mask.sum(-1).to(error.dtype)], -1)
    blocks, which = windows.block.unique(return_inverse=True)
    return both.new_zeros(len(blocks), *both.shape[1:]).index_add(0, which, both)


@torch.no_grad()
def forecast_error(forecast: Tensor | Callable[[Windows], Tensor], windows: Windows) -> float:
    """Root mean square error over all observed targets; a model is asked for its forecast first.

    Raises `ValueError` if forecast and targets differ in shape.

    >>> record = new_york()
    >>> kept = torch.ones(len(record.times), dtype=torch.bool)
    >>> windows = record.windows("test", kept, every=50)
    >>> round(forecast_error(windows.target + 2, windows), 3)
    2.0
    """
    made = forecast if isinstance(forecast, Tensor) else forecast(windows)
    if made.shape != windows.target.shape:
        raise ValueError(f"forecast {list(made.shape)}, but targets {list(windows.target.shape)}")
    return masked_mse(made, windows.target, windows.mask).sqrt().item()


def _with_one(features: Tensor) -> Tensor:
    return torch.cat([features, torch.ones_like(features[:, :1])], 1)


class Field(nn.Module):
    """dz/dt = A z + net(z, clock): linear relaxation and a correction; time in days.

    The correction's last layer starts at a tenth of its usual size, A at −1: at first every
    anomaly dies out within a day or so. `width=0` leaves the linear part alone.

    >>> Field(2, 0, torch.Generator())(torch.zeros(1, 4), torch.tensor([[1.0, 3.0]])).tolist()
    [[-1.0, -3.0]]
    """

    def __init__(self, dim: int, width: int, generator: torch.Generator):
        super().__init__()
        self.linear = nn.Parameter(-torch.eye(dim))
        self.net = MLP([dim + 4, width, dim], generator=generator) if width else None
        if width:
            with torch.no_grad():
                self.net.layers[-1].weight.mul_(0.1)
                self.net.layers[-1].bias.zero_()

    def forward(self, clock: Tensor, z: Tensor) -> Tensor:
        speed = z @ self.linear.T
        return speed if self.net is None else speed + self.net(torch.cat([z, clock], -1))


class Forecaster(nn.Module):
    """z(0) = last anomaly + linear map of the features; then a flow, or a map for each hour.

    Args:
        dim, features: sizes of the state and of `Windows.features`.
        kind: "ODE" (RK4, steps of `step` hours, any lead) or "map" (z ← z + f/24 each hour).
        extra: coordinates beyond the channels, which start from the features alone.
        width: hidden neurons of the field; 0 for a linear field.

    >>> record = new_york()
    >>> kept = torch.ones(len(record.times), dtype=torch.bool)
    >>> windows = record.windows("test", kept, every=50)
    >>> generator = torch.Generator().manual_seed(0)
    >>> model = Forecaster(record, windows.features.shape[1], generator=generator)
    >>> model(windows, leads=6).shape[1:]
    torch.Size([6, 15])
    """

    def __init__(self, record: Record, features: int, kind="ODE", extra=5, width=32, *, generator):
        super().__init__()
        if kind not in ("ODE", "map"):
            raise ValueError(f"kind is 'ODE' or 'map', got {kind!r}")
        self.record, self.kind, self.dim = record, kind, len(record.names)
        self.encode = nn.Linear(features, self.dim + extra)
        nn.init.normal_(self.encode.weight, std=0.01, generator=generator)
        nn.init.zeros_(self.encode.bias)
        self.field = Field(self.dim + extra, width, generator)

    def start(self, windows: Windows) -> Tensor:
        """z(0) [N, d + extra]."""
        z = self.encode(windows.features)
        return torch.cat([z[:, : self.dim] + windows.last, z[:, self.dim :]], 1)

    def speed(self, windows: Windows) -> Callable[[float, Tensor], Tensor]:
        """The right-hand side as a function of the time since the issue, in days."""
        issue = windows.issue.to(windows.last.dtype)
        return lambda t, z: self.field(self.record.clock(issue + DAY * float(t)), z)

    def path(self, windows: Windows, hours: Tensor, step: float = 3.0) -> Tensor:
        """States z [len(hours) , N, d + extra]; hours after the issue, increasing from 0."""
        z, speed = self.start(windows), self.speed(windows)
        if self.kind == "ODE":
            options = {"step_size": step / DAY}
            return odeint(speed, z, hours / DAY, method="rk4", options=options)
        states = [z]
        for hour in range(round(float(hours[-1]))):
            states.append(states[-1] + speed(hour / DAY, states[-1]) / DAY)
        return torch.stack(states)[hours.round().long()]

    def forward(self, windows: Windows, leads: int = LEADS) -> Tensor:
        """Forecasts [N, leads, d] for the next hours."""
        hours = torch.arange(leads + 1, dtype=windows.last.dtype)
        return self.path(windows, hours)[1:, :, : self.dim].movedim(0, 1)


def fit(
    model: Forecaster,
    windows: Windows,
    *,
    steps: int = 300,
    lr: float = 4e-3,
    decay: float = 1e-2,
    batch: int = 256,
    horizon: Callable[[float], int] = scheduled(LEADS, LEADS),
    penalty: Callable | None = None,
    monitor: Callable | None = None,
    generator: torch.Generator,
):
    """Train in place by AdamW on the masked mean square of the leads that `horizon` asks for.

    Args:
        horizon: share of training done → leads in the loss (`scheduled`).
        penalty: (model, windows) → a number that is added to the loss.

    Returns: the `training.History`.

    >>> record = new_york()
    >>> kept = torch.ones(len(record.times), dtype=torch.bool)
    >>> windows = record.windows("test", kept, every=50)
    >>> generator = torch.Generator().manual_seed(0)
    >>> model = Forecaster(record, windows.features.shape[1], generator=generator)
    >>> len(fit(model, windows, steps=2, batch=16, generator=generator).loss)
    2
    """
    done = 0

    def loss(model, index):
        nonlocal done
        leads, part = horizon(done / steps), windows.rows(index)
        done += 1
        value = masked_mse(model(part, leads), part.target[:, :leads], part.mask[:, :leads])
        return value if penalty is None else value + penalty(model, part)

    return train(
        model,
        loss,
        (torch.arange(len(windows)),),
        steps=steps,
        batch_size=batch,
        optimizer=torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay),
        schedule=cosine(0.02),
        clip=1.0,
        monitor=monitor,
        generator=generator,
        progress=False,
    )


def stored_models() -> tuple[Damped, Ridge, list[Forecaster]]:
    """Damped anomaly, ridge, and five neural ODEs (seeds 0–4), fitted at all rates of loss.

    In float32, for windows of `new_york(torch.float32)`; experiments/weather.py made them.

    >>> len(stored_models()[2])
    5
    """
    stored = {key: value.float() for key, value in load_weights("weather").items()}
    flows = []
    for seed in range(5):
        own = {key.split("/")[1]: v for key, v in stored.items() if key.startswith(f"{seed}/")}
        size = own["encode.weight"].shape[1]
        generator = torch.Generator().manual_seed(0)
        model = Forecaster(new_york(torch.float32), size, generator=generator).float()
        model.load_state_dict(own)
        flows.append(model)
    return Damped(stored["damped"]), Ridge(stored["ridge"]), flows
