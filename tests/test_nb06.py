"""Notebook 06: its equations, its faulty code, its stored table and its widget."""

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch

from course_lib import results, systems
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises import grade, nb06
from course_lib.exercises.nb06 import _faulty, make_field, remaining_faults
from course_lib.metrics import observed_order, rmse
from course_lib.nets import MLP, count_parameters
from course_lib.sequences import fit_step, flow, pairs, sample_times
from course_lib.solvers import odeint
from course_lib.widgets import nb06 as widget
from course_lib.widgets import sampling_explorer
from experiments import dynamics

NOTEBOOK = NOTEBOOKS_DIR / "06_learning_dynamics.ipynb"
RING = systems.van_der_pol()


pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def cells(kind="code"):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def true_flow(x, gap):
    return odeint(RING.func, x, torch.tensor([0.0, gap]), rtol=1e-11, atol=1e-11)[-1]


# --- equations -----------------------------------------------------------------------------------


def test_the_oscillator():
    """(6.1): the library's right-hand side with μ = 1; size, speed and turn of the ring."""
    q, v = torch.randn(2, 9, generator=seeded())
    slope = RING.func(0.0, torch.stack([q, v], -1))
    torch.testing.assert_close(slope, torch.stack([v, (1 - q**2) * v - q], -1))
    late = odeint(RING.func, torch.tensor([2.0, 0.0]), torch.linspace(0, 40, 4001))[2000:]
    assert late.abs().max(0).values.tolist() == pytest.approx([2.01, 2.68], abs=0.01)
    speeds = RING.func(0.0, late).abs().max(0).values
    assert speeds.tolist() == pytest.approx([2.68, 4.76], abs=0.01)
    upwards = ((late[:-1, 0] < 0) & (late[1:, 0] >= 0)).nonzero().flatten()
    assert 0.01 * upwards.diff()[0] // 0.5 == 13  # ticks in a turn


def test_three_readings_of_one_network():
    """(6.2), (6.3), (6.4): the notebook's steps are exact for next state, change and velocity."""
    (source,) = [cell for cell in cells() if "def ode_step" in cell]
    namespace = {"torch": torch}
    exec(source, namespace)
    x = torch.randn(7, 2, generator=seeded())
    after, gaps = true_flow(x, 0.1), torch.full((7, 1), 0.1)
    exact = {
        "NN map": lambda x: true_flow(x, 0.1),
        "ResNet map": lambda x: true_flow(x, 0.1) - x,
        "neural ODE": lambda x: RING.func(0.0, x),
    }
    for reading, make in namespace["models"].items():
        for name, net in exact.items():
            miss = (make(net)(x, gaps) - after).abs().max()
            # one RK4 step of 0.1 is no more accurate than 1e-4
            assert (miss < 1e-4) if name == reading else (miss > 0.1), (reading, name)


def test_the_loss_is_the_mean_square_over_both_components():
    """(6.5): fit_step's loss and the exercise's are 1/(2N) Σ‖x̂ − x‖²."""
    times = sample_times(3, 4, 0.3, seeded(), irregularity=1.0)
    x = torch.randn(3, 5, 2, generator=seeded())
    f = lambda z: 0 * z  # noqa: E731
    before, after, _ = pairs(times, x)
    wanted = (before - after).square().sum() / (2 * len(before))
    torch.testing.assert_close(nb06.irregular_loss(f, times, x), wanted)
    net = torch.nn.Linear(2, 2)
    root = fit_step(net, lambda x, gap: x + 0 * net(x), before, after, after[:, :1], iterations=1)
    assert root**2 == pytest.approx(wanted.item())


def test_residual_over_gap_is_first_order_from_the_field():
    """(6.6), (6.7): increments are Δt f to O(Δt²), and the next term is ½Δt J f."""
    x = torch.randn(20, 2, generator=seeded())
    f = RING.func(0.0, x)
    J = torch.func.vmap(torch.func.jacrev(lambda z: RING.func(0.0, z)))(x)
    Jf = (J @ f[..., None])[..., 0]
    gaps = [0.04, 0.02, 0.01]
    first = [(true_flow(x, h) - x - h * f).norm().item() for h in gaps]
    second = [((true_flow(x, h) - x) / h - f - h / 2 * Jf).norm().item() for h in gaps]
    assert observed_order(first, gaps) == pytest.approx(2, abs=0.1)
    assert observed_order(second, gaps) == pytest.approx(2, abs=0.1)
    wrong_sign = [((true_flow(x, h) - x) / h - f + h / 2 * Jf).norm().item() for h in gaps]
    assert observed_order(wrong_sign, gaps) < 1.2


def test_each_pair_has_its_own_clock():
    """(6.8): dx/ds = Δt f on 0 ≤ s ≤ 1 ends where dx/dt = f does after Δt, for every row."""
    x, gap = torch.randn(4, 2, generator=seeded()), torch.tensor([[0.05], [0.3], [0.7], [1.0]])
    together = flow(lambda z: RING.func(0.0, z), x, gap, steps=200)
    alone = torch.cat([true_flow(x[i : i + 1], gap[i].item()) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    mean_gap = flow(lambda z: RING.func(0.0, z), x, gap.mean().expand(4, 1), steps=200)
    assert (mean_gap - alone).abs().max() > 0.1


def test_a_bounded_output_is_a_speed_limit():
    """(6.9): with tanh at the end no component moves faster than 1; without, it may."""
    x, t = torch.randn(5, 2, generator=seeded()), torch.linspace(0, 3, 31)
    for head in (torch.tanh, None):
        net = MLP([2, 16, 2], torch.tanh, head, generator=seeded())
        with torch.no_grad():
            for p in net.parameters():
                p.mul_(8)
            moved = (odeint(lambda t, z, f=net: f(z), x, t) - x).abs()
        assert bool((moved <= t[:, None, None] + 1e-6).all()) == (head is not None)


# --- exercises -----------------------------------------------------------------------------------


def test_equal_counts():
    """`widest` fits the budget, and one unit more does not; three inputs cost a unit of width."""
    assert count_parameters(MLP([2, 32, 32, 2])) == 1218
    assert nb06.widest(2, 2, 1218) == 32 and nb06.widest(3, 2, 1218) == 31
    for n_in, n_out, budget in [(3, 2, 1218), (5, 1, 700), (2, 2, 400)]:
        h = nb06.widest(n_in, n_out, budget)
        fits, not_any_more = (count_parameters(MLP([n_in, k, k, n_out])) for k in (h, h + 1))
        assert fits <= budget < not_any_more
    assert count_parameters(MLP([3, 31, 31, 2])) == 1180
    assert count_parameters(MLP([3, 32, 32, 2])) == 1250


def notebooks_make_field(*mended):
    """The notebook's faulty function, some of its faults mended as a learner would."""
    (source,) = [cell for cell in cells() if "def make_field" in cell]
    source = source.split("check(")[0]
    repairs = {
        "stub": ("    raise NotImplementedError", "    # "),
        nb06.IMPORT: ("    class Field", "    from torch import nn\n    class Field"),
        nb06.SUPER: ("            self.layers", "            super().__init__(); self.layers"),
        nb06.WIDTHS: (
            "[nn.Linear(2, 32), nn.Linear(32, 2)]",
            "nn.Linear(a, b) for a, b in zip([2, *hidden_layers], [*hidden_layers, 2])",
        ),
        nb06.NO_TIME: ("forward(self, x)", "forward(self, t, x)"),
        nb06.HEAD: ("return x\n", "return self.layers[-1](h)\n"),
        nb06.CLASS: ("return Field", "return Field(hidden_layers)"),
    }
    for name in mended:
        old, new = repairs[name]
        assert source.count(old) == 1, old
        source = source.replace(old, new)
        if name == nb06.HEAD:
            source = source.replace("x = torch.tanh", "h, x = x, torch.tanh")
    namespace = {"torch": torch}
    exec(source, namespace)
    return namespace["make_field"]


SIX = [nb06.IMPORT, nb06.SUPER, nb06.CLASS, nb06.NO_TIME, nb06.HEAD, nb06.WIDTHS]


def test_the_code_handed_out_has_the_six_faults():
    assert remaining_faults(notebooks_make_field("stub")) == SIX
    assert grade("06.4", notebooks_make_field()).outcome == "not attempted"


@pytest.mark.parametrize("fault", SIX)
def test_mending_one_fault_leaves_the_other_five(fault):
    left = remaining_faults(notebooks_make_field("stub", fault))
    assert left == [other for other in SIX if other != fault]


def test_mending_in_any_order_ends_right():
    for count in range(6):
        answer = notebooks_make_field("stub", *SIX[:count])
        assert remaining_faults(answer) == SIX[count:]
        result = grade("06.4", answer)
        assert (result.outcome, result.name) == ("misconception", SIX[count])
        assert all(fault in result.message for fault in SIX[count:])
    assert grade("06.4", notebooks_make_field("stub", *SIX)).outcome == "correct"


def test_two_faults_are_both_named():
    result = grade("06.4", _faulty(nb06.WIDTHS, nb06.HEAD))
    assert nb06.WIDTHS in result.message and nb06.HEAD in result.message


def test_the_mended_field_is_what_odeint_wants():
    field = make_field([7, 9])
    path = odeint(field, torch.ones(3, 2), torch.tensor([0.0, 0.3, 0.31, 1.0]))
    assert path.shape == (4, 3, 2)
    assert count_parameters(field) == 3 * 7 + 8 * 9 + 10 * 2


# --- the stored table ----------------------------------------------------------------------------


def test_a_stored_row_can_be_made_again():
    table = results.load("dynamics")
    stored = results.row(table, gap=0.02, optimiser="Adam", steps=400, model="ResNet")["error"]
    again = dynamics.run(0.02, "Adam", 400, "ResNet", seed=0)
    assert again == pytest.approx(stored[0], rel=0.2)  # 400 steps magnify another CPU's rounding


def test_the_table_says_what_the_text_does():
    """Adam, stopped early: largest for short gaps. L-BFGS: none. Either: gone with more steps."""
    table = results.load("dynamics")

    def ratio(gap, optimiser, steps):
        where = {"gap": gap, "optimiser": optimiser, "steps": steps}
        nn, resnet = (
            np.array(results.row(table, **where, model=m)["error"]) for m in ("NN", "ResNet")
        )
        return np.exp(np.log(nn / resnet).mean())

    adam = [ratio(gap, "Adam", 400) for gap in (0.01, 0.02, 0.1, 0.2, 0.4)]
    assert adam[0] > adam[1] > adam[2] > 1
    assert all(1.8 < r < 2.4 for r in adam[2:])
    assert all(0.5 < ratio(g, "L-BFGS", 250) < 1.4 for g in (0.01, 0.02, 0.05, 0.1, 0.2, 0.4))
    for optimiser, lengths in (("Adam", (100, 400, 1000, 4000)), ("L-BFGS", (20, 40, 80, 250))):
        ratios = [ratio(0.02, optimiser, n) for n in lengths]
        assert ratios == sorted(ratios, reverse=True)
        assert ratios[0] > 5 and ratios[-1] < 1.8


# --- the widget ----------------------------------------------------------------------------------


def test_every_setting_has_its_networks():
    stored = results.load_weights("sampling_explorer")
    sizes = {name: tuple(weights.shape) for name, weights in stored.items()}
    settings = [
        (g, i, s) for g in widget.GAPS for i in widget.IRREGULARITIES for s in widget.NOISES
    ]
    assert set(sizes) == {widget.key(m, *s) for s in settings for m in widget.MODELS}
    assert set(sizes.values()) == {(count_parameters(widget.new_net()),)}


def errors_at_samples(*setting):
    """Errors of NN map, ResNet map and neural ODE on the explorer's held-out trajectory."""
    found = widget.predictions(*setting)
    names = ("NN map", "ResNet map", "neural ODE at samples")
    return np.array([rmse(found[name], found["states"]) for name in names])


def test_regular_and_noise_free_all_three_are_right_at_the_samples():
    assert errors_at_samples(0.2, "none", 0.0).max() < 0.1


@pytest.mark.parametrize("gap", widget.GAPS)
def test_random_gaps_hurt_the_maps_and_not_the_ode(gap):
    nn, resnet, ode = errors_at_samples(gap, "wholly random", 0.0)
    assert min(nn, resnet) > 5 * ode


@pytest.mark.parametrize("gap", [0.1, 0.2, 0.4])
def test_noise_hurts_all_three_on_regular_ticks(gap):
    assert (errors_at_samples(gap, "none", 0.2) > 1.5 * errors_at_samples(gap, "none", 0.0)).all()


def explorer_net(model, *setting):
    """A network with the explorer's stored weights, its step, the data that it was trained on."""
    net = widget.new_net()
    stored = results.load_weights("sampling_explorer")[widget.key(model, *setting)].double()
    torch.nn.utils.vector_to_parameters(stored, net.parameters())
    return net, widget.step_of(model, net), widget.training_pairs(*setting)


def test_on_sparse_regular_ticks_the_maps_beat_an_ode_that_was_stopped_early():
    nn, resnet, ode = errors_at_samples(0.8, "none", 0.0)
    assert max(nn, resnet) < ode
    net, step, data = explorer_net("neural ODE", 0.8, "none", 0.0)
    before = rmse(step(data[0], data[2]), data[1])
    assert fit_step(net, step, *data, iterations=250) < before / 3


def test_stored_weights_are_those_that_training_gives():
    """One network of the explorer, trained again: its error on its own data is as stored."""
    _, step, data = explorer_net("ResNet map", 0.8, "none", 0.0)
    kept = rmse(step(data[0], data[2]), data[1])
    net = widget.new_net()
    again = fit_step(net, widget.step_of("ResNet map", net), *data, iterations=150)
    assert kept == pytest.approx(again, rel=0.5)  # 150 steps magnify another CPU's rounding


def test_the_maps_have_points_and_the_ode_a_curve():
    fig = sampling_explorer.figure(gap=0.8, irregularity="wholly random")
    lines = {line.get_label(): line for line in fig.axes[0].lines}
    samples = len(lines["samples"].get_xdata())
    assert len(lines["NN map"].get_xdata()) == len(lines["ResNet map"].get_xdata()) == samples
    assert lines["NN map"].get_linestyle() == lines["ResNet map"].get_linestyle() == "None"
    assert len(lines["neural ODE"].get_xdata()) > 10 * samples
    plt.close(fig)
