"""Changing one import swaps libraries: torchdiffeq's calls and test problems on our `odeint`."""

import warnings

import numpy as np
import pytest
import scipy.linalg
import torch
import torchdiffeq
from scipy.integrate import RK45, solve_ivp

from course_lib.solvers import METHODS, odeint

F64 = torch.float64
SHARED = ["euler", "midpoint", "dopri5", "rk4"]


@pytest.fixture(autouse=True)
def without_the_output_grid_warning():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="method '.*' takes one step between output")
        yield


# --- the problems on which torchdiffeq tests its solvers ---------------------------------------


class Line(torch.nn.Module):
    """y = a t + b solves y' = a + (y - a t - b)⁵, an equation stiff away from the line."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(0.2))
        self.b = torch.nn.Parameter(torch.tensor(3.0))

    def forward(self, t, y):
        return self.a + (y - self.exact(t)) ** 5

    def exact(self, t):
        return self.a * t + self.b


class Sine(torch.nn.Module):
    """Strongly non-autonomous; the solution through y(1) is known."""

    def forward(self, t, y):
        return 2 * y / t + t**4 * torch.sin(2 * t) - t**2 + 4 * t**3

    def exact(self, t):
        waves = (t**2 / 4 - t**4 / 2) * torch.cos(2 * t) + t**3 / 2 * torch.sin(2 * t)
        return waves - t**3 + 2 * t**4 + (torch.pi - 0.25) * t**2


class Linear(torch.nn.Module):
    """y' = A y in ten dimensions with a skew A, so that nothing decays."""

    def __init__(self):
        super().__init__()
        matrix = torch.randn(10, 10, generator=torch.Generator().manual_seed(0)) * 0.1
        self.matrix = torch.nn.Parameter(matrix - matrix.T)

    def forward(self, t, y):
        return torch.mm(self.matrix, y.reshape(10, 1)).reshape(-1)

    def exact(self, t):
        matrix = self.matrix.detach().double().numpy()
        rows = [scipy.linalg.expm(matrix * time).sum(axis=1) for time in t.tolist()]
        return torch.from_numpy(np.stack(rows)).to(t)


PROBLEMS = {"line": Line, "sine": Sine, "linear": Linear}


def build(name, dtype=F64, reverse=False):
    """func, y0, t and the exact solution at t."""
    func = PROBLEMS[name]().to(dtype)
    t = torch.linspace(1, 8, 10, dtype=dtype)
    t = t.flip(0) if reverse else t
    solution = func.exact(t).detach()
    return func, solution[0].clone().requires_grad_(), t.requires_grad_(), solution


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_its_problems_with_default_arguments(problem, dtype, reverse):
    func, y0, t, solution = build(problem, dtype, reverse)
    y = odeint(func, y0, t)
    assert y.dtype is dtype and y.shape == solution.shape
    assert float(((y - solution) / solution).abs().max()) < (2e-3 if problem == "linear" else 1e-4)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("method", SHARED)
def test_its_first_problem_with_every_shared_method(method, reverse):
    func, y0, t, solution = build("line", reverse=reverse)
    y = odeint(func, y0, t, method=method)
    assert float((y - solution).abs().max()) < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_no_integration(method):
    """One time, or a state of it: the initial value comes back."""
    func, y0, t, solution = build("linear")
    y = odeint(func, y0, t[0:1], method=method)
    assert torch.equal(y, solution[:1])


@pytest.mark.parametrize("method", ["midpoint", "rk4", "dopri5"])
def test_its_gradcheck_for_state_and_times(method):
    func, y0, t, _ = build("line")
    assert torch.autograd.gradcheck(lambda y0, t: odeint(func, y0, t, method=method), (y0, t))


@pytest.mark.parametrize("part", [0, 1])
def test_its_tuple_states(part):
    func, y0, t, solution = build("line")
    on_tuple = lambda t, y: (func(t, y[0]), func(t, y[1]))  # noqa: E731
    y = odeint(on_tuple, (y0, y0), t, method="dopri5")
    torch.testing.assert_close(y[part], solution, rtol=0, atol=1e-12)
    solve = lambda y0, t: odeint(on_tuple, (y0, y0), t)[part]  # noqa: E731
    assert torch.autograd.gradcheck(solve, (y0, t))


# --- the calls that its users make -------------------------------------------------------------


class Spiral(torch.nn.Module):
    """A field whose parameters are trained, on batched states [batch, 1, 2]."""

    def __init__(self):
        super().__init__()
        self.matrix = torch.nn.Parameter(torch.tensor([[-0.1, 2.0], [-2.0, -0.1]]))

    def forward(self, t, y):
        return torch.matmul(y**3, self.matrix)


@pytest.mark.parametrize("library", [odeint, torchdiffeq.odeint], ids=["ours", "torchdiffeq"])
@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"method": "dopri5"},
        {"method": None},
        {"rtol": 1e-4, "atol": 1e-6},
        {"rtol": 1e-5, "atol": 1e-5, "method": "dopri5", "options": {"max_num_steps": 1000}},
        {"method": "dopri5", "options": {"first_step": 0.01}},
        {"method": "dopri5", "options": None},
        {"method": "rk4"},
        {"method": "euler", "options": {"step_size": 0.01}},
        {"method": "midpoint", "options": {"step_size": torch.tensor(0.01)}},
        {"method": "rk4", "options": dict(step_size=0.05), "rtol": 1e-3},
    ],
    ids=str,
)
def test_a_call_and_its_training_step(library, keywords):
    """The same call runs on both libraries, gives the same shapes, and trains."""
    func = Spiral()
    y0 = torch.tensor([[[2.0, 0.0]], [[1.0, 0.5]]])
    t = torch.linspace(0.0, 1.0, 20)
    y = library(func, y0, t, **keywords)
    assert y.shape == (20, 2, 1, 2) and torch.equal(y[0], y0)
    optimizer = torch.optim.RMSprop(func.parameters(), lr=1e-3)
    y.abs().mean().backward()
    before = func.matrix.detach().clone()
    optimizer.step()
    assert not torch.equal(before, func.matrix)


def test_a_continuous_flow_as_its_examples_write_it():
    """State and log density as a tuple, a trace by autograd inside func, backwards in time."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))

    def func(t, states):
        z, _ = states
        with torch.enable_grad():
            z = z.detach().requires_grad_() if not z.requires_grad else z
            dz = net(torch.cat([z, t.expand(len(z), 1)], dim=1))
            trace = sum(
                torch.autograd.grad(dz[:, i].sum(), z, create_graph=True)[0][:, i] for i in (0, 1)
            )
        return dz, -trace.reshape(-1, 1)

    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    times = torch.tensor([10.0, 0.0])
    settings = {"atol": 1e-5, "rtol": 1e-5, "method": "dopri5"}
    ours = odeint(func, (x, torch.zeros(5, 1)), times, **settings)
    theirs = torchdiffeq.odeint(func, (x, torch.zeros(5, 1)), times, **settings)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-2)
    ours[0][-1].sum().backward()
    assert net[0].weight.grad is not None


# --- agreement ---------------------------------------------------------------------------------


def lotka_volterra(t, y):
    """Nonlinear, and driven by the season so that time matters."""
    prey, predators = y.unbind(-1)
    season = 1 + 0.2 * torch.sin(t)
    growth = prey * (season - predators)
    return torch.stack([growth, predators * (prey - 1)], dim=-1)


Y0 = torch.tensor([[1.5, 0.8], [0.6, 1.1]], dtype=F64)


@pytest.mark.parametrize("reverse", [False, True])
def test_agreement_with_torchdiffeq_and_scipy_at_tight_tolerance(reverse):
    t = torch.linspace(0, 5, 41, dtype=F64)
    t = t.flip(0) if reverse else t
    ours = odeint(lotka_volterra, Y0, t, rtol=1e-11, atol=1e-11)
    theirs = torchdiffeq.odeint(lotka_volterra, Y0, t, rtol=1e-11, atol=1e-11)
    result = solve_ivp(
        lambda t, y: (
            lotka_volterra(torch.tensor(t), torch.from_numpy(y).view(2, 2)).numpy().ravel()
        ),
        (t[0].item(), t[-1].item()),
        Y0.numpy().ravel(),
        t_eval=t.numpy(),
        method="DOP853",
        rtol=1e-12,
        atol=1e-12,
    )
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    torch.testing.assert_close(ours.reshape(41, 4).T.numpy(), result.y, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", ["euler", "midpoint"])
@pytest.mark.parametrize("h", [0.1, 0.3])
def test_the_same_steps_as_torchdiffeq(method, h):
    """Euler and midpoint take the very same steps, the shortened last one included."""
    t = torch.tensor([0.0, 2.0], dtype=F64)
    settings = {"method": method, "options": {"step_size": h}}
    ours = odeint(lotka_volterra, Y0, t, **settings)
    theirs = torchdiffeq.odeint(lotka_volterra, Y0, t, **settings)
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)


def test_gradients_agree_with_torchdiffeq():
    t = torch.linspace(0, 3, 7, dtype=F64, requires_grad=True)
    y0 = Y0.clone().requires_grad_()
    rate = torch.tensor(0.7, dtype=F64, requires_grad=True)
    found = []
    for library in (odeint, torchdiffeq.odeint):
        y = library(lambda t, y: rate * lotka_volterra(t, y), y0, t, rtol=1e-10, atol=1e-10)
        found.append(torch.autograd.grad((y**2).sum(), (y0, rate, t)))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_the_table_is_that_of_scipy():
    """Dormand and Prince's coefficients, against an independent transcription."""
    method = METHODS["dopri5"]
    a = np.zeros((6, 5))
    for i, row in enumerate(method.a[:6]):
        a[i, : len(row)] = row
    np.testing.assert_allclose(a, RK45.A, rtol=1e-15)
    np.testing.assert_allclose(method.b, RK45.B, rtol=1e-15)
    np.testing.assert_allclose(method.c[:6], RK45.C, rtol=1e-15)
    np.testing.assert_allclose(method.error, -RK45.E, rtol=1e-14)  # b − b̂; SciPy has b̂ − b
