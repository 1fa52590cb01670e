"""The rival of the latent ODE in notebook 13: a GRU that predicts the next observation.

model = AutoregressiveGRU("residual", generator=g)
loss = model.loss(t, x)                    # the second half of each row from its own predictions
x_hat = model.forecast(t, x, later)        # [n, k, 2] at times [k] or [n, k] after the last of t
"""

from collections.abc import Sequence
from itertools import count

import torch
from torch import Tensor, nn

from course_lib.nets import initialise, seeded_gru
from course_lib.sequences.latent import GAP_SCALE
from course_lib.sequences.spirals import thinned_batch
from course_lib.training import History, cosine, train

KINDS = ("plain", "residual", "velocity")


class AutoregressiveGRU(nn.Module):
    """x̂ at the next time, from a state that has read (x, time to wait) so far.

    Args:
        kind: what the state is turned into: `"plain"`, the next position (the kind that Chen et
            al. 2018 compare with); `"residual"`, a change of the last one; `"velocity"`, a change
            a unit of time, so that the model takes Euler steps.
        hidden: width of the state.
        generator: source of the initial weights; torch's global one if None.

    >>> model = AutoregressiveGRU(generator=torch.Generator().manual_seed(0))
    >>> t, x = torch.rand(3, 8).sort().values, torch.zeros(3, 8, 2)
    >>> model.forecast(t, x, torch.tensor([1.5, 2.0])).shape
    torch.Size([3, 2, 2])
    """

    def __init__(self, kind: str = "residual", hidden: int = 64, generator=None):
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}: choose from {list(KINDS)}")
        self.kind = kind
        self.gru = seeded_gru(3, hidden, generator)
        self.head = initialise(nn.Linear(hidden, 2), generator=generator)

    def forecast(self, t: Tensor, x: Tensor, later: Tensor) -> Tensor:
        """Read t [n, m], x [n, m, 2], then predict at `later`, feeding predictions back."""
        later = later.expand(len(t), -1) if later.dim() == 1 else later
        if bool((later[:, 0] < t[:, -1]).any()) or bool((later.diff(dim=1) < 0).any()):
            raise ValueError("an autoregressive model predicts times after the data, in order")
        gaps = GAP_SCALE * torch.cat([t, later], dim=1).diff(dim=1)[..., None]
        m = t.shape[1]
        state = self.gru(torch.cat([x, gaps[:, :m]], dim=-1))[0][:, -1]
        predictions = [self._next(x[:, -1], gaps[:, m - 1], state)]
        for gap in gaps[:, m:].unbind(1):
            inputs = torch.cat([predictions[-1], gap], dim=-1)
            state = torch.gru_cell(inputs, state, *self.gru.parameters())
            predictions.append(self._next(predictions[-1], gap, state))
        return torch.stack(predictions, dim=1)

    def loss(self, t: Tensor, x: Tensor, forced: float = 0.5) -> Tensor:
        """Mean square error over a row: one step ahead in its first part, free in the rest.

        Args:
            forced: the share of the row that is read; what follows is forecast.
        """
        m = max(2, round(forced * t.shape[1]))
        before, gaps = x[:, : m - 1], GAP_SCALE * t[:, :m].diff(dim=1)[..., None]
        ahead = self._next(before, gaps, self.gru(torch.cat([before, gaps], dim=-1))[0])
        errors = (ahead - x[:, 1:m]).square()
        if m < t.shape[1]:
            free = self.forecast(t[:, :m], x[:, :m], t[:, m:])
            errors = torch.cat([errors, (free - x[:, m:]).square()], dim=1)
        return errors.mean()

    def _next(self, x: Tensor, gap: Tensor, state: Tensor) -> Tensor:
        change = self.head(state)
        return {"plain": change, "residual": x + change, "velocity": x + gap * change}[self.kind]


def fit_autoregressive(
    model: AutoregressiveGRU,
    t: Tensor,
    x: Tensor,
    generator: torch.Generator,
    *,
    sizes: Sequence[int] = (30, 50, 100),
    steps: int = 800,
    lr: float = 1e-2,
    **options,
) -> History:
    """Fit a forecaster to the same random subsets that `fit_latent` draws.

    In the first 30 % of the steps the share of each row that is read, not forecast, shrinks from
    all of it to a quarter. `options` go to `training.train`.

    >>> from course_lib.sequences.spirals import draw_spirals
    >>> s = draw_spirals(4, torch.Generator().manual_seed(0), m=10)
    >>> model, generator = AutoregressiveGRU(), torch.Generator().manual_seed(1)
    >>> history = fit_autoregressive(
    ...     model, s.t, s.x, generator, sizes=(5,), steps=2, progress=False
    ... )
    >>> len(history.loss)
    2
    """
    batches = count()

    def draw(generator):
        return thinned_batch(t, x, sizes, generator)[1:]

    def loss(model, t, x):
        return model.loss(t, x, 1 - 0.75 * min(1.0, next(batches) / (0.3 * steps)))

    settings = {"lr": lr, "schedule": cosine(min(0.1, 50 / steps)), "clip": 1.0}
    return train(model, loss, draw, steps=steps, generator=generator, **settings, **options)
