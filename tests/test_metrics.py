"""Measures against numbers worked out by hand."""

import pytest
import torch
from torch import nn

from course_lib.metrics import accuracy, error_rate, gradient_norms, observed_order, rmse
from course_lib.nets import PlainNet, ResidualNet


def test_accuracy_and_error_rate():
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    labels = torch.tensor([0, 0, 0])
    assert accuracy(logits, labels) == pytest.approx(2 / 3)
    assert error_rate(logits, labels) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="labels"):
        accuracy(logits, labels[:, None])


def test_rmse_refuses_to_broadcast():
    assert rmse(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0])) == pytest.approx(2**0.5)
    with pytest.raises(ValueError, match="shapes differ"):
        rmse(torch.zeros(3), torch.zeros(3, 1))


def test_observed_order():
    steps = [0.1, 0.05, 0.025]
    assert observed_order([7 * h**3 for h in steps], steps) == pytest.approx(3)
    with pytest.raises(ValueError, match="two or more"):
        observed_order([1.0], [0.1])
    with pytest.raises(ValueError, match="positive"):
        observed_order([1e-3, 0.0], [0.1, 0.05])


def test_gradient_norms_are_those_of_backward_block_by_block():
    net = ResidualNet(4, 3, n_in=2, n_out=2, generator=torch.Generator().manual_seed(0))
    loss = net(torch.ones(5, 2)).square().sum()
    norms = gradient_norms(net, loss)
    loss.backward()
    expected = torch.stack([block.linear.weight.grad.norm() for block in net.blocks])
    assert norms.shape == (3,) and not norms.requires_grad
    assert torch.allclose(norms, expected)


def test_gradient_norms_of_another_loss_is_an_error():
    net = PlainNet(4, 2)
    with pytest.raises(ValueError, match="does not depend"):
        gradient_norms(net, torch.zeros((), requires_grad=True) * 1.0)


def test_gradient_norms_of_an_unused_layer_is_zero():
    net = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    norms = gradient_norms(net, net[0](torch.ones(1, 2)).sum())
    assert norms[0] > 0 and norms[1] == 0
