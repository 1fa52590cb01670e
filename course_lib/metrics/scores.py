"""Scores: how good a prediction is, how fast an error falls, how large a gradient is.

Everything takes tensors and hands back plain floats or a tensor without a graph.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of rows whose largest score stands at the label.

    Shapes: logits [n, classes], labels [n].

    >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    0.5
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"need logits [n, classes] and labels [n], got {tuple(logits.shape)} and "
            f"{tuple(labels.shape)}"
        )
    return (logits.argmax(dim=1) == labels).double().mean().item()


def error_rate(logits: Tensor, labels: Tensor) -> float:
    """1 − accuracy: share of rows that are classified wrongly.

    >>> error_rate(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    0.5
    """
    return 1.0 - accuracy(logits, labels)


def rmse(prediction: Tensor, target: Tensor) -> float:
    """Root of the mean squared difference, over all elements.

    >>> rmse(torch.tensor([3.0, 1.0]), torch.tensor([0.0, 4.0]))
    3.0
    """
    if prediction.shape != target.shape:
        # Broadcasting [n] against [n, 1] would quietly compare every pair.
        raise ValueError(
            f"shapes differ: {tuple(prediction.shape)} and {tuple(target.shape)}; reshape one"
        )
    return (prediction - target).double().square().mean().sqrt().item()


def observed_order(errors: Sequence[float], steps: Sequence[float]) -> float:
    """Slope of log error against log step size: the order at which a method is seen to converge.

    Least squares over all points; give only those above round-off.

    >>> round(observed_order([1e-2, 1e-4, 1e-6], [1e-1, 1e-2, 1e-3]), 6)
    2.0
    """
    errors, steps = np.asarray(errors, dtype=float), np.asarray(steps, dtype=float)
    if errors.shape != steps.shape or errors.size < 2:
        raise ValueError(f"need as many errors as steps, two or more: {errors.size}, {steps.size}")
    if not (np.all(errors > 0) and np.all(steps > 0)):
        raise ValueError("errors and steps must be positive: a logarithm is taken")
    return float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


def gradient_norms(model: nn.Module, loss: Tensor) -> Tensor:
    """Frobenius norm of the loss gradient with respect to each block's weight matrix.

    Args:
        model: a net with `.blocks` (`PlainNet`, `ResidualNet`), else any module: then one number
            for each weight matrix in the order of `parameters()`.
        loss: scalar, computed from `model`; its graph is kept.

    Returns:
        [blocks], first block first; no graph.

    Errors: ValueError where the loss does not depend on the model.

    >>> net = nn.Linear(2, 1)
    >>> gradient_norms(net, net(torch.tensor([[3.0, 4.0]])).sum())
    tensor([5.])
    """
    parts = getattr(model, "blocks", model)
    weights = [p for p in parts.parameters() if p.ndim == 2]
    gradients = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    if not any(g is not None for g in gradients):
        raise ValueError(
            "the loss does not depend on the model's weights: compute it from model(x)"
        )
    norms = [
        w.new_zeros(()) if g is None else g.norm() for g, w in zip(gradients, weights, strict=True)
    ]
    return torch.stack(norms).detach()
