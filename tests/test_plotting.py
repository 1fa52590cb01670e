"""Figures are tested on what they contain; each test is shown to fail on a figure gone wrong."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib import font_manager
from matplotlib.colors import to_rgba
from matplotlib.image import AxesImage
from matplotlib.quiver import Quiver

from course_lib import plotting
from course_lib.plotting import COLORS, CYCLE, TIME_CMAP


@pytest.fixture(autouse=True)
def style():
    plotting.use_style("notebook")
    yield
    plt.close("all")


# --- what can be said of a figure -----------------------------------------------------------------


def assert_axes(ax, **wanted):
    """`assert_axes(ax, xlabel=…, xlim=…, yscale=…)`: what `ax.get_xlabel()` and so on return."""
    for name, value in wanted.items():
        got = getattr(ax, f"get_{name}")()
        same = np.allclose(got, value) if name.endswith("lim") else got == value
        assert same, f"{name} is {got!r}, not {value!r}"


def assert_curve(ax, label, x, y):
    lines = [line for line in ax.lines if line.get_label() == label]
    assert len(lines) == 1, f"{len(lines)} curves are labelled {label!r}"
    np.testing.assert_allclose(lines[0].get_xdata(), x)
    np.testing.assert_allclose(lines[0].get_ydata(), y)


def assert_curves_distinct(ax):
    """Any two labelled curves differ in colour or kind of point, and also without colour."""
    curves = [line for line in ax.lines if not line.get_label().startswith("_")]
    looks = [
        (line._unscaled_dash_pattern, line.get_linestyle(), line.get_marker()) for line in curves
    ]
    for (a, look_a), (b, look_b) in itertools.combinations(zip(curves, looks, strict=True), 2):
        assert look_a != look_b, f"{a.get_label()!r} and {b.get_label()!r} differ in colour alone"


def assert_directions(ax, field):
    """All arrows have one length and point along field(x, y) → (u, v)."""
    (arrows,) = [artist for artist in ax.collections if isinstance(artist, Quiver)]
    assert arrows.angles == "xy", "arrows must be tangent on the page, whatever its shape"
    u, v = field(arrows.X, arrows.Y)
    size = np.hypot(u, v)
    np.testing.assert_allclose(arrows.U, u / size, atol=1e-5)
    np.testing.assert_allclose(arrows.V, v / size, atol=1e-5)


def assert_triangle(ax, slope):
    """There is a triangle whose hypotenuse has this slope on the page's logarithmic scales."""
    triangles = [patch for patch in ax.patches if patch.get_gid() == "slope-triangle"]
    slopes = []
    for triangle in triangles:
        (x0, y0), _, (x1, y1) = triangle.get_xy()[:3]
        slopes.append(np.log(y1 / y0) / np.log(x1 / x0))
    assert any(np.isclose(slope, other) for other in slopes), f"slopes are {slopes}, not {slope}"
    assert f"{slope:g}" in [text.get_text() for text in ax.texts], "the slope is not written"


def assert_nothing_clipped(fig):
    fig.draw_without_rendering()
    drawn, (width, height) = fig.get_tightbbox(), fig.get_size_inches()
    inside = drawn.x0 > -0.01 and drawn.y0 > -0.01
    assert inside and drawn.x1 < width + 0.01 and drawn.y1 < height + 0.01, f"sticks out: {drawn}"


def assert_texts_apart(fig):
    """No two visible texts overlap: ticks, labels, titles, legends, annotations."""
    fig.draw_without_rendering()
    texts = []
    for ax in fig.axes:
        texts += [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        for axis, low_high in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if min(low_high) <= tick.get_loc() <= max(low_high):
                    texts += [tick.label1, tick.label2]
        if ax.get_legend():
            texts += ax.get_legend().get_texts()
    texts = [text for text in texts if text.get_visible() and text.get_text().strip()]
    boxes = [text.get_window_extent().padded(-1) for text in texts]
    for (a, box_a), (b, box_b) in itertools.combinations(zip(texts, boxes, strict=True), 2):
        assert not box_a.overlaps(box_b), f"{a.get_text()!r} lies on {b.get_text()!r}"


def assert_legend_beside(ax):
    ax.figure.draw_without_rendering()
    legend, frame = ax.get_legend(), ax.get_window_extent()
    assert legend is None or not legend.get_window_extent().padded(-1).overlaps(frame)


# --- one case a kind of figure: how it is made, what must hold, what must make that fail ----------


@dataclass
class Case:
    make: Callable
    check: Callable
    spoil: dict[str, Callable]


T = torch.linspace(0, 6, 40, dtype=torch.float64)
TURN = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
CIRCLE = torch.stack([torch.cos(T), -torch.sin(T)], dim=1)
H = np.array([0.4, 0.2, 0.1, 0.05, 0.025])
LABELS = torch.tensor([0, 1, 1, 0])
POINTS = torch.tensor([[-1.0, 0.0], [1.0, 0.5], [0.5, -0.5], [-0.5, 0.9]])


def swap_data(ax):
    ax.lines[0].set_ydata(np.asarray(ax.lines[0].get_ydata()) * 1.01)


def logistic(t, y):
    return y * (1 - y / 20)


def turn(t, y):
    return y @ TURN.to(y).T


def make_trajectories():
    ax = plotting.trajectories(T, CIRCLE.requires_grad_(), kind="truth")
    plotting.trajectories(T.numpy(), 1.1 * CIRCLE.detach().numpy(), ax, kind="model")
    return plotting.trajectories(T[::8], CIRCLE[::8], ax, kind="data")


def check_trajectories(ax):
    circle = CIRCLE.detach().numpy()
    assert_axes(ax, xlabel="time $t$")
    for i in range(2):
        assert_curve(ax, f"truth $y_{i + 1}$", T, circle[:, i])
        assert_curve(ax, f"model $y_{i + 1}$", T, 1.1 * circle[:, i])
        assert_curve(ax, f"data $y_{i + 1}$", T[::8], circle[::8, i])
    for line in ax.lines:
        assert line.get_color() == COLORS[line.get_label().split()[0]]


def make_slope_field():
    ax = plotting.slope_field(logistic, (0, 8), (0, 30))
    exact = 20 / (1 + 9 * torch.exp(-T))
    return plotting.trajectories(T, exact, ax, labels="exact", kind="truth")


def check_slope_field(ax):
    assert_axes(ax, xlabel="time $t$", ylabel="$y$", xlim=(0, 8), ylim=(0, 30))
    assert_directions(ax, lambda t, y: (np.ones_like(t), logistic(t, y)))
    assert_curve(ax, "exact", T, 20 / (1 + 9 * np.exp(-T.numpy())))


def check_vector_field(ax):
    assert_axes(ax, xlabel="$y_1$", ylabel="$y_2$", xlim=(-3, 3), ylim=(-2, 2))
    assert_directions(ax, lambda x, y: (y, -x))
    arrows = ax.collections[0]
    np.testing.assert_allclose(arrows.get_array(), np.hypot(arrows.X, arrows.Y), rtol=1e-5)
    assert ax.figure.axes[1].get_ylabel() == "speed"


def make_phase_portrait():
    ax = plotting.phase_portrait(turn, (-2, 2), (-1.5, 1.5), trajectories=[CIRCLE])
    plotting.time_bar(ax, 0, 6)
    return ax


def check_phase_portrait(ax):
    assert_axes(ax, xlabel="$y_1$", xlim=(-2, 2), ylim=(-1.5, 1.5), aspect=1)
    assert_directions(ax, lambda x, y: (y, -x))
    path = ax.collections[1]
    np.testing.assert_allclose([s[0] for s in path.get_segments()], CIRCLE.detach()[:-1])
    assert path.get_cmap() == TIME_CMAP and (np.diff(path.get_array()) > 0).all()
    np.testing.assert_allclose(ax.lines[0].get_xydata(), CIRCLE[:1].detach())
    assert ax.figure.axes[1].get_ylim() == (0, 6)


def make_phase_paths():
    ax = plotting.phase_portrait(turn, (-2, 2), (-1.5, 1.5))
    plotting.phase_path(CIRCLE, ax, kind="truth")
    plotting.phase_path(1.2 * CIRCLE, ax, kind="model", label="Euler")
    plotting.legend(ax)
    return ax


def check_phase_paths(ax):
    assert_curve(ax, "truth", *CIRCLE.detach().T)
    assert_curve(ax, "Euler", *1.2 * CIRCLE.detach().T)
    assert_axes(ax, aspect=1)


def make_convergence():
    errors = {"Euler": 0.5 * H, "midpoint": 0.3 * H**2, "RK4": 0.1 * H**4}
    return plotting.convergence(H, errors, slopes={"Euler": 1, "midpoint": 2, "RK4": 4})


def check_convergence(ax):
    assert_axes(ax, xlabel="step size $h$", ylabel="error at the end", xscale="log", yscale="log")
    assert_curve(ax, "Euler", H[::-1], 0.5 * H[::-1])
    assert_curve(ax, "RK4", H[::-1], 0.1 * H[::-1] ** 4)
    for slope in (1, 2, 4):
        assert_triangle(ax, slope)


def widen_triangle(ax):
    corners = ax.patches[0].get_xy()
    corners[2, 1] *= 1.05
    ax.patches[0].set_xy(corners)


def make_work_precision():
    work = {"ours": 6 / H, "torchdiffeq": torch.tensor(7 / H)}
    return plotting.work_precision(work, {"ours": H**5, "torchdiffeq": 2 * H**5})


def check_work_precision(ax):
    assert_axes(ax, xlabel="evaluations of $f$", ylabel="error", xscale="log", yscale="log")
    assert_curve(ax, "ours", 6 / H, H**5)
    assert_curve(ax, "torchdiffeq", 7 / H, 2 * H**5)


def make_gradient_per_layer():
    return plotting.gradient_per_layer({"plain": [0.0, 1e-6, 1e-3, 1.0], "residual": torch.ones(4)})


def check_gradient_per_layer(ax):
    assert_axes(ax, xlabel="layer", ylabel="gradient norm", yscale="log")
    assert_curve(ax, "plain", [1, 2, 3, 4], [np.nan, 1e-6, 1e-3, 1.0])
    assert_curve(ax, "residual", [1, 2, 3, 4], np.ones(4))


def make_loss_curves():
    return plotting.loss_curves({"plain": [3.0, 2.0, 1.5], "residual": ([10, 20], [2.0, 1.0])})


def check_loss_curves(ax):
    assert_axes(ax, xlabel="step", ylabel="loss", yscale="log")
    assert_curve(ax, "plain", [1, 2, 3], [3.0, 2.0, 1.5])
    assert_curve(ax, "residual", [10, 20], [2.0, 1.0])


def make_spread():
    runs = {"plain": [[1.0, 2.0, 4.0], [3.0, 4.0, 8.0]], "residual": torch.ones(2, 3)}
    return plotting.spread([2, 4, 8], runs, xlabel="depth", ylabel="error (%)")


def check_spread(ax):
    assert_axes(ax, xlabel="depth", ylabel="error (%)")
    assert_curve(ax, "plain", [2, 4, 8], [2.0, 3.0, 6.0])
    outline = ax.collections[0].get_paths()[0].vertices
    for x, low, high in ((2, 1, 3), (4, 2, 4), (8, 4, 8)):
        at = outline[outline[:, 0] == x, 1]
        assert (at.min(), at.max()) == (low, high)


def make_decision_map():
    ax = plotting.decision_map(
        lambda x: torch.sigmoid(4 * x[:, 0]),
        (-2, 2),
        (-1, 1),
        points=POINTS,
        labels=LABELS,
        density=41,
    )
    plotting.legend(ax, "above")
    return ax


def check_points(ax):
    for k, scatter in enumerate([c for c in ax.collections if c.get_label().startswith("class")]):
        np.testing.assert_allclose(scatter.get_offsets(), POINTS[k == LABELS])
        assert np.allclose(scatter.get_facecolor()[0], to_rgba(CYCLE[k]))


def check_decision_map(ax):
    assert_axes(ax, xlabel="$x_1$", ylabel="$x_2$", xlim=(-2, 2), ylim=(-1, 1), aspect=1)
    (image,) = [artist for artist in ax.images if isinstance(artist, AxesImage)]
    x = -2 + (np.arange(41) + 0.5) * 4 / 41
    np.testing.assert_allclose(image.get_array()[5], 1 / (1 + np.exp(-4 * x)), rtol=1e-5)
    assert image.get_clim() == (0, 1) and image.origin == "lower"
    boundary = ax.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(boundary[:, 0], 0, atol=1e-6)
    check_points(ax)


def make_classes():
    def scores(x):
        return torch.stack([-x[:, 0], x[:, 0], x[:, 1] * 0 - 9], dim=1)

    return plotting.decision_map(scores, (-2, 2), (-1, 1), points=POINTS, labels=LABELS, density=40)


def check_classes(ax):
    classes = ax.images[0].get_array()
    assert (classes[:, :20] == 0).all() and (classes[:, 20:] == 1).all()
    assert ax.images[0].to_rgba(np.array([[1]]), alpha=1)[0, 0].tolist() == list(to_rgba(CYCLE[1]))
    check_points(ax)


def make_stability_region():
    return plotting.stability_region({"Euler": lambda z: 1 + z, "implicit": lambda z: 1 / (1 - z)})


def check_stability_region(ax):
    assert_axes(ax, xlabel=r"Re $\lambda h$", ylabel=r"Im $\lambda h$", aspect=1)
    for contour, function in zip(
        ax.collections, (lambda z: 1 + z, lambda z: 1 / (1 - z)), strict=True
    ):
        z = contour.get_paths()[0].vertices @ [1, 1j]
        np.testing.assert_allclose(np.abs(function(z)), 1, atol=2e-3)


def check_region_filled(ax):
    (filled, outline) = ax.collections
    inside = filled.get_paths()[0]
    assert inside.contains_point((-1, 0)) and not inside.contains_point((0.5, 0))
    np.testing.assert_allclose(np.abs(1 + outline.get_paths()[0].vertices @ [1, 1j]), 1, atol=2e-3)


def check_step_sizes(ax):
    assert_axes(ax, xlabel="time $t$", ylabel="step size $h$", yscale="log")
    values, edges, _ = ax.patches[0].get_data()
    np.testing.assert_allclose(edges, [0, 0.1, 0.4, 1.3])
    np.testing.assert_allclose(values, [0.1, 0.3, 0.9])


def check_image_row(ax):
    shown = ax.images[0].get_array()
    assert shown.shape == (4, 3 * 4 + 2)
    np.testing.assert_allclose(shown[:, 5:9], np.arange(16, 32).reshape(4, 4))
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "b", "c"]
    np.testing.assert_allclose(ax.get_xticks(), [1.5, 6.5, 11.5])
    assert ax.images[0].origin == "upper"


def turn_arrows(ax):
    arrows = ax.collections[0]
    arrows.set_UVC(-arrows.U, arrows.V)


def auto_aspect(ax):
    ax.set_aspect("auto")


def move_contour(ax):
    paths = ax.collections[0].get_paths()
    paths[0].vertices[:, 0] += 0.1


def other_image(ax):
    ax.images[0].set_data(ax.images[0].get_array()[:, ::-1])


def move_points(ax):
    ax.collections[-1].set_offsets(ax.collections[-1].get_offsets() + 0.1)


CASES = {
    "trajectories": Case(
        make_trajectories,
        check_trajectories,
        {
            "other data": swap_data,
            "no label": lambda ax: ax.set_xlabel(""),
            "wrong colour": lambda ax: ax.lines[0].set_color(COLORS["model"]),
        },
    ),
    "slope_field": Case(
        make_slope_field,
        check_slope_field,
        {
            "mirrored slopes": turn_arrows,
            "other window": lambda ax: ax.set_xlim(0, 9),
            "other data": swap_data,
        },
    ),
    "vector_field": Case(
        lambda: plotting.vector_field(turn, (-3, 3), (-2, 2), speed=True),
        check_vector_field,
        {
            "mirrored arrows": turn_arrows,
            "other speeds": lambda ax: ax.collections[0].set_array(np.ones(1)),
            "angles of the page": lambda ax: setattr(ax.collections[0], "angles", "uv"),
        },
    ),
    "phase_portrait": Case(
        make_phase_portrait,
        check_phase_portrait,
        {
            "unequal axes": auto_aspect,
            "mirrored arrows": turn_arrows,
            "other colours": lambda ax: ax.collections[1].set_cmap("viridis"),
            "time reversed": lambda ax: ax.collections[1].set_array(np.linspace(1, 0, 39)),
            "other path": lambda ax: ax.collections[1].set_segments([[(0, 0), (1, 1)]]),
        },
    ),
    "phase_path": Case(
        make_phase_paths, check_phase_paths, {"other data": swap_data, "unequal axes": auto_aspect}
    ),
    "convergence": Case(
        make_convergence,
        check_convergence,
        {
            "other data": swap_data,
            "other slope": widen_triangle,
            "slope not written": lambda ax: ax.texts[2].set_text(""),
            "linear": lambda ax: ax.set_xscale("linear"),
        },
    ),
    "work_precision": Case(
        make_work_precision,
        check_work_precision,
        {"other data": swap_data, "linear": lambda ax: ax.set_yscale("linear")},
    ),
    "gradient_per_layer": Case(
        make_gradient_per_layer,
        check_gradient_per_layer,
        {
            "counted from 0": lambda ax: ax.lines[1].set_xdata(np.arange(4)),
            "linear": lambda ax: ax.set_yscale("linear"),
        },
    ),
    "loss_curves": Case(
        make_loss_curves,
        check_loss_curves,
        {"other data": swap_data, "other label": lambda ax: ax.lines[0].set_label("other")},
    ),
    "spread": Case(
        make_spread,
        check_spread,
        {
            "other mean": swap_data,
            "narrower band": lambda ax: ax.collections[0].set_verts([[(2, 1.5), (2, 3), (8, 4)]]),
        },
    ),
    "decision_map": Case(
        make_decision_map,
        check_decision_map,
        {
            "mirrored": other_image,
            "shifted boundary": move_contour,
            "shifted points": move_points,
            "other scale": lambda ax: ax.images[0].set_clim(0, 0.9),
        },
    ),
    "decision_map of classes": Case(
        make_classes, check_classes, {"mirrored": other_image, "shifted points": move_points}
    ),
    "stability_region": Case(
        make_stability_region,
        check_stability_region,
        {"shifted": move_contour, "unequal axes": auto_aspect},
    ),
    "stability_region of one": Case(
        lambda: plotting.stability_region(lambda z: 1 + z),
        check_region_filled,
        {"outside filled": lambda ax: ax.collections[0].set_paths([ax.patch.get_path()])},
    ),
    "step_sizes": Case(
        lambda: plotting.step_sizes(torch.tensor([0, 0.1, 0.4, 1.3])),
        check_step_sizes,
        {"other steps": lambda ax: ax.patches[0].set_data([0.1, 0.3, 0.8])},
    ),
    "image_row": Case(
        lambda: plotting.image_row(np.arange(48).reshape(3, 16), titles="abc"),
        check_image_row,
        {"mirrored": other_image, "other ticks": lambda ax: ax.set_xticks([1, 2, 3])},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_figure_contains_what_was_handed_in(name):
    CASES[name].check(CASES[name].make())


@pytest.mark.parametrize(
    ("name", "how"), [(n, how) for n, case in CASES.items() for how in case.spoil]
)
def test_check_fails_on_a_spoilt_figure(name, how):
    ax = CASES[name].make()
    CASES[name].spoil[how](ax)
    with pytest.raises(AssertionError):
        CASES[name].check(ax)


@pytest.mark.slow
@pytest.mark.parametrize("sheet", ["notebook", "projector"])
@pytest.mark.parametrize("name", CASES)
def test_figure_is_legible(name, sheet):
    plotting.use_style(sheet)
    ax = CASES[name].make()
    assert_nothing_clipped(ax.figure)
    assert_texts_apart(ax.figure)
    assert_legend_beside(ax)
    assert_curves_distinct(ax)


def two_curves():
    return plotting.loss_curves({"plain": [3.0, 2.0], "residual": [2.0, 1.0]}, log=False)


def test_clipped_figure_is_rejected():
    ax = two_curves()
    ax.set_title("a title that is far too long for its figure " * 3)
    with pytest.raises(AssertionError, match="sticks out"):
        assert_nothing_clipped(ax.figure)


def test_overlapping_texts_are_rejected():
    ax = two_curves()
    ax.set_xticks([1.0, 1.01], ["first tick", "second tick"])
    with pytest.raises(AssertionError, match="lies on"):
        assert_texts_apart(ax.figure)


def test_legend_on_the_data_is_rejected():
    ax = two_curves()
    ax.legend(loc="upper right")
    with pytest.raises(AssertionError):
        assert_legend_beside(ax)


def test_curves_that_differ_in_colour_alone_are_rejected():
    ax = two_curves()
    ax.lines[1].set_linestyle(ax.lines[0].get_linestyle())
    with pytest.raises(AssertionError, match="colour alone"):
        assert_curves_distinct(ax)


def test_as_many_curves_as_colours_are_distinct():
    ax = plotting.loss_curves({f"net {i}": [1.0, 2.0 + i] for i in range(len(CYCLE))})
    assert_curves_distinct(ax)
    assert len({line.get_color() for line in ax.lines}) == len(CYCLE)


def test_legend_follows_the_curves_from_top_to_bottom():
    ax = plotting.loss_curves({"low": [9.0, 1.0], "high": [1.0, 9.0], "gone": [5.0, np.nan]})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["high", "gone", "low"]


def written(axis):
    axis.axes.figure.draw_without_rendering()
    low, high = axis.get_view_interval()
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    ticks = sorted(
        (tick for tick in ticks if low <= tick.get_loc() <= high), key=lambda t: t.get_loc()
    )
    return [tick.label1.get_text() for tick in ticks if tick.label1.get_text()]


def test_short_logarithmic_axes_have_plain_numbers_and_long_ones_powers():
    ax = plotting.convergence(H, {"RK4": H**4})
    assert written(ax.xaxis) == ["0.05", "0.1", "0.2"]
    assert written(ax.yaxis)[0] == "$10^{-6}$"


@pytest.mark.parametrize("slope", [-2, 1, 3.5])
def test_triangle_has_its_slope(slope):
    ax = plt.figure().add_subplot(xscale="log", yscale="log")
    plotting.slope_triangle(ax, 0.01, 1e-3, slope)
    assert_triangle(ax, slope)


def test_triangle_stands_under_the_part_that_has_the_slope():
    errors = np.maximum(H**4, 3e-5)  # a floor where h is small
    ax = plotting.convergence(H, {"RK4": errors}, slopes=4)
    left = ax.patches[0].get_xy()[0]
    assert left[0] == pytest.approx(0.1) and left[1] < 1e-4


def test_triangle_of_a_falling_curve_stands_over_it():
    n = np.array([8, 16, 32, 64])
    ax = plotting.convergence(n, {"layers": 1 / n}, slopes=-1)
    x, y = ax.patches[0].get_xy().T
    assert (y > 1 / x).all() and max(y) < ax.get_ylim()[1]


def test_errors_without_logarithm_are_left_out():
    ax = plotting.convergence([0.1, 0.2, 0.4], {"RK4": [0.0, 1e-3, float("inf")]})
    assert_curve(ax, "RK4", [0.2], [1e-3])


def test_fields_may_depend_on_time_and_may_be_constant():
    ax = plotting.slope_field(lambda t, y: torch.cos(t), (0, 6), (0, 1))
    assert_directions(ax, lambda t, y: (np.ones_like(t), np.cos(t)))
    ax = plotting.vector_field(lambda t, y: t * torch.ones_like(y), (-1, 1), (-1, 1), t=2.0)
    assert_directions(ax, lambda x, y: (np.ones_like(x), np.ones_like(y)))


def test_a_given_axes_is_drawn_into():
    for case in (plotting.loss_curves, plotting.spread):
        _, axes = plt.subplots(1, 2)
        values = {"plain": [[1.0, 2.0]]} if case is plotting.spread else {"plain": [1.0, 2.0]}
        arguments = ([1, 2], values) if case is plotting.spread else (values,)
        assert case(*arguments, ax=axes[1]) is axes[1] and not axes[0].lines


def test_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("plt.show() was called"))
    for case in CASES.values():
        case.make()


BAD = {
    "context": (lambda: plotting.use_style("poster"), "context must be one of"),
    "kind": (lambda: plotting.trajectories([0, 1], [0, 1], kind="guess"), "kind must be one of"),
    "labels": (
        lambda: plotting.trajectories([0, 1], [[0, 1], [1, 0]], labels="y"),
        "2 curves need",
    ),
    "shape of f": (
        lambda: plotting.slope_field(lambda t, y: y[..., 0], (0, 1), (0, 1)),
        "keep the state on the last axis",
    ),
    "path": (lambda: plotting.phase_path([1.0, 2.0]), r"shape \[n, 2\]"),
    "linear": (lambda: plotting.slope_triangle(plt.gca(), 1, 1, 1), "logarithmic axes"),
    "slopes": (
        lambda: plotting.convergence([1, 2], {"Euler": [1, 2]}, slopes={"RK4": 4}),
        "slopes names 'RK4'",
    ),
    "names": (lambda: plotting.work_precision({"a": [1]}, {"b": [1]}), "work is of"),
    "logits": (
        lambda: plotting.decision_map(lambda x: 9 * x[:, 0], (-1, 1), (-1, 1)),
        "apply torch.sigmoid",
    ),
    "legend": (lambda: plotting.legend(plt.gca(), "inside"), "where must be"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


# --- the style ------------------------------------------------------------------------------------


def test_notebook_style():
    wanted = {"font.size": 15, "lines.linewidth": 2.5, "figure.dpi": 100}
    wanted |= {"axes.spines.top": False, "axes.spines.right": False}
    assert {name: plt.rcParams[name] for name in wanted} == wanted
    assert list(plt.rcParams["figure.figsize"]) == [8, 4.5]
    assert plt.rcParams["figure.constrained_layout.use"]


@pytest.mark.parametrize(("sheet", "smallest"), [("notebook", 12), ("projector", 18)])
def test_type_is_never_small(sheet, smallest):
    plotting.use_style(sheet)
    ax = make_convergence()
    texts = [ax.xaxis.label, *ax.get_xticklabels(), *ax.get_legend().get_texts()]
    assert min(text.get_fontsize() for text in texts) >= smallest


def test_projector_does_not_outlast_its_use():
    plotting.use_style("projector")
    plotting.use_style("notebook")
    assert plt.rcParams["font.size"] == 15 and plt.rcParams["xtick.labelsize"] == "small"


def test_style_sheet_and_library_agree_on_the_cycle():
    cycle = plt.rcParams["axes.prop_cycle"].by_key()
    assert [color.lstrip("#") for color in cycle["color"]] == [color[1:] for color in CYCLE]


def test_default_curves_differ_without_colour():
    _, ax = plt.subplots()
    for i in range(4):
        ax.plot([0, 1], [0, i], label=str(i))
    assert_curves_distinct(ax)


def test_font_is_the_one_that_comes_with_matplotlib():
    found = Path(font_manager.findfont(font_manager.FontProperties())).resolve()
    assert Path(matplotlib.get_data_path()).resolve() in found.parents


def test_time_ramp_darkens_monotonically_and_is_never_pale():
    red, green, blue = TIME_CMAP(np.linspace(0, 1, 50))[:, :3].T
    lightness = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert (np.diff(lightness) > 0).all() and lightness.max() < 0.8
