"""The constructive control: closed forms against a solver, exact arrival, and clear refusals."""

import pytest
import torch

from course_lib.shears import Control, neuron_flow, steer, sweep
from course_lib.solvers import odeint

pytestmark = pytest.mark.usefixtures("float64")


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def right_hand_side(w, a, b):
    """f(t, x) of one neuron, as `odeint` calls it."""
    return lambda t, x: (x @ a + b).clamp(min=0)[..., None] * w


# --- the flow of one neuron ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("w", "a"),
    [([0.3, -0.8], [0.8, 0.3]), ([1.0, 0.4], [0.7, -0.2]), ([-1.0, 0.4], [0.7, -0.2])],
    ids=["w ⟂ a", "a·w > 0", "a·w < 0"],
)
def test_closed_form_is_what_a_solver_computes(w, a):
    x, w, a = torch.randn(40, 2, generator=random()), torch.tensor(w), torch.tensor(a)
    func, span = right_hand_side(w, a, 0.1), torch.tensor([0.0, 0.9])
    solved = odeint(func, x, span, rtol=1e-10, atol=1e-10)[-1]
    assert torch.allclose(neuron_flow(x, w, a, 0.1, 0.9), solved, atol=1e-8)
    always_shear = x + 0.9 * (x @ a + 0.1).clamp(min=0)[:, None] * w
    assert torch.allclose(always_shear, solved, atol=1e-8) is (float(a @ w) == 0.0)


def test_behind_the_hyperplane_nothing_moves():
    x, w, a = torch.randn(200, 3, generator=random()), torch.ones(3), torch.tensor([1.0, 2, 0])
    moved = neuron_flow(x, w, a, -0.3, 1.0)
    behind = x @ a - 0.3 <= 0
    assert torch.equal(moved[behind], x[behind]) and bool((moved[~behind] != x[~behind]).all())


def test_small_rates_join_the_shear():
    x, a = torch.randn(20, 2, generator=random()), torch.tensor([1.0, 0.0])
    shear = neuron_flow(x, torch.tensor([0.0, 1.0]), a, 0.2, 1.0)
    for rate in (1e-6, 1e-10, 1e-14):
        near = neuron_flow(x, torch.tensor([rate, 1.0]), a, 0.2, 1.0)
        assert (near - shear).abs().max() < 10 * rate + 1e-15


def test_time_runs_backwards():
    x, w, a = torch.randn(30, 2, generator=random()), torch.tensor([0.5, 1]), torch.tensor([1.0, 1])
    there = neuron_flow(x, w, a, 0.1, 0.8)
    assert torch.allclose(neuron_flow(there, w, a, 0.1, -0.8), x, atol=1e-13)


def test_precision_follows_the_points():
    x = torch.randn(5, 2, generator=random()).float()
    w, a = torch.tensor([1.0, 2.0]).float(), torch.tensor([1.0, 0.5]).float()
    assert neuron_flow(x, w, a, 0.1, 0.5).dtype == torch.float32


# --- sweeps and the whole control ----------------------------------------------------------------


def test_sweep_takes_values_in_any_order_and_several_at_once():
    c = torch.rand(9, generator=random())
    v, target = torch.randn(2, 9, 3, generator=random(1))
    hinges, weights = sweep(c, v, target)
    moved = v + (c[:, None] - hinges).clamp(min=0) @ weights
    assert torch.allclose(moved, target, atol=1e-10)
    assert torch.equal(hinges[1:], c.sort().values[:-1])


def test_pieces_put_one_point_in_place_after_the_other():
    x, y = torch.rand(2, 12, 2, generator=random())
    control, order = steer(x, y), x[:, 0].argsort()
    for k in range(1, 13):
        now = control(x, k)[order]
        assert torch.allclose(now[:k, 1], y[order][:k, 1], atol=1e-10)
        assert torch.equal(now[:, 0], x[order][:, 0])


@pytest.mark.parametrize(("n", "d", "seed"), [(1, 2, 0), (2, 2, 1), (50, 2, 2), (50, 2, 3)])
def test_every_point_arrives_in_2n_pieces(n, d, seed):
    x, y = torch.rand(2, n, d, generator=random(seed))
    control = steer(x, y)
    assert len(control) == 2 * n
    assert (control(x) - y).abs().max() < 1e-10


def test_more_dimensions_take_no_more_pieces():
    x, y = torch.randn(2, 30, 5, generator=random())
    control = steer(x, y)
    assert len(control) == 60 and (control(x) - y).abs().max() < 1e-10


def test_the_largest_error_is_rounding_not_luck():
    """A weight that is off by a ten-millionth is seen."""
    x, y = torch.rand(2, 50, 2, generator=random())
    control = steer(x, y)
    spoiled = Control(control.w * (1 + 1e-7), control.a, control.b)
    assert (spoiled(x) - y).abs().max() > 1e-8


def test_a_solver_on_the_control_arrives_as_well():
    x, y = torch.rand(2, 4, 2, generator=random(5))
    control, now = steer(x, y), x
    times = torch.tensor([0.0, 0.5, 1.0])
    for k in range(8):  # the right-hand side jumps in between
        func = right_hand_side(control.w[k], control.a[k], control.b[k])
        _, half, now = odeint(func, now, times, rtol=1e-9, atol=1e-9)
        assert torch.allclose(control(x, k + 0.5), half, atol=1e-6)
    assert torch.allclose(now, y, atol=1e-6)


def test_shears_keep_areas():
    x, y = torch.rand(2, 6, 2, generator=random())
    control = steer(x, y)
    places = torch.rand(20, 2, generator=random(1))
    jacobians = torch.func.vmap(torch.func.jacrev(lambda p: control(p)))(places)
    assert torch.allclose(torch.linalg.det(jacobians), torch.ones(20), atol=1e-8)


def test_sizes_are_the_lipschitz_constants():
    control = Control(torch.tensor([[3.0, 4]]), torch.tensor([[0.0, 2]]), torch.zeros(1))
    assert control.sizes.tolist() == [10.0]


def test_what_is_refused():
    x = torch.rand(3, 2, generator=random())
    with pytest.raises(ValueError, match="augment"):
        steer(x[:, :1], x[:, :1])
    with pytest.raises(ValueError, match="one shape"):
        steer(x, x[:2])
    with pytest.raises(ValueError, match="same place"):
        sweep(torch.tensor([1.0, 0.0, 1.0]), torch.zeros(3), torch.ones(3))
    same = x.clone()
    same[1, 0] = same[0, 0]
    with pytest.raises(ValueError, match="points share their first coordinate"):
        steer(same, x)
    same = x.clone()
    same[1, 1] = same[0, 1]
    with pytest.raises(ValueError, match="targets share their second coordinate"):
        steer(x, same)
    with pytest.raises(ValueError, match="from t = 0 to 6"):
        steer(x, x + 1)(x, 7.0)
