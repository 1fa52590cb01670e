"""Notebook 07: every numbered equation is checked, its stored table and its explorer as well.

What the text says of the stored table is computed here once more, from the table alone.
"""

import math
from functools import cache, partial

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch

from course_lib import datasets, flow_plots, results
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises.nb07 import count_nfe, neural_ode, time_field, varying
from course_lib.fields import (
    Flow,
    NeuralODE,
    TimeField,
    VaryingField,
    augment,
    legendre,
    piecewise,
)
from course_lib.odenet import build, fit, predict
from course_lib.solvers import odeint
from course_lib.widgets import flow_explorer, nb07

NOTEBOOK = NOTEBOOKS_DIR / "07_neural_odes.ipynb"


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@cache
def stored(part):
    return [r for r in results.load("mnist")["rows"] if r["part"] == part]


def wrong_of(kind):
    row = next(r for r in stored("table") if r["kind"] == kind)
    flags = np.zeros(5000, dtype=bool)
    flags[row["wrong"]] = True
    return flags


def mcnemar(a, b):
    """(7.10), summed by hand."""
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    n, m = only_a + only_b, min(only_a, only_b)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(m + 1)) / 2**n)


# --- equations -----------------------------------------------------------------------------------


def test_lift_flow_linear_on_a_field_with_a_known_flow(float64):
    """(7.1), (7.2): x' = x doubles in ln 2; the padded entry stays zero; W and b read the rest."""
    W, b = torch.tensor([[1.0, -1.0, 5.0]]), torch.tensor([0.25])
    x = torch.tensor([[3.0, 1.0], [0.5, 2.0]])
    scores = neural_ode(x, lambda t, x: x, W, b, math.log(2))
    assert torch.allclose(scores, 2 * (x[:, :1] - x[:, 1:]) + 0.25, atol=1e-6)


def test_exercise_and_library_agree(float64):
    """(7.1), (7.2): the exercise's function is the module, given the same weights."""
    net = NeuralODE(2, 2, extra=1, T=0.8, generator=seeded())
    x = torch.randn(4, 2, generator=seeded(1))
    own = neural_ode(x, net.flow.counted, net.head.weight, net.head.bias, 0.8)
    assert torch.allclose(own, net(x), atol=1e-7)


def test_euler_steps_are_residual_blocks_with_shared_weights(float64):
    """(7.3): D Euler steps from 0 to T, block ℓ at time (ℓ − 1)h, which converge at rate h."""
    field, T = TimeField(3, [8], generator=seeded()), 1.5
    x0 = torch.randn(4, 3, generator=seeded(1))
    exact = Flow(field, T, rtol=1e-9, atol=1e-9)(x0)
    errors = []
    for D in (20, 40):
        h, x = T / D, x0
        for block in range(1, D + 1):
            x = x + h * field((block - 1) * h, x)
        library = Flow(field, T, method="euler", options={"step_size": h})(x0)
        assert torch.allclose(x, library, atol=1e-12)
        errors.append((x - exact).abs().max().item())
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.15)


def test_time_is_an_input(float64):
    """(7.4): the exercise's function on a perceptron is `TimeField`."""
    field, x = TimeField(2, [8], generator=seeded()), torch.randn(5, 2, generator=seeded(1))
    assert torch.allclose(time_field(field.net, 0.3, x), field(0.3, x))


def test_flow_has_an_inverse_and_euler_need_not(float64):
    """(7.5): there and back again; two long Euler steps send two starts to one end."""
    field = TimeField(2, [16], generator=seeded())
    layer = Flow(field, rtol=1e-9, atol=1e-9)
    x = torch.randn(20, 2, generator=seeded(1))
    assert torch.allclose(layer.inverse(layer(x)), x, atol=1e-7)
    fold = Flow(lambda t, x: -2 * x, method="euler", options={"step_size": 0.5})
    assert torch.equal(fold(torch.tensor([[1.0], [2.0]])), torch.zeros(2, 1))


def test_evaluations_follow_the_fifth_root_of_the_tolerance(float64):
    """(7.6): over six powers of ten the NFE grows like tol^(−1/5), within a few hundredths."""
    field = TimeField(2, [24, 24], generator=seeded())
    with torch.no_grad():
        for p in field.parameters():
            p.mul_(3.0)  # as lively as a trained one
    x, span = torch.randn(50, 2, generator=seeded(1)), torch.tensor([0.0, 4.0])
    tolerances, nfe = [10.0**-k for k in range(5, 12)], []
    for tol in tolerances:
        solve = lambda f, y, t, tol=tol: odeint(f, y, t, rtol=tol, atol=tol)  # noqa: E731
        nfe.append(count_nfe(solve, field, x, span))
    slope = np.polyfit(np.log(tolerances), np.log(nfe), 1)[0]
    assert slope == pytest.approx(-0.2, abs=0.05)


def test_time_is_proportional_to_the_evaluations():
    """(7.7): stored seconds lie on two lines through zero, the backward one three times as
    steep."""
    slopes = {}
    for way in ("forward", "backward"):
        nfe, seconds = ([r[key] for r in stored("tolerance")] for key in (way, f"{way}_seconds"))
        nfe, seconds = np.array(nfe, float), np.array(seconds)
        slopes[way] = (nfe @ seconds) / (nfe @ nfe)
        assert np.corrcoef(nfe, seconds)[0, 1] > 0.97
    assert slopes["backward"] == pytest.approx(3 * slopes["forward"], rel=0.15)


def test_weights_are_sums_over_a_basis():
    """(7.8): the exercise's function is the library's field; pieces pick, polynomials blend."""
    for basis in (piecewise(4), legendre(4)):
        field = VaryingField(2, basis, generator=seeded())
        with torch.no_grad():
            field.coefficients.normal_(generator=seeded(1))
        for t in (0.0, 0.3, 1.0):
            theta = varying(field.coefficients, basis.at, t)
            assert torch.allclose(theta, field.theta(t))
            by_hand = sum(w * c for w, c in zip(basis.at(t), field.coefficients, strict=True))
            assert torch.allclose(theta, by_hand, atol=1e-6)


def test_one_layer_field():
    """(7.9): tanh(W(t) x + b(t)), and a jump costs an adaptive solver evaluations."""
    field = VaryingField(2, piecewise(4, T=4.0), generator=seeded())
    smooth = VaryingField(2, legendre(4, T=4.0), generator=seeded())
    with torch.no_grad():
        field.coefficients.normal_(generator=seeded(1))
        smooth.coefficients.normal_(generator=seeded(1))
    x = torch.randn(30, 2, generator=seeded(2))
    theta = field.theta(1.7)
    by_hand = torch.tanh(torch.einsum("ij,nj->ni", theta[:, :2], x) + theta[:, 2])
    assert torch.allclose(field(1.7, x), by_hand, atol=1e-6)
    calls = []
    for f in (field, smooth):
        layer = Flow(f, T=4.0, rtol=1e-5, atol=1e-5)
        layer(x)
        calls.append(layer.calls)
    assert calls[0] > 1.4 * calls[1]


def test_mcnemar_by_hand():
    """(7.10): the two-sided exact binomial test, on the table and at its ends."""
    from scipy.stats import binomtest

    a, b = wrong_of("ODE-Net"), wrong_of("no block")
    only_a, only_b = (a & ~b).sum(), (b & ~a).sum()
    assert mcnemar(a, b) == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    assert mcnemar(a, a) == 1.0
    one = np.arange(5) < 1
    assert mcnemar(one, ~one & (np.arange(5) < 4)) == pytest.approx(2 * 5 / 16)


# --- the stored table ----------------------------------------------------------------------------


def test_table_says_what_the_text_says():
    """The sentences behind the table, and the answer of exercise 07.5."""
    rate = {r["kind"]: wrong_of(r["kind"]).mean() for r in stored("table")}
    assert 100 * rate["ODE-Net"] == pytest.approx(3.46)
    assert 100 * rate["one residual block"] == pytest.approx(3.36)
    assert 100 * (rate["ODE-Net"] - rate["ResNet, 6 blocks"]) == pytest.approx(0.7)
    blocks = [kind for kind in rate if kind not in ("MLP", "no block")]
    assert all(mcnemar(wrong_of("no block"), wrong_of(kind)) < 1e-6 for kind in blocks)
    assert mcnemar(wrong_of("ODE-Net"), wrong_of("one residual block")) > 0.5
    for kind in ("ODE-Net", "one residual block"):
        assert mcnemar(wrong_of("ResNet, 6 blocks"), wrong_of(kind)) < 0.01
    assert [r["errors"] for r in stored("tolerance")] == [35] * 6
    growth = [r["forward"] for r in stored("training")]  # falls at first, hardly rises after
    assert max(growth[1:]) < growth[0] and growth[-1] < 1.2 * growth[1]
    assert all(0.6 < r["backward"] / r["forward"] < 1.2 for r in stored("training"))
    seconds = {r["kind"]: np.median(r["cpu_seconds"]) for r in stored("table")}
    assert seconds["ODE-Net"] == pytest.approx(3 * seconds["one residual block"], rel=0.25)


def test_table_covers_every_image_once():
    for row in stored("table"):
        assert sum(row["errors"]) == len(row["wrong"]) == len(set(row["wrong"]))
        per_fold = np.bincount(np.array(row["wrong"]) // 1000, minlength=5)
        assert per_fold.tolist() == row["errors"]


def test_a_short_row_can_be_made_again():
    """The cheapest stored row, trained anew; another machine may round a few images otherwise."""
    data, generator = datasets.mnist(0), seeded()
    net = build("no block", generator)
    fit(net, data.x_train, data.y_train, 2, generator, progress=False)
    errors = int((predict(net, data.x_test).argmax(1) != data.y_test).sum())
    known = next(r for r in stored("short") if r["kind"] == "no block")["errors"]
    assert min(known) - 15 <= errors <= max(known) + 15


# --- the explorer --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", nb07.FLOWS)
def test_explorers_flows_separate_what_can_be_separated(name):
    net, (x, y) = nb07.load_flow(name), nb07.points_of(nb07.FLOWS[name][0], 500)
    right = ((net(x)[:, 0] > 0) == (y == 1)).double().mean().item()
    assert right == 1.0 if name != "circles" else 0.9 < right < 1.0
    row = results.row(results.load("flows"), name=name)
    assert right == pytest.approx(row["accuracy"], abs=0.005)


@pytest.mark.parametrize("name", nb07.FLOWS)
def test_scenes_begin_with_the_data_and_stay_in_the_window(name):
    scene = flow_explorer.scene(flow=name)
    x, _ = nb07.points_of(nb07.FLOWS[name][0], 240)
    assert np.allclose(scene.points[0], x, atol=1e-5)
    assert np.allclose(scene.grid[0], nb07.grid_of(), atol=1e-5)
    assert np.abs(scene.points).max() < nb07.LIMIT
    steps = np.abs(np.diff(scene.points, axis=0)).max()
    assert steps < 0.35  # no jump from frame to frame


@pytest.mark.parametrize("name", ["moons", "circles, one zero added"])
def test_the_line_of_the_scene_parts_its_points_at_the_end(name):
    scene = flow_explorer.scene(flow=name)
    start, end = scene.lines[0]
    (dx, dy), points = end - start, scene.points[-1]
    side = dx * (points[:, 1] - start[1]) - dy * (points[:, 0] - start[0]) > 0
    first, second = side[scene.groups == 0], side[scene.groups == 1]
    assert len(set(first)) == len(set(second)) == 1 and first[0] != second[0]


def test_explorer_names_the_script_that_makes_its_weights(monkeypatch, tmp_path):
    nb07.load_flow.cache_clear()
    absent = partial(results.load_weights, folder=tmp_path)
    monkeypatch.setattr(nb07, "load_weights", absent)
    with pytest.raises(FileNotFoundError, match="make experiments NAME=flows"):
        nb07.load_flow("moons")
    nb07.load_flow.cache_clear()


# --- figures -------------------------------------------------------------------------------------


def test_features_draw_the_plane_where_the_score_is_zero():
    x = torch.randn(40, 3, generator=seeded()).numpy()
    w, b = np.array([0.3, -0.2, 0.9]), 0.4
    ax = plt.figure().add_subplot(projection="3d")
    flow_plots.features(x, np.arange(40) % 2, w, b, ax)
    (corners,) = ax.collections[-1]._faces
    assert np.allclose(corners @ w + b, 0, atol=1e-9)
    assert not np.allclose(corners @ w + 2 * b, 0, atol=1e-2)
    plt.close("all")


def test_three_columns_have_a_row_for_each_model_and_mark_errors():
    x, y = datasets.circles(40, seeded())
    row = {"features": augment(x, 0), "w": np.array([1.0, 0.0]), "b": 0.0}
    row |= {"predict": lambda p: p[:, 0].sigmoid(), "wrong": x[:3]}
    fig = flow_plots.three_columns({"a": row, "b": row | {"wrong": x[:0]}}, x, y, (-2, 2), 1.2)
    assert len(fig.axes) == 6 and fig.axes[0].get_ylabel().startswith("a")
    marked = [line for line in fig.axes[2].lines if line.get_marker() == "x"]
    assert len(marked) == 1 and len(marked[0].get_xdata()) == 3
    assert not [line for line in fig.axes[5].lines if line.get_marker() == "x"]
    hatched = [patch for patch in fig.axes[2].patches if patch.get_hatch()]
    assert hatched[0].get_xy() == (1.2, 1.2)
    plt.close("all")


def test_counts_draw_both_reference_lines():
    left, right = plt.subplots(1, 2)[1]
    flow_plots.counts({"net": ([0, 10], [20, 40], [30, 60])}, left, right)
    slopes = [np.diff(line.get_ydata())[0] / np.diff(line.get_xdata())[0] for line in right.lines]
    assert slopes[0] == pytest.approx(1.5)  # the points
    assert sorted(slopes[1:]) == pytest.approx([0.5, 1.0])
    plt.close("all")


def test_error_bars_end_where_the_intervals_do():
    ax = plt.subplots()[1]
    flow_plots.error_intervals({"a": 0.03, "b": 0.05}, {"a": (0.02, 0.05), "b": (0.04, 0.07)}, ax)
    ends = [segment[:, 1] for c in ax.collections for segment in c.get_segments()]
    assert np.allclose(ends, [[2, 5], [4, 7]])
    plt.close("all")


def test_notebook_says_at_its_place_that_one_block_does_as_well():
    """The honest sentence stands in the text, directly behind the exercise on the table."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    place = next(i for i, c in enumerate(cells) if 'check("07.5"' in c.source)
    assert "one ordinary block does as well" in cells[place + 1].source
