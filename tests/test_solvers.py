"""The solvers against mathematics: order, dense output, counts, time, gradients, stability."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from course_lib.solvers import METHODS, odeint, odeint_dense, stability_function

F64 = torch.float64
FIXED = [name for name, method in METHODS.items() if not method.adaptive]
GENERAL = [name for name in METHODS if name != "leapfrog"]
EXPLICIT = [name for name, method in METHODS.items() if method.explicit_rk]


def forced_spiral(t, y):
    """Nonlinear and non-autonomous, coupled: no order condition is met by accident."""
    q, p = y.unbind(-1)
    dq = p * torch.cos(t) + q * (1 - q)
    dp = -torch.sin(q) - p * q * torch.exp(-t)
    return torch.stack([dq, dp], dim=-1)


def forced_pendulum(t, y):
    """Nonlinear and non-autonomous, and separable, as leapfrog needs it."""
    q, p = y.chunk(2, dim=-1)
    return torch.cat([p, torch.cos(2 * t) - torch.sin(q)], dim=-1)


def problem_for(method):
    """The right-hand side on which the order of that method is measured."""
    return forced_pendulum if method == "leapfrog" else forced_spiral


Y0 = torch.tensor([1.2, -0.4], dtype=F64)


def reference(func, times, y0=Y0):
    """The solution at the times to about 1e-13, by a method of order 8 that is not ours."""
    result = solve_ivp(
        lambda t, y: func(torch.tensor(t, dtype=F64), torch.from_numpy(y)).numpy(),
        (times[0], times[-1]),
        y0.numpy(),
        t_eval=times,
        method="DOP853",
        rtol=1e-13,
        atol=1e-14,
    )
    return torch.from_numpy(result.y.T)


def slope(steps, errors):
    """The observed order: the slope of log error against log h."""
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


class Watched:
    """A right-hand side that counts its calls and keeps their times."""

    def __init__(self, func):
        self.func = func
        self.times = []

    def __call__(self, t, y):
        self.times.append(float(t))
        return self.func(t, y)


# --- order -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_order_at_the_end_of_the_solve(method):
    """Every method, Dormand-Prince with fixed steps too, converges at its order."""
    func, t = problem_for(method), torch.tensor([0.0, 4.0], dtype=F64)
    exact = reference(func, t.tolist())[-1]
    steps = [4 / n for n in ((32, 64, 128) if method == "dopri5" else (100, 200, 400))]
    errors = [
        float((odeint(func, Y0, t, method=method, options={"step_size": h})[-1] - exact).norm())
        for h in steps
    ]
    assert slope(steps, errors) == pytest.approx(METHODS[method].order, abs=0.15)


@pytest.mark.parametrize("method", METHODS)
def test_dense_output_keeps_the_order(method):
    """The largest error at times that no step ends on falls as fast as the error at the end."""
    func = problem_for(method)
    t = torch.linspace(0, 4, 137, dtype=F64)
    exact = reference(func, t.tolist())
    steps = [4 / n for n in ((32, 64, 128) if method == "dopri5" else (100, 200, 400))]
    errors = [
        float((odeint(func, Y0, t, method=method, options={"step_size": h}) - exact).abs().max())
        for h in steps
    ]
    assert slope(steps, errors) == pytest.approx(METHODS[method].order, abs=0.15)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-6, 1e-8, 1e-10])
def test_adaptive_error_follows_the_tolerance(tolerance):
    """Global error stays within a moderate factor of the tolerance, between steps as well."""
    t = torch.linspace(0, 4, 301, dtype=F64)
    exact = reference(forced_spiral, t.tolist())
    y = odeint(forced_spiral, Y0, t, rtol=tolerance, atol=tolerance)
    assert float((y - exact).abs().max()) < 30 * tolerance


def test_evaluations_at_equal_error_are_those_of_scipy():
    """NFE within 5 % of SciPy's RK45, which has the same formulas, at no larger an error."""
    t = torch.tensor([0.0, 4.0], dtype=F64)
    exact = reference(forced_spiral, t.tolist())[-1].numpy()
    for tolerance in (1e-4, 1e-6, 1e-8):
        y, stats = odeint(forced_spiral, Y0, t, rtol=tolerance, atol=tolerance, return_stats=True)
        theirs = solve_ivp(
            lambda t, y: forced_spiral(torch.tensor(t), torch.from_numpy(y)).numpy(),
            (0, 4),
            Y0.numpy(),
            rtol=tolerance,
            atol=tolerance,
        )
        assert stats.nfe == pytest.approx(theirs.nfev, rel=0.05)
        ours, scipys = abs(y[-1].numpy() - exact).max(), abs(theirs.y[:, -1] - exact).max()
        assert ours < 1.2 * scipys


# --- dense output as a function --------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("span", [(0.0, 2.0), (2.0, 0.0)])
def test_odeint_dense_equals_odeint(method, span):
    """Asking afterwards, in any order, gives what asking beforehand gives."""
    func = forced_pendulum
    options = None if method == "dopri5" else {"step_size": 0.13}
    t = torch.linspace(*span, 23, dtype=F64)
    dense = odeint_dense(func, Y0, *span, method=method, options=options)
    shuffled = torch.randperm(23, generator=torch.Generator().manual_seed(0))
    expected = odeint(func, Y0, t, method=method, options=options)
    torch.testing.assert_close(dense(t[shuffled]), expected[shuffled], rtol=1e-12, atol=1e-12)
    assert dense(0.7).shape == Y0.shape
    assert dense.ts[0] == span[0] and dense.ts[-1] == span[1]
    torch.testing.assert_close(dense(dense.ts), dense.ys, rtol=1e-13, atol=1e-13)
    with pytest.raises(ValueError, match=r"known from t = 0 to t = 2"):
        dense(2.1)


def test_odeint_dense_of_a_tuple_and_its_statistics():
    dense = odeint_dense(
        lambda t, y: (y[1], -y[0]), (torch.ones(3, 1), torch.zeros(3, 1)), 0, 1, rtol=1e-5
    )
    q, p = dense(torch.tensor([0.2, 0.9, 0.1]))
    assert q.shape == p.shape == (3, 3, 1)
    assert dense.stats.accepted == len(dense.ts) - 1 == len(dense.ys[0]) - 1


# --- counts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("outputs", [2, 11, 14])
def test_nfe_is_the_number_of_calls(method, outputs):
    func = Watched(problem_for(method))
    t = torch.linspace(0, 1, outputs, dtype=F64)
    _, stats = odeint(func, Y0, t, method=method, options={"step_size": 0.1}, return_stats=True)
    assert stats.nfe == len(func.times)
    assert (stats.accepted, stats.rejected) == (10, 0)


@pytest.mark.parametrize(
    ("method", "formula"),
    [
        ("euler", lambda n: n),
        ("midpoint", lambda n: 2 * n),
        ("heun", lambda n: 2 * n),
        ("rk4", lambda n: 4 * n),
        ("dopri5", lambda n: 6 * n + 1),  # the last stage is the next step's first
        ("leapfrog", lambda n: 2 * n + 1),  # so is the last kick
    ],
)
@pytest.mark.parametrize("n", [1, 7, 40])
def test_nfe_of_fixed_steps(method, formula, n):
    t = torch.tensor([0.0, 1.0], dtype=F64)
    options = {"step_size": 1 / n}
    _, stats = odeint(problem_for(method), Y0, t, method=method, options=options, return_stats=True)
    assert stats.nfe == formula(n)


def test_nfe_of_adaptive_steps():
    """One slope and one more for the first step size; then six for every step tried."""
    func = Watched(forced_spiral)
    t = torch.linspace(0, 4, 500, dtype=F64)
    _, stats = odeint(func, Y0, t, rtol=1e-5, atol=1e-5, return_stats=True)
    assert stats.rejected > 0
    assert stats.nfe == len(func.times) == 2 + 6 * (stats.accepted + stats.rejected)


def test_outputs_cost_no_steps():
    """A thousand output times take the steps, and the calls, of two; off-grid ends cost one."""
    few, many = torch.tensor([0.0, 4.0]).double(), torch.linspace(0, 4, 1000, dtype=F64)
    for method, extra in (("dopri5", 0), ("rk4", 1)):
        options = None if method == "dopri5" else {"step_size": 0.25}
        settings = {"method": method, "options": options, "return_stats": True}
        _, a = odeint(forced_spiral, Y0, few, **settings)
        _, b = odeint(forced_spiral, Y0, many, **settings)
        assert b.accepted == a.accepted
        assert b.nfe == a.nfe + extra


@pytest.mark.parametrize(
    ("t1", "h", "steps"), [(1.0, 0.1, 10), (0.3, 0.1, 3), (1.0, 0.3, 4), (1.0, 5.0, 1)]
)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_number_of_steps(t1, h, steps, dtype):
    """ceil(|t1 - t0| / h), and no extra step for a rounding error; the last one is shortened."""
    for start in (0.0, 100.0):
        func = Watched(lambda t, y: -y)
        t = torch.tensor([start, start + t1], dtype=dtype)
        _, stats = odeint(
            func,
            torch.ones(1, dtype=dtype),
            t,
            method="euler",
            options={"step_size": h},
            return_stats=True,
        )
        assert stats.accepted == steps
        sizes = np.diff([*func.times, t[-1].item()])
        eps = torch.finfo(dtype).eps * max(1, start) * 4
        np.testing.assert_allclose(sizes[:-1], h, atol=eps)
        assert sizes[-1] <= h + eps


# --- time ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("span", [(0.0, 1.7), (1.7, 0.0), (-3.1, -3.0)])
@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("step_size", [None, 0.3])
def test_func_is_never_called_outside_the_interval(method, span, dtype, step_size):
    func = Watched(forced_pendulum)
    t = torch.linspace(*span, 6).to(dtype)
    options = {"step_size": step_size} if step_size else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        odeint(func, Y0.to(dtype), t, method=method, options=options, rtol=1e-4, atol=1e-4)
    low, high = sorted([t[0].item(), t[-1].item()])
    assert low <= min(func.times) and max(func.times) <= high
    if method != "implicit_euler":  # which begins at the end of its first step
        assert func.times[0] == t[0].item()


def test_a_wild_first_step_is_clamped_to_the_interval():
    func = Watched(lambda t, y: -y)
    t = torch.tensor([0.0, 1.0], dtype=F64)
    odeint(func, torch.ones(2, dtype=F64), t, options={"first_step": 50.0})
    assert max(func.times) == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_time_reversed_is_the_way_back(method):
    """There and back again; leapfrog is reversible, so it comes back to rounding."""
    func = problem_for(method)
    options = {"step_size": 1 / 64}
    t = torch.tensor([0.0, 1.0], dtype=F64)
    there = odeint(func, Y0, t, method=method, options=options)[-1]
    back = odeint(func, there, t.flip(0), method=method, options=options)[-1]
    bound = {1: 0.1, 2: 1e-3, 4: 1e-6, 5: 1e-8}[METHODS[method].order]
    assert float((back - Y0).abs().max()) < (1e-13 if method == "leapfrog" else bound)


def test_reversed_dense_output_is_the_same_curve():
    t = torch.linspace(0, 3, 50, dtype=F64)
    forward = odeint(forced_spiral, Y0, t, rtol=1e-10, atol=1e-10)
    backward = odeint(forced_spiral, forward[-1], t.flip(0), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(backward.flip(0), forward, rtol=1e-7, atol=1e-7)


# --- states ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_its_members(method):
    func = problem_for(method)
    generator = torch.Generator().manual_seed(0)
    y0 = 0.5 + torch.rand(2, 3, 2, generator=generator, dtype=F64)
    t = torch.linspace(0, 1, 5, dtype=F64)
    settings = {"method": method, "rtol": 1e-9, "atol": 1e-9}
    settings["options"] = None if method == "dopri5" else {"step_size": 0.1}
    together = odeint(func, y0, t, **settings)
    assert together.shape == (5, 2, 3, 2)
    for i in range(2):
        for j in range(3):
            alone = odeint(func, y0[i, j], t, **settings)
            torch.testing.assert_close(together[:, i, j], alone, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0)])
def test_any_shape(method, shape):
    """Leapfrog gets q and p of that shape."""
    y0, t = torch.ones(shape, dtype=F64), torch.linspace(0, 1, 4, dtype=F64)
    options = {"step_size": 0.25}
    if method == "leapfrog":
        q, p = odeint(lambda t, y: (y[1], -y[0]), (y0, y0), t, method=method, options=options)
        assert q.shape == p.shape == (4, *shape)
    else:
        y = odeint(lambda t, y: -y, y0, t, method=method, options=options)
        assert y.shape == (4, *shape)


@pytest.mark.parametrize("method", METHODS)
def test_a_tuple_is_its_parts(method):
    """A tuple state gives what the same numbers in one tensor give."""
    func, t = problem_for(method), torch.linspace(0, 1, 7, dtype=F64)

    def on_tuple(t, y):
        return tuple(func(t, torch.cat(y)).split(1))

    options = None if method == "dopri5" else {"step_size": 0.05}
    settings = {"method": method, "options": options}
    q, p = odeint(on_tuple, (Y0[:1], Y0[1:]), t, **settings)
    assert q.shape == p.shape == (7, 1)
    torch.testing.assert_close(torch.cat([q, p], -1), odeint(func, Y0, t, **settings))


def test_parts_of_a_tuple_keep_their_shapes():
    y0 = (torch.ones(2, 3, dtype=F64), torch.ones((), dtype=F64), torch.ones(4, dtype=F64))
    y = odeint(lambda t, y: tuple(-part for part in y), y0, torch.tensor([0.0, 1.0]))
    assert [part.shape for part in y] == [(2, 2, 3), (2,), (2, 4)]
    for part in y:
        assert float((part[-1] - math.exp(-1)).abs().max()) < 1e-7


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_dtypes_are_kept(method, dtype):
    """The state's dtype rules, whatever the dtype of t; func sees a 0-d time of that dtype."""
    seen = set()

    def func(t, y):
        seen.add((t.dtype, t.shape, y.dtype))
        return problem_for(method)(t, y)

    options = {"step_size": 0.1}
    for time_dtype in (torch.float32, F64):
        t = torch.linspace(0, 1, 4, dtype=time_dtype)
        assert odeint(func, Y0.to(dtype), t, method=method, options=options).dtype is dtype
    assert seen == {(dtype, torch.Size([]), dtype)}


def test_complex_states():
    t = torch.linspace(0, 1, 5, dtype=F64)
    for method in EXPLICIT:
        y0 = torch.ones(2, dtype=torch.complex128)
        options = None if method == "dopri5" else {"step_size": 0.001}
        y = odeint(lambda t, y: 1j * y, y0, t, method=method, options=options)
        torch.testing.assert_close(y[:, 0], torch.exp(1j * t), rtol=1e-3, atol=1e-3)


def test_one_time_returns_the_initial_state_and_calls_nothing():
    func = Watched(lambda t, y: -y)
    y, stats = odeint(func, Y0, torch.tensor([3.0]), return_stats=True)
    assert torch.equal(y, Y0[None]) and stats.nfe == 0 and not func.times
    y += 1
    assert Y0[0] == 1.2, "the result must not share memory with y0"


@pytest.mark.parametrize("method", METHODS)
def test_y0_is_not_changed(method):
    y0 = Y0.clone()
    t = torch.linspace(0, 1, 3, dtype=F64)
    odeint(problem_for(method), y0, t, method=method, options={"step_size": 0.1})
    assert torch.equal(y0, Y0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("method", METHODS)
def test_device_is_kept(method):
    t = torch.linspace(0, 1, 3)
    options = {"step_size": 0.1}
    y = odeint(problem_for(method), Y0.float().cuda(), t, method=method, options=options)
    assert y.is_cuda


# --- what makes a method worth having --------------------------------------------------------


def test_leapfrog_keeps_the_energy_and_euler_does_not():
    def pendulum(t, y):
        return (y[1], -torch.sin(y[0]))

    def energy(y):
        return y[1] ** 2 / 2 - torch.cos(y[0])

    t = torch.linspace(0, 200, 401, dtype=F64)
    y0 = (torch.tensor(1.0, dtype=F64), torch.tensor(0.0, dtype=F64))
    drift = {}
    for method in ("euler", "leapfrog"):
        path = energy(odeint(pendulum, y0, t, method=method, options={"step_size": 0.05}))
        drift[method] = float((path - path[0]).abs().max())
    assert drift["leapfrog"] < 1e-3 < 0.5 < drift["euler"]


def test_implicit_euler_is_stable_where_euler_is_not():
    def stiff(t, y):
        return -50 * (y - torch.cos(t))

    t = torch.tensor([0.0, 2.0], dtype=F64)
    y0 = torch.zeros(1, dtype=F64)
    settings = {"options": {"step_size": 0.1}}
    assert abs(odeint(stiff, y0, t, method="euler", **settings)[-1]) > 1e6
    y = odeint(stiff, y0, t, method="implicit_euler", **settings)[-1]
    assert abs(y - math.cos(2)) < 0.05


@pytest.mark.parametrize(("gradients", "calls"), [(False, 2), (True, 3)])
def test_newton_on_a_linear_problem(gradients, calls):
    """The first call solves the equation, the second finds it solved, the third is for autograd."""
    t = torch.tensor([0.0, 1.0], dtype=F64)
    y0 = torch.ones(2, dtype=F64)
    options = {"step_size": 0.1}
    with torch.set_grad_enabled(gradients):
        _, stats = odeint(
            lambda t, y: -y, y0, t, method="implicit_euler", options=options, return_stats=True
        )
    assert stats.nfe == 10 * calls


@pytest.mark.parametrize("method", [*EXPLICIT, "implicit_euler"])
def test_stability_function_is_one_step_on_the_test_equation(method):
    """y' = λy as a 2-D rotation and growth: one step multiplies by R(λh), real and imaginary."""
    generator = np.random.default_rng(0)
    for z in generator.normal(size=5) + 1j * generator.normal(size=5):
        matrix = torch.tensor([[z.real, -z.imag], [z.imag, z.real]], dtype=F64)
        y = odeint(
            lambda t, y, matrix=matrix: matrix @ y,
            torch.tensor([1.0, 0.0], dtype=F64),
            torch.tensor([0.0, 1.0], dtype=F64),
            method=method,
            options={"step_size": 1.0},
        )[-1]
        assert complex(*y.tolist()) == pytest.approx(stability_function(method, z), rel=1e-12)


def test_stability_function_takes_arrays_tensors_and_numbers():
    z = np.linspace(-3, 1, 6).reshape(2, 3) + 0.5j
    for method in (*EXPLICIT, "implicit_euler"):
        from_numpy = stability_function(method, z)
        from_torch = stability_function(method, torch.from_numpy(z))
        assert from_numpy.shape == (2, 3) and isinstance(from_torch, torch.Tensor)
        np.testing.assert_allclose(from_numpy, from_torch.numpy())
        order = METHODS[method].order
        small = 1e-2
        error = abs(stability_function(method, small) - math.exp(small))
        assert error < small ** (order + 1)
    with pytest.raises(ValueError, match="no stability function for 'leapfrog'"):
        stability_function("leapfrog", z)


# --- gradients -------------------------------------------------------------------------------


def field_with_parameters(t, y, a, b):
    q, p = y.unbind(-1)
    return torch.stack([a * p, -b * torch.sin(q) + torch.cos(t)], dim=-1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("span", [(0.0, 1.0), (1.0, 0.0)])
def test_gradients_for_state_and_parameters(method, span):
    """gradcheck of the discrete solution, between steps too (dopri5: fixed steps, see below)."""
    t = torch.linspace(*span, 4, dtype=F64)
    a, b = (torch.tensor(value, dtype=F64, requires_grad=True) for value in (1.3, 0.7))
    y0 = Y0.clone().requires_grad_()

    def solve(y0, a, b):
        return odeint(
            lambda t, y: field_with_parameters(t, y, a, b),
            y0,
            t,
            method=method,
            options={"step_size": 0.21},
        )

    assert torch.autograd.gradcheck(solve, (y0, a, b))


def test_gradients_through_adaptive_steps():
    """Steps are constants of the gradient, so it is that of the flow, to the tolerance."""
    t = torch.linspace(0, 1, 4, dtype=F64)
    a, b = (torch.tensor(value, dtype=F64, requires_grad=True) for value in (1.3, 0.7))
    y0 = Y0.clone().requires_grad_()

    def solve(y0, a, b):
        func = lambda t, y: field_with_parameters(t, y, a, b)  # noqa: E731
        return odeint(func, y0, t, rtol=1e-11, atol=1e-11)

    assert torch.autograd.gradcheck(solve, (y0, a, b), atol=1e-6)


@pytest.mark.parametrize("method", ["dopri5", "rk4", "leapfrog", "implicit_euler"])
@pytest.mark.parametrize("span", [(0.2, 1.0), (1.0, 0.2)])
def test_gradients_for_time(method, span):
    """dL/dt_i = g_i·f(t_i, y_i), dL/dt_0 = -a(t_0)·f(t_0, y_0), against finite differences of
    a solve accurate enough to stand for the flow."""
    t = torch.linspace(*span, 4, dtype=F64).requires_grad_()
    weights = torch.randn(4, 2, generator=torch.Generator().manual_seed(0), dtype=F64)

    def loss(t):
        settings = {"method": method, "options": {"step_size": 0.005}}
        if method == "dopri5":
            settings = {"rtol": 1e-12, "atol": 1e-12}
        return (weights * odeint(forced_pendulum, Y0, t, **settings)).sum()

    (gradient,) = torch.autograd.grad(loss(t), t)
    exact_loss = lambda t: (  # noqa: E731
        weights * odeint(forced_pendulum, Y0, t.detach(), rtol=1e-13, atol=1e-13)
    ).sum()
    eps = 1e-4
    for i in range(4):
        shift = torch.zeros(4, dtype=F64)
        shift[i] = eps
        difference = (exact_loss(t + shift) - exact_loss(t - shift)) / (2 * eps)
        bound = {1: 2e-2, 2: 1e-4, 4: 1e-7, 5: 1e-7}[METHODS[method].order]
        assert float((gradient[i] - difference).abs()) < bound


def test_gradients_for_time_of_a_tuple_and_their_cost():
    """One call of func for every time; none if t needs no gradient."""
    y0 = (torch.ones(1, dtype=F64), torch.zeros(1, dtype=F64))
    func = lambda t, y: (y[1], -y[0])  # noqa: E731
    t = torch.linspace(0, 1, 5, dtype=F64)
    _, plain = odeint(func, y0, t, return_stats=True)
    t.requires_grad_()
    (q, _), stats = odeint(func, y0, t, return_stats=True)
    assert stats.nfe == plain.nfe + 5
    q[-1].backward()
    expected = torch.tensor([math.sin(1.0), 0, 0, 0, -math.sin(1.0)], dtype=F64)  # q = cos(t)
    torch.testing.assert_close(t.grad, expected, rtol=1e-6, atol=1e-7)


def test_gradient_costs_nothing_when_it_is_off():
    net = torch.nn.Linear(2, 2)
    with torch.no_grad():
        y = odeint(lambda t, y: net(y), torch.ones(2), torch.linspace(0, 1, 3), rtol=1e-4)
    assert not y.requires_grad
    y = odeint(lambda t, y: net(y), torch.ones(2), torch.linspace(0, 1, 3), rtol=1e-4)
    y[-1].sum().backward()
    assert net.weight.grad.abs().sum() > 0


def test_implicit_euler_works_without_gradients_too():
    with torch.no_grad():
        net = torch.nn.Linear(2, 2)
        t, options = torch.tensor([0.0, 1.0]), {"step_size": 0.25}
        y = odeint(lambda t, y: net(y), torch.ones(2), t, method="implicit_euler", options=options)
    assert torch.isfinite(y).all() and not y.requires_grad
