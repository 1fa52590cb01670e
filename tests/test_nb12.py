"""Notebook 12: its equations, its stored table and its two explorers."""

import math

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch

from course_lib import results, systems
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises import nb12
from course_lib.metrics import (
    density_kl,
    lyapunov_exponent,
    power_spectrum,
    spectrum_distance,
    valid_prediction_time,
)
from course_lib.nets import MLP
from course_lib.sequences import flow, rollout
from course_lib.training import cosine
from course_lib.widgets import chaos_explorer, cloud_explorer
from course_lib.widgets import nb12 as widget
from experiments import chaos

pytestmark = pytest.mark.usefixtures("float64")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def cells(kind="code"):
    notebook = nbformat.read(NOTEBOOKS_DIR / "12_chaos.ipynb", as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def defined_in_the_notebook(*names):
    """Functions of the notebook, from the cells that define them."""
    space = {"torch": torch, "systems": systems, "plt": plt}
    for name in names:
        (source,) = [cell for cell in cells() if f"def {name}(" in cell]
        exec(source.split("\ncheck(")[0], space)
    return [space[name] for name in names]


@pytest.fixture(scope="module")
def true_runs():
    """Forty true runs [701, 40, 3], a tenth of a Lyapunov time and more apart from each other."""
    torch.set_default_dtype(torch.float64)
    starts = rollout(widget.lorenz_step, torch.randn(40, 3, generator=seeded(11)), 400)[-1]
    return rollout(widget.lorenz_step, starts, 700)


# --- equations -----------------------------------------------------------------------------------


def test_lorenz():
    """(12.1): the library's right-hand side, and the notebook's field for standardised states."""
    x = torch.randn(9, 3, generator=seeded())
    raw = widget.CENTRE + widget.SIZE * x
    a, b, c = raw.T
    slope = torch.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], -1)
    torch.testing.assert_close(systems.lorenz().func(0.0, raw), slope)
    (true_field,) = defined_in_the_notebook("true_field")
    torch.testing.assert_close(true_field(x), slope / widget.SIZE)


def test_states_are_standardised(true_runs):
    """Mean 0 and standard deviation 1, as the text says, to within the attractor's own scatter."""
    assert true_runs.mean((0, 1)).abs().max() < 0.15
    assert (true_runs.std((0, 1)) - 1).abs().max() < 0.06


def test_gap_obeys_the_linear_equation():
    """(12.2): a tiny gap grows by the fundamental matrix of δ' = Jδ, whatever its size."""
    start, direction = widget.START[None], torch.tensor([[0.6, 0.0, 0.8]])

    def after(gap, n=25):
        return rollout(widget.lorenz_step, torch.cat([start, start + gap]), n)[-1].diff(dim=0)

    jacobian = torch.autograd.functional.jacobian(
        lambda x: rollout(widget.lorenz_step, x, 25)[-1], start
    )[0, :, 0]
    for size in (1e-5, 1e-7):
        grown = after(size * direction) / size
        torch.testing.assert_close(grown, direction @ jacobian.T, rtol=2e-3, atol=1e-3)
    # and by the factor e^(λt) for a constant Jacobian, with λ its largest eigenvalue
    matrix = torch.tensor([[0.3, 1.0], [0.0, -0.5]])
    growth = torch.linalg.matrix_norm(torch.linalg.matrix_exp(40 * matrix), 2).log() / 40
    assert growth.item() == pytest.approx(0.3, abs=0.02)


def test_benettin():
    """(12.3): the notebook's loop and the library's agree, and give 0.906 for Lorenz's system."""
    (log_growth,) = defined_in_the_notebook("log_growth")
    x = rollout(widget.lorenz_step, torch.randn(30, 3, generator=seeded(3)), 400)[-1]
    with torch.no_grad():
        ours = log_growth(widget.lorenz_step, x, 900)[100:].mean() / 0.04
    theirs = lyapunov_exponent(widget.lorenz_step, x, 800, 0.04, settle=100)
    assert ours.item() == pytest.approx(theirs.mean().item(), abs=1e-3)
    assert theirs.mean().item() == pytest.approx(0.906, abs=0.04)
    # without shrinking the gap back it stays as large as the attractor, and the rate is lost
    pair = rollout(widget.lorenz_step, torch.cat([x[:1], x[:1] + 1e-7]), 900)
    naive = (pair[-1].diff(dim=0).norm() / 1e-7).log() / (900 * 0.04)
    assert naive < 0.7


def test_forecast_time_grows_with_the_logarithm():
    """(12.4): ten times nearer buys ln 10 / λ = 2.54 units of time, in the mean over starts."""
    x = rollout(widget.lorenz_step, torch.randn(40, 3, generator=seeded(5)), 400)[-1]
    truth = rollout(widget.lorenz_step, x, 800)
    times = []
    for k in (4, 9):
        path = rollout(widget.lorenz_step, x + torch.tensor([10.0**-k, 0, 0]), 800)
        times.append(valid_prediction_time(path, truth, 0.04, scale=3**0.5).mean().item())
    assert (times[1] - times[0]) / 5 == pytest.approx(math.log(10) / 0.906, rel=0.1)
    assert times[0] == pytest.approx(math.log(0.4 * 3**0.5 * 1e4) / 0.906, abs=2)
    assert nb12.BETTER_START.solution == pytest.approx(6.908, abs=1e-3)


def test_valid_prediction_time_of_the_notebook(true_runs):
    """(12.5): the exercise's answer is the library's, and the scale is √3 for these states."""
    truth, path = true_runs[:200, 0], true_runs[:200, 0] + 0.02 * torch.arange(200.0)[:, None]
    one = nb12.valid_time(path, truth, 0.04, 3**0.5)
    assert one == valid_prediction_time(path, truth, 0.04, scale=3**0.5).item()
    assert one == pytest.approx(0.04 * math.ceil(0.4 / 0.02))
    spread = (true_runs - true_runs.mean((0, 1))).square().sum(-1).mean().sqrt()
    assert spread.item() == pytest.approx(3**0.5, rel=0.05)


def test_late_errors(true_runs):
    """(12.6): unrelated runs are apart by 2s² in the mean square, the mean by s²."""
    apart = (true_runs[:, :20] - true_runs[:, 20:]).square().sum(-1).mean()
    from_mean = true_runs.square().sum(-1).mean()
    assert from_mean.item() == pytest.approx(3, rel=0.1)
    assert (apart / from_mean).item() == pytest.approx(2, rel=0.12)


def test_kl_of_the_notebook():
    """(12.7): the exercise on the library's cells gives the library's value."""
    x, y = torch.randn(2, 3000, 1, generator=seeded())
    edges = x.mean() + x.std() * torch.linspace(-3, 3, 17)
    counts = [torch.histogram(z[:, 0], edges).hist for z in (x, y)]
    counts = [
        torch.cat([c, torch.tensor([len(z) - c.sum()])])
        for c, z in zip(counts, (x, y), strict=True)
    ]
    assert nb12.histogram_kl(*counts, 0.5).item() == pytest.approx(density_kl(x, y), rel=1e-6)


def test_hellinger_of_the_notebook(true_runs):
    """(12.8): 0 for equal, 1 for disjoint shares; the library's windows change little."""
    t = torch.arange(600.0)
    slow, fast = torch.sin(2 * math.pi * t / 50), torch.sin(2 * math.pi * t / 5)
    assert nb12.spectra_distance(slow, 3 * slow + 1, 100).item() == pytest.approx(0, abs=1e-6)
    assert nb12.spectra_distance(slow, fast, 100).item() == pytest.approx(1, abs=1e-3)
    x, y = true_runs[:, 0, 2], true_runs[::2, 0, 2].repeat(2)[:701]
    plain, tapered = (
        nb12.spectra_distance(x, y, 100),
        spectrum_distance(x[:, None], y[:, None], 100),
    )
    assert tapered == pytest.approx(plain.item(), abs=0.25) and tapered > 0.3
    _, share = power_spectrum(true_runs, 0.04)
    torch.testing.assert_close(share.sum(0), torch.ones(3))


def small_model():
    net = MLP([3, 8, 3], generator=seeded(1))
    return net, lambda x: x + 0.5 * net(x)


def test_gradient_through_time_is_the_product_of_jacobians():
    """(12.9): autograd through n steps gives J_n … J_1, and the exercise its norms."""
    _, step = small_model()
    x0 = torch.randn(3, generator=seeded())
    whole = nb12.jacobian(lambda x: rollout(step, x, 4)[-1], x0)
    states = rollout(step, x0, 4)
    product = torch.eye(3)
    for x in states[:-1]:
        product = nb12.jacobian(step, x) @ product
    torch.testing.assert_close(whole, product)
    assert nb12.gradient_growth(step, x0, 4)[-1].item() == pytest.approx(product.norm().item())


def test_gradient_with_respect_to_the_parameters_is_the_sum_over_steps():
    """(12.10): ∂ℒ/∂θ = ∂ℒ/∂x_n Σ_k J_n … J_{k+1} ∂F_θ(x_{k−1})/∂θ."""
    net, step = small_model()
    x0, n = torch.randn(3, generator=seeded()), 4
    states = rollout(step, x0, n)
    weight = net.layers[0].weight
    (exact,) = torch.autograd.grad(states[-1].square().sum(), weight)
    states, total = states.detach(), torch.zeros_like(weight)
    back = 2 * states[-1]  # ∂ℒ/∂x_n
    for k in range(n, 0, -1):
        (local,) = torch.autograd.grad((step(states[k - 1]) * back).sum(), weight)
        total, back = total + local, back @ nb12.jacobian(step, states[k - 1])
    torch.testing.assert_close(total, exact)


def test_gradients_grow_at_the_rate_of_the_exponent():
    """The text's reading of (12.9), on the true system: ln‖gradient‖ rises by λ in the mean."""
    x = rollout(widget.lorenz_step, torch.randn(80, 3, generator=seeded(9)), 400)[-1]
    x = x.requires_grad_()
    path, logs = rollout(widget.lorenz_step, x, 150), []
    for n in (50, 150):
        (gradient,) = torch.autograd.grad(path[n].sum(), x, retain_graph=True)
        logs.append(gradient.norm(dim=1).log().mean())
    assert ((logs[1] - logs[0]) / 4).item() == pytest.approx(0.906, abs=0.12)


# --- what the measures do not see ----------------------------------------------------------------


def test_blind_spots(true_runs):
    """The density sees neither a wrong clock nor reversed time; the spectrum sees the clock."""
    first, second = true_runs[:, :20], true_runs[:, 20:]
    floor = density_kl(first, second), spectrum_distance(first, second, 256)
    backwards = second.flip(0)
    assert density_kl(first, backwards) == pytest.approx(floor[0])
    assert spectrum_distance(first, backwards, 256) < 1.2 * floor[1]
    windows = slice(0, 640)  # four windows of 256: with the same samples, the same distance
    backwards = second[windows].flip(0)
    there = spectrum_distance(first[windows], second[windows], 256)
    assert spectrum_distance(first[windows], backwards, 256) == pytest.approx(there, rel=0.02)
    gap = torch.full((20, 1), 1.05 * 0.04)
    true = systems.lorenz().func
    fast = rollout(
        lambda x: flow(
            lambda s: true(0.0, widget.CENTRE + widget.SIZE * s) / widget.SIZE, x, gap, 2
        ),
        true_runs[0, 20:],
        700,
    )
    assert density_kl(first, fast) < 2 * floor[0]
    assert spectrum_distance(first, fast, 256) > 1.4 * floor[1]
    shuffled = second[torch.randperm(701, generator=seeded())]
    assert spectrum_distance(first, shuffled, 256) > 8 * floor[1]


# --- the stored table ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chaos_data():
    torch.set_default_dtype(torch.float64)
    return chaos.data(0)


def test_a_stored_row_can_be_made_again(chaos_data):
    """One row of one seed: noisy data, windows of one step."""
    kept = results.row(results.load("chaos"), model="1")["vpt"][0]
    _, noisy, truth, _ = chaos_data
    net = chaos.fit_windows(noisy, (1,), 0)
    path = rollout(lambda x: chaos.advance(net, x).detach(), truth[0], 300)
    vpt = valid_prediction_time(path, truth[:301], chaos.DT * chaos.LAMBDA, scale=chaos.SCALE)
    assert vpt.mean().item() == pytest.approx(kept, rel=0.2)  # chaos magnifies rounding


def test_growing_windows_and_many_single_steps_cost_the_same():
    def steps(name):
        horizons, updates = chaos.NOISY[name]
        return sum(horizons[k * len(horizons) // updates] for k in range(updates))

    assert steps("1 to 16") == steps("1 ×6") == 6.2 * steps("1")
    table = results.load("chaos")
    assert {r["model"] for r in table["rows"] if r["data"] == "noisy"} == set(chaos.NOISY)


def test_what_the_text_says_of_the_noisy_models():
    """Valid times and exponents that the prose of 12.7 quotes."""
    table = results.load("chaos")
    single, growing, long = (results.row(table, model=name) for name in ("1", "1 to 16", "16"))
    gain = sorted(a / b for a, b in zip(growing["vpt"], single["vpt"], strict=True))
    assert gain[0] == pytest.approx(1.01, abs=0.005)
    assert gain[1] == pytest.approx(1.23, abs=0.005) and gain[-1] == pytest.approx(1.42, abs=0.005)
    assert sum(rate < 0.015 for rate in long["lyapunov"]) == 3
    assert sum(long["vpt"]) / sum(single["vpt"]) == pytest.approx(6 / 7, abs=0.01)


def test_the_notebook_trains_as_the_experiment_does(chaos_data):
    """The same updates from the same seed: equal weights after a few of them."""
    _, noisy, *_ = chaos_data
    (fit,) = defined_in_the_notebook("fit_windows")
    space = fit.__globals__
    space |= {"MLP": MLP, "noisy": noisy, "rollout": rollout, "advance": chaos.advance}
    space |= {"generator": lambda k: seeded(k), "cosine": cosine}
    for horizons in ((1,), (1, 2)):
        ours, theirs = fit(horizons, updates=6), chaos.fit_windows(noisy, horizons, 0, updates=6)
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b)


# --- the explorers -------------------------------------------------------------------------------


def test_the_parting_follows_the_formula():
    """What the picture says about (12.4) holds for its start; other k were looked at by hand."""
    for k in (1, 4, 8, 12):
        runs = widget.twins(k)
        parted = valid_prediction_time(runs[:, 1], runs[:, 0], 0.04, scale=widget.SCALE).item()
        assert parted == pytest.approx(math.log(0.4 * 3**0.5 * 10**k) / 0.9056, abs=1.0), k


def test_the_loss_breaks_into_valleys():
    losses = widget.losses()
    count = {span: widget.valleys(losses[round(span / 0.04) - 1]) for span in (1, 2, 3, 4, 8)}
    assert count[1] == count[2] == count[3] == 1
    assert 2 <= count[4] < count[8] / 5
    assert {3.0, 4.0} <= set(chaos_explorer.controls["horizon"].extremes)  # the reader can find it
    assert (losses.argmin(1) == 200).all()  # the truth is the lowest point at every horizon


def test_the_picture_shades_the_horizon_and_marks_the_truth():
    fig = chaos_explorer.figure(k=6, horizon=4.0)
    left, right = fig.axes
    (band,) = left.patches
    assert band.get_width() == pytest.approx(4.0)
    assert len(left.lines) == 2 and right.lines[1].get_xdata()[0] == 28
    plt.close(fig)


def test_the_cloud_starts_small_and_ends_everywhere():
    scene = cloud_explorer.scene(k=2)
    widths = np.linalg.norm(scene.points - scene.points.mean(1, keepdims=True), axis=-1).mean(1)
    assert widths[0] < 0.011 and widths[-1] > 0.8
    left = (scene.points[-1, :, 0] < 0).mean()
    assert 0.2 < left < 0.8  # both wings
    assert (scene.grid == scene.grid[0]).all()  # the attractor stays where it is
