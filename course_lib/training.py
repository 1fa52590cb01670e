"""One training loop for the whole course: seeded, with a progress bar, loud about a bad loss.

def loss(net, x, y):
    return torch.nn.functional.cross_entropy(net(x), y)

history = train(net, loss, (x, y), steps=250, batch_size=128, generator=generator())
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}


@dataclass
class History:
    """What a run recorded: `loss` [steps], and `monitored[name]` at the steps `monitored_at`."""

    loss: list[float] = field(default_factory=list)
    monitored: dict[str, list[float]] = field(default_factory=dict)
    monitored_at: list[int] = field(default_factory=list)


class TrainingError(RuntimeError):
    """The loss stopped being a finite number; carries `step` and the `history` up to it."""

    def __init__(self, message: str, step: int, history: History):
        super().__init__(message)
        self.step, self.history = step, history


def progress_enabled() -> bool:
    """False while notebooks are executed for the repository or in CI: bars differ at every run.

    >>> isinstance(progress_enabled(), bool)
    True
    """
    return not (os.environ.get("COURSE_EXECUTING") or os.environ.get("CI"))


def cosine(warm_up: float = 0.0) -> Callable[[float], float]:
    """A learning-rate schedule: linear warm-up over a share of the run, then half a cosine to zero.

    >>> [round(cosine(warm_up=0.1)(share), 3) for share in (0.0, 0.05, 0.1, 0.55, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    if not 0 <= warm_up < 1:
        raise ValueError(f"warm_up is a share of the run in [0, 1), got {warm_up}")

    def factor(share: float) -> float:
        if share < warm_up:
            return share / warm_up
        return 0.5 * (1 + math.cos(math.pi * (share - warm_up) / (1 - warm_up)))

    return factor


def train(
    model: nn.Module,
    loss: Callable[..., Tensor],
    data: tuple[Tensor, ...] | Callable[[torch.Generator | None], tuple[Tensor, ...]] = (),
    *,
    steps: int,
    batch_size: int | None = None,
    optimizer: str | torch.optim.Optimizer = "adam",
    lr: float = 1e-3,
    schedule: Callable[[float], float] | None = None,
    clip: float | None = None,
    generator: torch.Generator | None = None,
    monitor: Callable[[nn.Module], dict[str, float]] | None = None,
    every: int = 10,
    progress: bool = True,
) -> History:
    """Minimise `loss(model, *batch)` over the model's parameters, in place.

    Args:
        model: changed in place; its training or evaluation mode is left as it was.
        loss: gives a scalar from the model and a batch.
        data: tensors of equal length, or a function of the generator that draws a fresh batch.
        steps: updates to make.
        batch_size: rows drawn (with replacement) for every step; None takes all.
        optimizer: `"adam"`, `"adamw"`, `"sgd"`, or an optimizer already made.
        lr: learning rate; not used where an optimizer is handed in.
        schedule: factor on the learning rate as a function of the share of steps done, in [0, 1).
        clip: largest norm of the whole gradient.
        generator: source of the batches; torch's global one if None.
        monitor: measures, taken before the first step, every `every` steps and at the end, in
            evaluation mode and without a graph.
        progress: show a bar (never while `progress_enabled()` is False).

    Errors: `TrainingError` at the first loss that is not finite; `ValueError` for bad arguments.

    >>> net = nn.Linear(1, 1)
    >>> x = torch.linspace(-1, 1, 9)[:, None]
    >>> squared = lambda net, x, y: (net(x) - y).square().mean()
    >>> history = train(net, squared, (x, 3 * x), steps=200, lr=0.1, progress=False)
    >>> history.loss[-1] < 1e-3
    True
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {optimizer!r}: choose from {sorted(OPTIMIZERS)}")
        # One fused kernel instead of a dozen small ones a tensor: a third of the step in deep nets.
        optimizer = OPTIMIZERS[optimizer](model.parameters(), lr=lr, fused=True)
    rates = [group["lr"] for group in optimizer.param_groups]
    history = History()
    for step in _bar(steps, progress):
        if monitor is not None and step % every == 0:
            _measure(model, monitor, step, history)
        if schedule is not None:
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * schedule(step / steps)
        value = loss(model, *_batch(data, batch_size, generator))
        history.loss.append(value.item())
        if not math.isfinite(history.loss[-1]):
            raise TrainingError(
                f"the loss is {history.loss[-1]} at step {step} of {steps}: "
                + _diagnosis(model, step),
                step,
                history,
            )
        optimizer.zero_grad()
        value.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
    if monitor is not None:
        _measure(model, monitor, steps, history)
    return history


def _batch(data, batch_size: int | None, generator) -> tuple[Tensor, ...]:
    if callable(data):
        return data(generator)
    if batch_size is None or not data:
        return tuple(data)
    rows = torch.randint(len(data[0]), (batch_size,), generator=generator)
    return tuple(column[rows] for column in data)


def _measure(model: nn.Module, monitor, step: int, history: History) -> None:
    mode = model.training
    model.eval()
    with torch.no_grad():
        for name, value in monitor(model).items():
            history.monitored.setdefault(name, []).append(float(value))
    model.train(mode)
    history.monitored_at.append(step)


def _diagnosis(model: nn.Module, step: int) -> str:
    if step == 0:
        return (
            "the untrained network already overflows. Check the data for NaN, then the scale "
            "of the initial weights (or of the residual branches)."
        )
    broken = any(not p.isfinite().all() for p in model.parameters())
    where = "the weights are no longer finite" if broken else "the weights are finite but too large"
    return f"{where}. Lower the learning rate, or bound the gradient with clip=1.0."


def _bar(steps: int, progress: bool):
    if not (progress and progress_enabled()):
        return range(steps)
    from tqdm.auto import tqdm

    return tqdm(range(steps), unit="step", leave=False)
