"""Neurons, layers, losses, folds and the ReLU interpolant of notebook 01."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.neurons import (
    ACTIVATIONS,
    crease,
    cross_entropy,
    feedforward,
    fold,
    layer,
    mse,
    neuron,
    paper_star,
    relu,
    relu_interpolant,
)

sigmoid, step = ACTIVATIONS["sigmoid"], ACTIVATIONS["step"]


pytestmark = pytest.mark.usefixtures("float64")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- Activations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_is_that_of_the_function(name):
    phi = ACTIVATIONS[name]
    z = torch.linspace(-6, 6, 240)  # without the kink at 0
    h = 1e-6
    quotient = (phi(z + h) - phi(z - h)) / (2 * h)
    assert torch.allclose(phi.derivative(z), quotient, atol=1e-8)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "softplus"])
def test_activation_is_torchs(name):
    z = torch.linspace(-40, 40, 401)
    reference = {"softplus": nn.functional.softplus}.get(name) or getattr(torch, name)
    # torch's softplus is z itself beyond 20, which drops e⁻²⁰ = 2e-9.
    assert torch.allclose(ACTIVATIONS[name](z), reference(z), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_takes_extreme_values_numbers_and_arrays(name):
    phi = ACTIVATIONS[name]
    extreme = torch.tensor([-800.0, 0.0, 800.0])
    assert phi(extreme).isfinite().all() and phi.derivative(extreme).isfinite().all()
    assert phi(extreme.float()).dtype == torch.float32
    assert phi(0.5).item() == phi(np.array([0.5]))[0].item() == phi(torch.tensor(0.5)).item()


def test_relus_slope_at_its_kink_is_autograds():
    z = torch.zeros(1, requires_grad=True)
    torch.relu(z).sum().backward()
    assert relu.derivative(0.0).item() == z.grad.item() == 0.0


# --- Neurons and layers --------------------------------------------------------------------------


def test_neuron_is_a_row_of_a_layer():
    x, W, b = normal(7, 3), normal(4, 3, seed=1), normal(4, seed=2)
    for i in range(4):
        assert torch.allclose(neuron(x, W[i], b[i], torch.tanh), layer(x, W, b, torch.tanh)[:, i])


def test_neuron_takes_one_sample_and_numpy():
    x, w = normal(5, 3), normal(3, seed=1)
    one = neuron(x[0], w, 0.2, torch.tanh)
    assert one.shape == () and torch.equal(one, neuron(x, w, 0.2, torch.tanh)[0])
    assert np.allclose(neuron(x.numpy(), w.numpy(), 0.2, np.tanh), neuron(x, w, 0.2, torch.tanh))


def test_network_is_torchs():
    net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2), nn.Sigmoid())
    first, last = net[0], net[2]
    layers = [(first.weight, first.bias, torch.tanh), (last.weight, last.bias, sigmoid)]
    x = normal(11, 3)
    assert torch.allclose(feedforward(x, layers), net(x), atol=1e-15)


# --- Losses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6,), (4, 3)])
def test_mse_is_torchs(shape):
    a, b = normal(*shape), normal(*shape, seed=1)
    assert torch.allclose(mse(a, b), nn.functional.mse_loss(a, b))


def test_mse_refuses_to_compare_every_pair():
    with pytest.raises(ValueError, match=r"\[4\] and \[4, 1\]"):
        mse(torch.ones(4), torch.ones(4, 1))


def test_cross_entropy_is_torchs():
    p, y = torch.sigmoid(normal(50)), (normal(50, seed=1) > 0).double()
    expected = nn.functional.binary_cross_entropy(p, y)
    assert torch.allclose(cross_entropy(p, y), expected, rtol=1e-12)


def test_cross_entropy_at_certainty():
    sure = torch.tensor([0.0, 1.0])
    assert cross_entropy(sure, sure).item() == 0.0
    assert cross_entropy(sure, 1 - sure).item() == math.inf


def test_cross_entropy_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match="sigmoid"):
        cross_entropy(torch.tensor([1.5]), torch.ones(1))
    with pytest.raises(ValueError, match="shapes"):
        cross_entropy(torch.tensor([0.5]), torch.ones(1, 1))


# --- Folds ---------------------------------------------------------------------------------------


def test_fold_mirrors_one_side_and_leaves_the_other():
    x, n, c = normal(500, 2), crease(70.0), 0.3
    before, after = x @ n + c, fold(x, n, c) @ n + c
    along = torch.stack([-n[1], n[0]])
    assert torch.allclose(after, before.abs())
    assert torch.allclose(fold(x, n, c) @ along, x @ along)
    assert torch.equal(fold(x, n, c)[before >= 0], x[before >= 0])
    assert torch.allclose(fold(fold(x, n, c), n, c), fold(x, n, c))  # folded paper stays folded


@pytest.mark.parametrize(
    ("degrees", "kept"), [(90.0, (1.0, 0.0)), (180.0, (0.0, 1.0)), (45.0, (1.0, 0.0))]
)
def test_crease_keeps_its_right_hand_side(degrees, kept):
    assert torch.tensor(kept) @ crease(degrees) > 0
    assert crease(degrees).norm().item() == pytest.approx(1.0, abs=1e-14)


def test_fold_is_a_plain_layer_of_five_relus_and_one_matrix():
    n, c, x = crease(22.5), 0.2, normal(300, 2)
    hidden = layer(x, *plain_hidden(n, c), relu)
    assert torch.allclose(hidden @ plain_output(n).T, fold(x, n, c), atol=1e-14)


def plain_hidden(n, c):
    """ReLUs of x₁, x₂, −x₁, −x₂ and −(n·x + c)."""
    W = torch.cat([torch.eye(2), -torch.eye(2), -n[None, :]])
    return W, torch.tensor([0.0, 0.0, 0.0, 0.0, -c])


def plain_output(n):
    return torch.cat([torch.eye(2), -torch.eye(2), 2 * n[:, None]], dim=1)


def test_star_is_a_plain_network_of_21_neurons():
    layers, collect = [], torch.eye(2)
    for degrees in (90.0, 180.0, 45.0, 22.5):
        W, b = plain_hidden(crease(degrees), 0.0)
        layers.append((W @ collect, b, relu))  # the matrix after a fold joins the next layer's
        collect = plain_output(crease(degrees))
    layers.append((torch.tensor([[-1.0, -3.1]]) @ collect, torch.tensor([0.95]), step))
    assert sum(len(b) for _, b, _ in layers) == 21
    x = 2 * torch.rand(5000, 2, generator=torch.Generator().manual_seed(3)) - 1
    assert (feedforward(x, layers)[:, 0] != paper_star(x)).double().mean() < 1e-3  # round-off


def test_star_has_sixteen_edges():
    """Walk round the star's outline; its distance from the middle turns at 16 corners."""
    angle = torch.arange(0, 3200) * (2 * math.pi / 3200)
    ray = torch.stack([angle.cos(), angle.sin()], dim=1)
    low, high = torch.zeros(3200), torch.full((3200,), 1.3)
    for _ in range(50):
        middle = (low + high) / 2
        inside = paper_star(middle[:, None] * ray) == 1
        low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
    edge = torch.stack([low * angle.cos(), low * angle.sin()], dim=1)
    way = edge.roll(-1, 0) - edge
    way = way / way.norm(dim=1, keepdim=True)
    turns = (way * way.roll(1, 0)).sum(1) < 0.999
    assert turns.sum() == 16


def test_star_follows_its_inputs_dtype():
    assert paper_star(torch.zeros(1, 2, dtype=torch.float32)).dtype == torch.float32


# --- The interpolant -----------------------------------------------------------------------------


def test_interpolant_meets_the_knots_and_is_straight_between():
    knots = torch.tensor([-1.0, 0.3, 1.0, 2.5])
    net = relu_interpolant(torch.exp, knots)

    def g(x):
        return feedforward(x[:, None], net)[:, 0]

    assert torch.allclose(g(knots), knots.exp(), atol=1e-13)
    middle = (knots[1:] + knots[:-1]) / 2
    assert torch.allclose(g(middle), (knots[1:].exp() + knots[:-1].exp()) / 2, atol=1e-13)
    assert len(net[0][1]) == 3  # n ReLUs for n + 1 knots


@pytest.mark.parametrize("knots", [[1.0], [0.0, 0.0, 1.0], [1.0, 0.0]])
def test_interpolant_refuses_bad_knots(knots):
    with pytest.raises(ValueError, match="increase"):
        relu_interpolant(torch.sin, torch.tensor(knots))
