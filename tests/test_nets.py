"""Networks compute what their docstrings say, and say what is wrong when they cannot."""

import pytest
import torch
from torch import nn

from course_lib.nets import GAINS, MLP, PlainNet, ResidualNet, count_parameters, initialise


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("init", "variance"), [("he", 2 / 400), ("xavier", 2 / 500)])
def test_the_variance_of_a_rectangular_layer(init, variance):
    layer = initialise(nn.Linear(400, 100), init, seeded())
    assert layer.weight.var().item() == pytest.approx(variance, rel=0.05)
    assert layer.bias.abs().max() == 0


def test_mlp_is_affine_maps_with_an_activation_between_them():
    net = MLP([3, 5, 2], torch.relu, out_activation=torch.sigmoid, generator=seeded())
    x = torch.randn(7, 3, generator=seeded(1))
    first, last = net.layers
    by_hand = torch.sigmoid(torch.relu(x @ first.weight.T + first.bias) @ last.weight.T + last.bias)
    assert torch.allclose(net(x), by_hand, atol=1e-6)
    assert count_parameters(net) == 3 * 5 + 5 + 5 * 2 + 2


def test_count_parameters_leaves_frozen_ones_out():
    net = MLP([3, 5, 2])
    net.layers[0].weight.requires_grad_(False)
    assert count_parameters(net) == 5 + 12


@pytest.mark.parametrize("init", GAINS)
def test_initial_weights_have_the_stated_variance_and_repeat(init):
    layer = initialise(nn.Linear(200, 200), init, seeded())
    assert (200 * layer.weight.var()).item() == pytest.approx(GAINS[init], rel=0.03)
    assert torch.equal(layer.weight, initialise(nn.Linear(200, 200), init, seeded()).weight)
    assert (layer.bias.abs().max() > 0) == (init == "default")


def test_orthogonal_weights_keep_lengths():
    weight = initialise(nn.Linear(8, 8), "orthogonal", seeded()).weight
    assert torch.allclose(weight.T @ weight, torch.eye(8), atol=1e-5)


def test_the_default_is_torchs_own_distribution():
    torch.manual_seed(0)
    theirs, ours = nn.Linear(400, 400), initialise(nn.Linear(400, 400), generator=seeded())
    for mine, other in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
        assert mine.abs().max().item() == pytest.approx(other.abs().max().item(), rel=0.02)
        assert mine.std().item() == pytest.approx(other.std().item(), rel=0.1)


def test_plain_and_residual_nets_share_layers_and_parameters():
    plain = PlainNet(8, 5, n_in=4, n_out=3, generator=seeded())
    residual = ResidualNet(8, 5, n_in=4, n_out=3, generator=seeded())
    assert count_parameters(plain) == count_parameters(residual) == 5 * 72 + 40 + 27
    for mine, other in zip(plain.parameters(), residual.parameters(), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize(("scale", "s"), [(0.3, 0.3), ("1/sqrt(depth)", 0.5), ("1/depth", 0.25)])
def test_residual_scales(scale, s):
    net = ResidualNet(6, 4, scale=scale, generator=seeded())
    x = torch.randn(3, 6, generator=seeded(1))
    by_hand = x
    for block in net.blocks:
        by_hand = by_hand + s * torch.tanh(block.linear(by_hand))
    assert torch.allclose(net(x), by_hand, atol=1e-6)


@pytest.mark.parametrize("hidden", [None, 5])
def test_identity_init_is_exact_and_can_learn(hidden):
    net = ResidualNet(4, 10, hidden=hidden, identity_init=True, generator=seeded())
    x = torch.randn(3, 4, generator=seeded(1))
    assert torch.equal(net(x), x)
    net(x).square().sum().backward()
    last = net.blocks[0].linear if hidden is None else net.blocks[0].layers[-1]
    assert last.weight.grad.abs().max() > 0


def test_skipped_blocks_are_left_out():
    net = PlainNet(4, 3, generator=seeded())
    x = torch.randn(2, 4, generator=seeded(1))
    assert torch.allclose(net(x, skip=[1]), net.blocks[2](net.blocks[0](x)))
    assert torch.equal(net(x, skip=[0, 1, 2]), x)


def test_normalised_layers_have_mean_zero_and_variance_one_before_the_activation():
    net = PlainNet(6, 1, activation=lambda a: a, normalise=True, generator=seeded())
    a = net(3 + 5 * torch.randn(500, 6, generator=seeded(1)))
    assert torch.allclose(a.mean(0), torch.zeros(6), atol=1e-4)
    assert torch.allclose(a.var(0), torch.ones(6), atol=1e-2)


def test_stochastic_depth_drops_blocks_in_training_only_and_as_often_as_it_says():
    net = ResidualNet(2, 4, survival=0.2, activation=torch.ones_like, generator=seeded())
    assert net.survival == pytest.approx([0.8, 0.6, 0.4, 0.2])
    x = torch.zeros(1, 2)
    kept = torch.stack([net(x)[0, 0] for _ in range(4000)])
    assert kept.mean().item() == pytest.approx(sum(net.survival), abs=0.06)
    assert sorted(set(kept.tolist())) == [0, 1, 2, 3, 4]
    net.eval()
    assert net(x)[0, 0].item() == pytest.approx(sum(net.survival))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MLP([3]), "input and an output"),
        (lambda: PlainNet(0, 3), "width ≥ 1"),
        (lambda: PlainNet(3, 2, init="glorot"), "unknown init 'glorot'"),
        (lambda: ResidualNet(3, 2, scale="1/D"), "unknown scale '1/D'"),
        (lambda: ResidualNet(3, 2, survival=0.0), "probability"),
        (lambda: ResidualNet(3, 2, hidden=4, normalise=True), "leave hidden=None"),
    ],
)
def test_bad_arguments_are_named(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_depth_zero_is_stem_and_head_alone():
    net = ResidualNet(4, 0, n_in=2, n_out=3, scale="1/sqrt(depth)", generator=seeded())
    x = torch.randn(5, 2, generator=seeded(1))
    assert torch.equal(net(x), net.head(net.stem(x)))
