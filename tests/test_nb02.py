"""Notebook 02: every numbered equation, what it builds, and what its pictures show.

The equations are written out here once more, independently of the library.
"""

import ast
import inspect
import math

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch

from course_lib import autodiff, optimisers
from course_lib.autodiff import Value
from course_lib.course_map import NOTEBOOKS_DIR
from course_lib.exercises.nb02 import gradient_step, loss_slope, multiply_backward
from course_lib.widgets import learning_rate_explorer
from course_lib.widgets.nb02 import (
    draw_descent,
    draw_difference_errors,
    draw_losses,
    draw_network_graph,
    draw_sharpness,
    draw_training,
    petal_valley,
    petals,
)

NOTEBOOK = NOTEBOOKS_DIR / "02_backpropagation.ipynb"
NAMES = ["w11", "w21", "b1", "w12", "w22", "b2", "wh1", "wh2", "b3"]
WEIGHTS = dict(zip(NAMES, [1.0, 0.5, -0.5, -1.0, 2.0, 0.5, 1.5, -1.0, 0.25], strict=True))
X, Y = (1.0, 0.5), 1.0


pytestmark = pytest.mark.usefixtures("float64")


def sigma(z):
    return 1 / (1 + math.exp(-z))


def forward(w, x1, x2):
    """(2.1) by plain numbers: z1, z2, z3, o."""
    z1 = w["w11"] * x1 + w["w21"] * x2 + w["b1"]
    z2 = w["w12"] * x1 + w["w22"] * x2 + w["b2"]
    z3 = w["wh1"] * sigma(z1) + w["wh2"] * sigma(z2) + w["b3"]
    return z1, z2, z3, sigma(z3)


def by_torch(name):
    w = {key: torch.tensor(number) for key, number in WEIGHTS.items()}
    w[name].requires_grad_()
    h1 = (w["w11"] * X[0] + w["w21"] * X[1] + w["b1"]).sigmoid()
    h2 = (w["w12"] * X[0] + w["w22"] * X[1] + w["b2"]).sigmoid()
    o = (w["wh1"] * h1 + w["wh2"] * h2 + w["b3"]).sigmoid()
    return torch.autograd.grad((o - Y) ** 2, w[name])[0].item()


@pytest.fixture(scope="module")
def notebook():
    """The names that the notebook's own `def` and `class` statements make, without running it.

    A name that is defined twice keeps its last definition, not the stub of a check.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    made = {"torch": torch, "math": math, "optimisers": optimisers, "weights": WEIGHTS}
    made |= {"z": None, "y": None}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        for node in ast.parse(cell.source).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                exec(compile(ast.Module([node], []), str(NOTEBOOK), "exec"), made)
    made["Value"].backward = made["backward"]
    torch.set_default_dtype(before)
    return made


# --- equations -----------------------------------------------------------------------------------


def test_network(notebook):
    """(2.1): the notebook's network is the formula; its output and loss are those of the text."""
    o = forward(WEIGHTS, *X)[-1]
    x1, x2 = map(torch.tensor, X)
    assert notebook["network"](WEIGHTS, x1, x2).item() == pytest.approx(o, rel=1e-14)
    assert notebook["squared_error"](WEIGHTS, x1, x2, Y).item() == pytest.approx((o - Y) ** 2)
    assert round(o, 3) == 0.656


def test_chain_by_hand():
    """(2.2): five factors give torch's derivative with respect to w11."""
    z1, _, z3, o = forward(WEIGHTS, *X)
    slope = [s * (1 - s) for s in (sigma(z3), sigma(z1))]
    chain = 2 * (o - Y) * slope[0] * WEIGHTS["wh1"] * slope[1] * X[0]
    assert chain == pytest.approx(by_torch("w11"), rel=1e-13)
    assert round(chain, 5) == -0.05071


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_value_gives_every_derivative(notebook, name):
    """(2.3): the class that the notebook builds, and the walk down every path, equal torch."""
    for walk in ("backward", "push_back"):
        w = {key: notebook["Value"](number) for key, number in WEIGHTS.items()}
        notebook[walk](notebook["squared_error"](w, *map(torch.tensor, X), Y))
        assert w[name].grad == pytest.approx(by_torch(name), rel=1e-12), walk


def test_contributions_of_several_users_add_up():
    """(2.3): dL/dx1 is the sum over both hidden neurons; a product of equals counts twice."""
    z1, z2, _, o = forward(WEIGHTS, *X)
    back = 2 * (o - Y) * o * (1 - o)
    first = back * WEIGHTS["wh1"] * sigma(z1) * (1 - sigma(z1)) * WEIGHTS["w11"]
    second = back * WEIGHTS["wh2"] * sigma(z2) * (1 - sigma(z2)) * WEIGHTS["w12"]
    assert (round(first, 3), round(second, 3)) == (-0.051, -0.036)
    moved = [(forward(WEIGHTS, X[0] + h, X[1])[-1] - Y) ** 2 for h in (-1e-6, 1e-6)]
    assert first + second == pytest.approx((moved[1] - moved[0]) / 2e-6, rel=1e-7)
    a, out = Value(4.0), Value(16.0)
    out.grad = 1.0
    multiply_backward(a, a, out)
    assert a.grad == 8.0


def test_walks_down_every_path_explode(notebook):
    """Section 2.3: n doublings make 2^(n+1) − 1 calls."""
    v = Value(1.0)
    for _ in range(10):
        v = v + v
    assert notebook["calls"](v) == 2047


@pytest.mark.parametrize(("central", "low", "high"), [(False, 1e-6, 1e-2), (True, 1e-4, 1e-1)])
def test_finite_difference_errors(central, low, high):
    """(2.4), (2.5): both terms, the bound and the best step, on L = exp at 0 where all L are 1."""
    eps, order = 2.0**-53, 2 if central else 1

    def miss(h):
        if central:
            return abs((math.exp(h) - math.exp(-h)) / (2 * h) - 1)
        return abs((math.exp(h) - 1) / h - 1)

    def bound(h):
        return h**2 / 6 + eps / h if central else h / 2 + 2 * eps / h

    measured = math.log(miss(high) / miss(low)) / math.log(high / low)
    assert measured == pytest.approx(order, abs=0.05)
    for k in range(-52, -2):
        h = 10 ** (k / 4)
        assert miss(h) < 4 * bound(h) * math.exp(h), h
    best = (3 * eps) ** (1 / 3) if central else 2 * eps**0.5
    assert all(bound(best) <= bound(best * f) for f in (0.5, 0.9, 1.1, 2))
    assert 1e-9 < best < 1e-4


def test_gradient_step(notebook):
    """(2.6), (2.10): one step, and the walk of such steps, which is the library's."""
    hill = petal_valley()
    start = torch.tensor([1.0, -1.0])
    step = gradient_step(hill.gradient, start, 0.1)
    torch.testing.assert_close(step, start - 0.1 * hill.hessian @ (start - hill.minimum))
    walk = notebook["descend"](hill.gradient, start, 0.1, 20)
    torch.testing.assert_close(walk[1], step)
    torch.testing.assert_close(walk, optimisers.gradient_descent(hill.gradient, start, 0.1, 20))


def test_exercise_derivative_is_right():
    """The reference of 02.1 equals a difference quotient."""
    x, y = torch.tensor([0.3, -1.2, 2.0]), torch.tensor([1.0, 0.0, 1.0])

    def loss(w):
        return ((torch.sigmoid(w * x + 0.4) - y) ** 2).mean().item()

    assert loss_slope(x, 0.7, 0.4, y).item() == pytest.approx(
        (loss(0.7 + 1e-6) - loss(0.7 - 1e-6)) / 2e-6, rel=1e-7
    )


def test_mini_batch_gradient():
    """(2.7): right on average, and its noise falls as one over the root of B."""
    generator = torch.Generator().manual_seed(0)
    x, y = petals()
    each = 2 * (x @ torch.tensor([0.3, -0.2]) - y)[:, None] * x  # one gradient a flower
    noise = []
    for B in (1, 4, 16, 64):
        rows = torch.randint(len(x), (8000, B), generator=generator)
        miss = each[rows].mean(1) - each.mean(0)
        noise.append(miss.square().sum(1).mean().sqrt())
        assert miss.mean(0).norm() < 4 * noise[-1] / math.sqrt(8000)
    ratios = torch.stack(noise[:-1]) / torch.stack(noise[1:])
    torch.testing.assert_close(ratios, torch.full((3,), 2.0), rtol=0.05, atol=0)


def test_gradient_flow():
    """(2.8), (2.9): the formula of the flow obeys its equation, and so does the loss along it."""
    hill, start, h = petal_valley(), torch.tensor([-1.0, 2.6]), 1e-5
    path = hill.flow(start, torch.tensor([0.7 - h, 0.7, 0.7 + h]))
    gradient = hill.gradient(path[1])
    torch.testing.assert_close((path[2] - path[0]) / (2 * h), -gradient, rtol=1e-7, atol=1e-9)
    slope = (hill.loss(path[2]) - hill.loss(path[0])) / (2 * h)
    assert slope.item() == pytest.approx(-gradient.square().sum().item(), rel=1e-7)


def test_descent_approaches_the_flow_at_first_order(notebook):
    """(2.10): half the learning rate, half the distance from the flow at a fixed time."""
    hill, start = petal_valley(), torch.tensor([-1.0, 2.6])
    exact = hill.flow(start, torch.tensor([2.0]))[0]
    miss = [
        (notebook["descend"](hill.gradient, start, 2 / N, N)[-1] - exact).norm() for N in (200, 400)
    ]
    assert torch.log2(miss[0] / miss[1]).item() == pytest.approx(1, abs=0.02)


def test_law_along_the_axes():
    """(2.11): in the Hessian's eigenvectors every distance is multiplied by 1 − ηλ."""
    hill, eta, start = petal_valley(), 0.4, torch.tensor([3.0, -1.0])
    curvatures, axes = torch.linalg.eigh(hill.hessian)
    step = start - eta * hill.gradient(start)
    before, after = ((point - hill.minimum) @ axes for point in (start, step))
    torch.testing.assert_close(after, (1 - eta * curvatures) * before)


@pytest.mark.parametrize("beta", [0.0, 0.9])
@pytest.mark.parametrize("inputs", ["raw", "centred", "standardised"])
def test_limits(inputs, beta):
    """(2.12), (2.14): below the limit all roots lie inside the unit circle, above one does not."""
    hill = petal_valley(inputs)
    limit = 2 * (1 + beta) / hill.curvatures[-1].item()
    assert limit == pytest.approx(optimisers.stability_limit(hill.curvatures[-1].item(), beta))
    for factor, inside in [(0.01, True), (0.5, True), (0.999, True), (1.001, False)]:
        for curvature in hill.curvatures.tolist():
            trace = 1 + beta - factor * limit * curvature
            matrix = torch.tensor([[trace, -beta], [1.0, 0.0]])
            radius = torch.linalg.eigvals(matrix).abs().max().item()
            assert radius < 1 or curvature == hill.curvatures[-1].item()
        assert (radius < 1) == inside


@pytest.mark.parametrize("limit", [(0.0, 1.125), (0.9, 2.137)])
def test_bisection_finds_the_limit(notebook, limit):
    """(2.12), (2.14): bisection, which knows neither, comes within 1 %."""
    beta, expected = limit
    hill = petal_valley()
    walk = notebook["descend" if beta == 0 else "heavy_ball"]
    found = optimisers.threshold(walk, hill, hill.minimum + torch.tensor([-1.4, 1.1]))
    assert found == pytest.approx(expected, rel=0.01)
    assert round(2 / hill.curvatures[-1].item(), 3) == 1.125


def test_loss_falls_in_every_step_below_the_limit():
    """(2.12): on a quadratic not only in the end but always; with momentum not."""
    hill, start = petal_valley(), torch.tensor([-1.0, 2.6])
    limit = optimisers.stability_limit(hill.curvatures[-1].item())
    for factor in (0.1, 0.5, 0.9, 0.99):
        path = optimisers.gradient_descent(hill.gradient, start, factor * limit, 60)
        assert torch.all(hill.loss(path).diff() < 0), factor
    path = optimisers.heavy_ball(hill.gradient, start, 0.5 * limit, 60)
    assert torch.any(hill.loss(path).diff() > 0)


@pytest.mark.parametrize("name", ["heavy_ball", "adam"])
def test_notebooks_walks_are_the_librarys(notebook, name):
    """(2.13), (2.15): the notebook's functions, the library's, and the formulas written out."""
    hill, theta, steps = petal_valley("standardised"), torch.tensor([1.0, -0.5]), 25
    ours = getattr(optimisers, name)(hill.gradient, theta, 0.05, steps)
    torch.testing.assert_close(notebook[name](hill.gradient, theta, 0.05, steps), ours)
    v = m = s = torch.zeros(2)
    for k in range(1, steps + 1):
        g = hill.hessian @ (theta - hill.minimum)
        if name == "heavy_ball":
            v = 0.9 * v - 0.05 * g
            theta = theta + v
        else:
            m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
            theta = theta - 0.05 * (m / (1 - 0.9**k)) / ((s / (1 - 0.999**k)) ** 0.5 + 1e-8)
    torch.testing.assert_close(ours[-1], theta)


@pytest.mark.parametrize("eta", [0.1, 1.0, 3.0])
def test_descent_lemma(eta):
    """(2.16): it holds with the largest curvature met along the step, for a loss of waves."""

    def loss(theta):
        return torch.sin(theta[0]) * torch.cos(2 * theta[1]) + 0.1 * theta.square().sum()

    hessians = torch.func.vmap(torch.func.hessian(loss))
    for theta in torch.randn(20, 2, generator=torch.Generator().manual_seed(1)):
        g = torch.func.grad(loss)(theta)
        on_the_way = theta - torch.linspace(0, 1, 60)[:, None] * eta * g
        bound = torch.linalg.eigvalsh(hessians(on_the_way)).max().clamp(min=0)
        drop = eta * (1 - eta * 1.01 * bound / 2) * g.square().sum()
        assert loss(theta - eta * g) <= loss(theta) - drop + 1e-9


# --- what is built is what is held ---------------------------------------------------------------


def test_notebooks_value_reads_like_the_librarys(notebook):
    """Every method of the notebook's class, and its order, has the library's very statements."""

    def statements(tree, name):
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                body = node.body
                if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                    body = body[1:]
                found = [ast.unparse(statement) for statement in body]
        return found

    sources = [c.source for c in nbformat.read(NOTEBOOK, 4).cells if c.cell_type == "code"]
    theirs = ast.parse("\n".join(sources))
    ours = ast.parse(inspect.getsource(autodiff))
    for name in ("__add__", "__mul__", "sigmoid", "as_value", "topological_order", "backward"):
        assert statements(theirs, name) == statements(ours, name), name


# --- pictures ------------------------------------------------------------------------------------


def test_petals_are_those_of_notebook_01():
    x, y = petals()
    hand = torch.sigmoid(x @ torch.tensor([1.0, 2.0]) - 8.55)
    assert round((hand - y).square().mean().item(), 4) == 0.0766
    assert ((hand > 0.5) == (y > 0.5)).sum() == 61
    assert (x @ torch.tensor([1.0, 2.0]) - 8.55).abs().min() > 0.01  # none on the line itself
    unseen, label = petals(unseen=True)
    assert unseen.shape == (33, 2)
    assert label.sum() == 16
    assert {tuple(row) for row in x.tolist()} != {tuple(row) for row in unseen.tolist()}


def test_valleys_have_the_condition_numbers_of_the_text():
    found = [round(petal_valley(inputs).condition) for inputs in ("raw", "centred", "standardised")]
    assert found == [530, 19, 11]
    with pytest.raises(ValueError, match="raw, centred or standardised"):
        petal_valley("boiled")


def test_less_momentum_wins_in_the_round_valley():
    """Section 2.9: with β = 0.9 heavy ball loses to plain descent there, with 0.5 it wins."""
    hill, start = petal_valley("standardised"), torch.tensor([0.2, 0.0])
    rate = 0.9 * 2 / hill.curvatures[-1].item()
    steps = {
        beta: hill.steps_to(0.01, optimisers.heavy_ball(hill.gradient, start, rate, 100, beta))
        for beta in (0.0, 0.5, 0.9)
    }
    assert steps[0.5] < steps[0.0] < steps[0.9]


def test_loss_figure_draws_every_curve_and_the_dot():
    offset = torch.linspace(-1, 1, 5)
    ax = draw_losses(offset, {"w11": offset**2, "w12": -offset}, here=0.25)
    for line, expected in zip(ax.lines, (offset**2, -offset), strict=False):
        torch.testing.assert_close(torch.tensor(line.get_ydata()), expected)
    assert [line.get_label() for line in ax.lines[:2]] == ["$w_{11}$", "$w_{12}$"]
    assert ax.lines[2].get_xydata().tolist() == [[0, 0.25]]


def test_difference_figure_draws_the_errors_and_three_slopes():
    h = 10.0 ** torch.arange(-13, 0.01, 0.5)
    errors = {"one-sided": h + 1e-16 / h, "central": h**2 + 1e-16 / h}
    ax = draw_difference_errors(h, errors)
    for line, error in zip(ax.lines, errors.values(), strict=False):
        torch.testing.assert_close(torch.as_tensor(line.get_ydata()), error)
    assert {"2", "-1"} <= {text.get_text().replace("−", "-") for text in ax.texts}


def test_training_figure_draws_the_loss_and_the_line_by_hand():
    losses = torch.linspace(0.2, 0.04, 9)
    left, right = draw_training(lambda p: p[:, 0] / 10, losses, 0.0766).axes
    torch.testing.assert_close(torch.tensor(right.lines[0].get_ydata()), losses)
    assert set(right.lines[1].get_ydata()) == {0.0766}
    for length, width in left.lines[-1].get_xydata().tolist():
        assert length + 2 * width == pytest.approx(8.55)


def test_sharpness_figure_draws_every_limit():
    losses = {20: torch.full((5,), 0.05), 40: torch.full((5,), 0.04)}
    sharpness = {20: torch.full((5,), 0.06), 40: torch.full((5,), 1e-7)}
    left, right = draw_sharpness(losses, sharpness).axes
    for i, eta in enumerate(losses):
        torch.testing.assert_close(torch.tensor(left.lines[i].get_ydata()), losses[eta])
        shown, limit = right.lines[2 * i : 2 * i + 2]
        expected = sharpness[eta].clamp(min=1e-5)
        torch.testing.assert_close(torch.tensor(shown.get_ydata()), expected)
        assert set(limit.get_ydata()) == {2 / eta}


def test_graph_shows_every_value_and_derivative():
    names = ["w_{11}", "x_1", "z_1", "z_2", "h_1", "h_2", "z_3", "o", "L"]
    values = {name: 0.1 * i for i, name in enumerate(names)}
    ax = draw_network_graph(values, {name: -0.01 * i for i, name in enumerate(names)})
    texts = [text.get_text() for text in ax.texts]
    for i, name in enumerate(names):
        assert (f"${name}$" if name != "L" else r"$\mathcal{L}$") in texts
        assert f"{0.1 * i:.3f}" in texts
        assert (f"−{0.01 * i:.3f}" if i else "−0.000") in texts
    assert len(ax.patches) == len(names)


def test_descent_figure_draws_every_walk_and_its_loss():
    hill = petal_valley()
    paths = {
        name: optimisers.gradient_descent(hill.gradient, torch.zeros(2), rate, 30)
        for name, rate in [("slow", 0.1), ("fast", 1.0)]
    }
    left, right = draw_descent(hill, paths, (-1, 1), (0, 3)).axes
    for i, (name, path) in enumerate(paths.items()):
        assert left.lines[i].get_label() == right.lines[i].get_label() == name
        torch.testing.assert_close(torch.tensor(left.lines[i].get_xydata()), path)
        torch.testing.assert_close(
            torch.tensor(right.lines[i].get_ydata()), hill.loss(path) - hill.floor
        )
    star = left.lines[2].get_xydata()
    torch.testing.assert_close(torch.tensor(star[0]), hill.minimum)


@pytest.mark.parametrize(("inputs", "beta"), [("raw", 0.9), ("centred", 0.0)])
@pytest.mark.parametrize(
    ("factor", "verdict", "marker"), [(0.97, "converges", "o"), (1.03, "diverges", "X")]
)
def test_explorer_marks_the_limit_and_says_on_which_side_one_is(
    inputs, beta, factor, verdict, marker
):
    curvature = petal_valley(inputs).curvatures[-1].item()
    rate = factor * 2 * (1 + beta) / curvature
    figure = plt.figure()
    said = learning_rate_explorer.draw(figure, rate=rate, beta=beta, inputs=inputs)
    assert verdict in said
    line, point = figure.axes[1].lines[:2]
    betas, limits = (torch.as_tensor(values) for values in line.get_data())
    torch.testing.assert_close(limits, 2 * (1 + betas) / curvature)
    assert point.get_marker() == marker
    assert point.get_xydata().tolist() == [[beta, rate]]
    assert len(figure.axes[0].lines[0].get_xydata()) >= 2
