"""Notebook 03: its equations, its stored table, its widget's numbers."""

import ast
import math
from itertools import combinations
from math import comb
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from course_lib import results
from course_lib.datasets import digits
from course_lib.exercises import grade
from course_lib.metrics import gradient_norms
from course_lib.nets import GAINS, Layer, PlainNet, ResidualNet, initialise
from course_lib.widgets.nb03 import norms
from experiments import degradation_time, depth

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "03_depth_and_residuals.ipynb"


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def from_notebook(name):
    """A function as the notebook defines it, with the imports it needs."""
    for cell in nbformat.read(NOTEBOOK, 4).cells:
        if cell.cell_type != "code" or f"def {name}(" not in cell.source:
            continue
        found = [n for n in ast.parse(cell.source).body if getattr(n, "name", "") == name]
        space = {"torch": torch, "cross_entropy": cross_entropy}
        exec(compile(ast.Module(found, []), str(NOTEBOOK), "exec"), space)
        return space[name]
    raise LookupError(f"the notebook defines no {name}")


def test_plain_net_is_layer_after_layer():
    """Equation (3.1)."""
    net = PlainNet(5, 3, generator=seeded()).double()
    x = normal(4, 5)
    states = net.states(x)
    for block, before, after in zip(net.blocks, states[:-1], states[1:], strict=True):
        weight, bias = block.linear.weight, block.linear.bias
        assert torch.allclose(after, torch.tanh(before @ weight.T + bias))


def test_a_branch_is_what_a_block_adds():
    """Equations (3.6), (3.7): H(x) − x is W₂ tanh(W₁ x + b₁) + b₂."""
    net = ResidualNet(5, 1, hidden=7, generator=seeded()).double()
    x, (first, last) = normal(4, 5), net.blocks[0].layers
    branch = torch.tanh(x @ first.weight.T + first.bias) @ last.weight.T + last.bias
    assert torch.allclose(net(x) - x, branch)


def test_identity_layers_behind_a_relu_change_nothing():
    """Equation (3.2)."""
    net = PlainNet(8, 2, n_in=4, n_out=3, activation=torch.relu, generator=seeded())
    x = normal(20, 4).float()
    before = net(x)
    for _ in range(5):
        layer = Layer(8, torch.relu, init="zero")
        layer.linear.weight.data = torch.eye(8)
        net.blocks.append(layer)
    assert torch.equal(net(x), before)


def plain_states(depth=4, width=5):
    net = PlainNet(width, depth, generator=seeded()).double()
    states = net.states(normal(1, width))
    for state in states:
        if state.requires_grad:
            state.retain_grad()
    states[-1].square().sum().backward()
    return net, states


def test_jacobians_and_the_order_of_their_product():
    """Equation (3.3)."""
    net, states = plain_states()
    product = torch.eye(5, dtype=torch.float64)
    for block, before, after in zip(net.blocks, states[:-1], states[1:], strict=True):
        jacobian = torch.diag(1 - after[0] ** 2) @ block.linear.weight
        by_autograd = torch.autograd.functional.jacobian(block, before.detach())[0, :, 0]
        assert torch.allclose(jacobian, by_autograd)
        product = jacobian @ product
        if before.grad is not None:
            assert torch.allclose(before.grad[0], jacobian.T @ after.grad[0])
    whole = torch.autograd.functional.jacobian(net, states[0].detach())[0, :, 0]
    assert torch.allclose(product, whole)


def test_weight_gradient():
    """Equation (3.4)."""
    net, states = plain_states()
    for block, before, after in zip(net.blocks, states[:-1], states[1:], strict=True):
        formula = torch.outer((1 - after[0] ** 2) * after.grad[0], before[0])
        assert torch.allclose(formula, block.linear.weight.grad)


@pytest.mark.parametrize("init", GAINS)
def test_a_random_matrix_multiplies_squared_lengths_by_sigma_squared(init):
    """Equation (3.5)."""
    v, g = normal(16).float(), seeded()
    squares = [
        (initialise(torch.nn.Linear(16, 16), init, g).weight.T @ v).square().sum().item()
        for _ in range(2000)
    ]
    mean, error = np.mean(squares), np.std(squares) / 2000**0.5
    assert abs(mean - GAINS[init] * v.square().sum().item()) < 4 * error + 1e-4


def state_gradients(net):
    """Norms of ∂L/∂x_ℓ, ℓ = 0 … D, on the training images."""
    data = digits()
    states = net.states(data.x_train)
    loss = cross_entropy(net.head(states[-1]), data.y_train)
    return torch.stack([g.norm() for g in torch.autograd.grad(loss, states)])


def test_g_shrinks_a_little_faster_than_the_theory_says():
    """Equation (3.5)."""
    norms = state_gradients(PlainNet(32, 56, n_in=64, n_out=10, generator=seeded()))
    factor = ((norms[0] / norms[-1]) ** (1 / 56)).item()
    assert round(factor, 2) == 0.57 and factor < 3**-0.5


@pytest.mark.parametrize(("blocks", "size"), [(20, 1e-7), (56, 1e-16)])
def test_adams_epsilon_lies_between_the_first_gradients_at_20_and_56_blocks(blocks, size):
    data, net = digits(), PlainNet(32, blocks, n_in=64, n_out=10, generator=seeded())
    first = gradient_norms(net, cross_entropy(net(data.x_train), data.y_train))[0] / 32
    assert size / 3 < first < 3 * size


def test_residual_step_and_its_jacobian():
    """Equations (3.8), (3.9)."""
    net = ResidualNet(5, 1, scale=0.7, generator=seeded()).double()
    x, linear = normal(5), net.blocks[0].linear
    inner = torch.tanh(linear(x))
    assert torch.allclose(net(x), x + 0.7 * inner)
    jacobian = torch.autograd.functional.jacobian(net, x)
    formula = torch.eye(5) + 0.7 * torch.diag(1 - inner**2) @ linear.weight
    assert torch.allclose(jacobian, formula)


@pytest.mark.parametrize("s", [1.0, 0.3])
def test_growth_is_bounded_and_the_bound_is_reached_by_linear_blocks(s):
    """Equation (3.10)."""
    x, g = normal(1, 32).float(), seeded()
    growth = {"linear": [], "tanh": []}
    for name, activation in (("linear", lambda a: a), ("tanh", torch.tanh)):
        for _ in range(600):
            net = ResidualNet(32, 6, scale=s, activation=activation, init="xavier", generator=g)
            growth[name].append((net(x).square().sum() / x.square().sum()).item())
    bound = (1 + s**2) ** 6
    assert np.mean(growth["linear"]) == pytest.approx(bound, rel=0.12)
    assert np.mean(growth["tanh"]) < bound


def test_relu_blocks_with_he_weights_grow_faster_than_the_count_without_the_mixed_term():
    """Equation (3.10)."""
    options = {"activation": torch.relu, "init": "he", "generator": seeded()}
    net = ResidualNet(32, 200, n_in=64, **options).double()
    states = net.states(digits().x_train.double())
    growth = (states[-1].norm() / states[0].norm()).item()
    assert 2.65 < growth ** (2 / 200) < 2 + 2 / math.sqrt(math.pi)
    assert 1e44 < growth < 1e46


def path_sums(factors, g):
    """For each length k: g walked backwards along every path through k of the matrices, summed."""
    sums = []
    for k in range(len(factors) + 1):
        total = torch.zeros_like(g)
        for chosen in combinations(range(len(factors)), k):
            v = g
            for index in reversed(chosen):
                v = v @ factors[index]
            total = total + v
        sums.append(total)
    return sums


def test_the_notebooks_walk_sums_all_paths_of_every_length():
    """Equation (3.11)."""
    torch.set_default_dtype(torch.float64)
    net = ResidualNet(4, 5, n_in=3, n_out=2, scale=0.8, generator=seeded())
    x, y = normal(1, 3), torch.tensor([1])
    parts = from_notebook("gradient_by_length")(net, x, y)
    states = net.states(x)
    end = states[-1].detach().requires_grad_()
    (g,) = torch.autograd.grad(cross_entropy(net.head(end), y), end)
    factors = [
        0.8 * torch.diag(1 - block(before)[0] ** 2) @ block.linear.weight
        for block, before in zip(net.blocks, states[:-1], strict=True)
    ]
    for part, brute in zip(parts, path_sums(factors, g), strict=True):
        assert torch.allclose(part, brute)
    (whole,) = torch.autograd.grad(cross_entropy(net(x), y), net.stem.bias)
    assert torch.allclose(parts.sum(0)[0], whole)


def test_number_of_paths():
    """Equation (3.11)."""
    counts = [len(list(combinations(range(20), k))) for k in range(4)]
    assert counts == [comb(20, k) for k in range(4)] == [1, 20, 190, 1140]
    assert sum(comb(20, k) for k in range(21)) == 2**20


@pytest.mark.parametrize(("d", "last"), [(20, 0.5), (7, 0.2), (1, 0.9)])
def test_expected_number_of_blocks(d, last):
    """Equation (3.12)."""
    survival = ResidualNet(2, d, survival=last).survival
    assert survival[-1] == pytest.approx(last)
    assert sum(survival) == pytest.approx(d - (d + 1) / 2 * (1 - last))


def test_the_notebooks_plus_sign_is_the_librarys_residual_net():
    x = normal(3, 4).float()
    plain = PlainNet(6, 5, n_in=4, n_out=2, generator=seeded())
    residual = ResidualNet(6, 5, n_in=4, n_out=2, scale=0.5, generator=seeded())
    forward = from_notebook("residual_forward")
    assert torch.equal(forward(plain, x, 0.5), residual(x))
    assert not torch.allclose(forward(plain, x, 1.0), residual(x))


def test_a_stored_row_can_be_made_again():
    table = results.load("depth")
    assert table["script"] == "experiments/depth.py" and table["seeds"] == list(depth.SEEDS)
    where = {"net": "residual, s = 1/√D", "depth": 8, "lr": 2e-3}
    stored, again = results.row(table, **where), depth.run(*where.values(), seed=0)
    # The same seed on another machine may round otherwise; a wrong setting is off by far more.
    assert again["train_loss"] == pytest.approx(stored["train_loss"][0], rel=0.1)
    assert again["gradient_ratio"] == pytest.approx(stored["gradient_ratio"][0], rel=0.01)


def test_the_stored_table_is_complete():
    rows = results.load("depth")["rows"]
    keys = {(r["net"], r["depth"], r["lr"]) for r in rows}
    assert keys == {(n, d, lr) for n in depth.NETS for d in depth.DEPTHS for lr in depth.RATES}
    assert len(rows) == len(keys)
    assert all(len(r["train_loss"]) == len(depth.SEEDS) for r in rows)


def best_rate(net, blocks, what="train_loss"):
    """One number a seed, at the rate of least training loss."""
    rows = [results.row(results.load("depth"), net=net, depth=blocks, lr=r) for r in depth.RATES]
    chosen = np.argmin([row["train_loss"] for row in rows], axis=0)
    return np.array([rows[rate][what][seed] for seed, rate in enumerate(chosen)])


def test_figure_3_5_shows_what_the_text_says():
    mean = {(n, d): best_rate(n, d).mean() for n in depth.NETS for d in depth.DEPTHS}
    for net in ("plain", "plain, orthogonal", "plain, batch norm"):
        assert mean[net, 8] < mean[net, 20] < mean[net, 56]
    assert mean["plain", 2] < mean["plain", 8]
    for net in ("residual, s = 1", "residual, s = 1/√D", "residual, s = 1/D"):
        assert mean[net, 56] < mean[net, 2]
    assert mean["residual, s = 1", 56] > 1.5 * mean["residual, s = 1", 20]


def test_more_steps_do_not_mend_degradation():
    rows = results.load("degradation_time")["rows"]
    losses = {(row["depth"], row["steps"]): row["train_loss"] for row in rows}
    assert set(losses) == {(d, k) for d in degradation_time.DEPTHS for k in range(0, 1501, 250)}
    assert all(len(runs) == len(degradation_time.SEEDS) for runs in losses.values())
    assert f"{np.median(losses[2, 1500]):.3f}" == "0.009"
    assert f"{np.median(losses[56, 1500]):.2f}" == "0.18"
    assert min(losses[56, 1500]) > 5 * max(losses[2, 1500])


def test_the_longer_runs_begin_as_those_of_the_table():
    again = degradation_time.run(2, seed=0, steps=250)[250]
    where = {"net": "plain, orthogonal", "depth": 2, "lr": degradation_time.RATE}
    tables = {"degradation_time": {"depth": 2, "steps": 250}, "depth": where}
    for name, keys in tables.items():
        stored = results.row(results.load(name), **keys)["train_loss"][0]
        assert again == pytest.approx(stored, rel=0.1)


def no_start(W1, b1, W2, b2):
    return W1, b1, 0.3 * W2, b2


def test_03_5_says_in_words_what_a_start_does():
    result = grade("03.5", no_start)
    assert result.outcome == "wrong" and "F(x) as large as" in result.message
    assert "'F(x) = 0, W₁ and W₂ can learn'" in result.message


def test_the_widget_shows_what_the_text_says():
    ratio = {name: (v[0] / v[-1]).item() for name, v in norms(56, "default", "tanh").items()}
    plain, unscaled, scaled = ratio.values()
    assert plain < 1e-10 and 0.1 < unscaled < 10 and 0.5 < scaled < 2
    cured = norms(56, "xavier", "tanh")["plain"]
    assert 0.1 < cured[0] / cured[-1] < 10
    assert norms(56, "he", "ReLU")["residual, $s=1$"].max() > 1e10


def test_the_widgets_norms_are_those_of_the_library():
    data = digits()
    net = PlainNet(32, 8, n_in=64, n_out=10, init="he", generator=seeded())
    expected = gradient_norms(net, cross_entropy(net(data.x_train[:32]), data.y_train[:32]))
    assert torch.allclose(norms(8, "he", "tanh")["plain"], expected)
