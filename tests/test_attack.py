"""Solvers, gradients, noise and flows under attack: the answer is right, or the error is clear.

Every property draws its arguments (`attack.py`); a bug that was found stands as an example above
the property that found it, or as a test of its own at the end. `make attack` for the long run.
"""

import math
from itertools import pairwise

import pytest
import torch
import torchdiffeq
from attack import (
    C64,
    C128,
    EXPLICIT,
    F32,
    F64,
    FIXED,
    INF,
    LONG,
    NAN,
    attempt,
    cases,
    clear,
    close,
    from_func,
    grids,
    laid_out,
    layouts,
    normal,
    seeds,
    shapes,
    tried,
)
from hypothesis import assume, event, example, given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicHermiteSpline

from course_lib import beyond, flows
from course_lib.beyond import stochastic
from course_lib.gradients import (
    finite_differences,
    forward_sensitivities,
    odeint_adjoint,
    odeint_discrete_adjoint,
    odeint_interpolated_adjoint,
    odeint_reversible,
)
from course_lib.solvers import METHODS, SolverError, odeint, odeint_dense

ADJOINTS = [odeint_adjoint, odeint_interpolated_adjoint, odeint_discrete_adjoint, odeint_reversible]
methods = st.sampled_from(list(METHODS))
ONES, T = torch.ones(2, dtype=F64), torch.tensor([0.0, 0.4, 1.0], dtype=F64)


@pytest.fixture(scope="session", autouse=True)
def number_of_cases(request):
    """At the end of the long run: how many cases of each property were tried."""
    yield
    if LONG:
        lines = [f"{number:6} {name}" for name, number in tried.items()]
        with request.config.pluginmanager.get_plugin(
            "capturemanager"
        ).global_and_fixture_disabled():
            print("", *lines, f"{tried.total():6} cases in all", sep="\n")


def linear(seed: int, n: int, size: float = 1.0, dtype=F64):
    """A matrix of norm up to `size`, and y' = A y for states of any shape."""
    A = normal(seed, n, n, dtype=dtype)
    A = size * A / torch.linalg.matrix_norm(A, 2).clamp(min=1e-3) if n else A
    return A, lambda t, y: (A @ y.reshape(-1)).reshape(y.shape)


def settled(method: str, **keywords) -> dict:
    """Arguments of a solve by any method: quick, and accurate enough for what is compared."""
    if method == "dopri5":
        return {"rtol": 1e-6, "atol": 1e-8, "options": {"max_num_steps": 3000}} | keywords
    return {"method": method, "options": {"step_size": 0.1}} | keywords


# --- right answers -------------------------------------------------------------------------------


@cases(25)
@given(
    seeds, shapes, st.sampled_from([F32, F64, C64, C128]), grids(), layouts,
    st.sampled_from([1e-3, 1e-6, 1e-9]), st.sampled_from([1e-30, 1e-8, 1.0, 1e8, 1e30]),
)  # fmt: skip
def test_adaptive_steps_meet_their_tolerance(seed, shape, dtype, t, layout, rtol, scale):
    """Linear systems against the matrix exponential, at every size of y and in every layout."""
    A, func = linear(seed, math.prod(shape), dtype=dtype)
    y0 = laid_out(scale * normal(seed + 1, *shape, dtype=dtype), layout)
    single = dtype in (F32, C64)
    rtol = max(rtol, 1e-6 if single else 0.0)
    before = y0.clone()
    y, stats = odeint(func, y0, t, rtol=rtol, atol=rtol * scale, return_stats=True)
    flows_ = torch.matrix_exp((t - t[0]).to(dtype)[:, None, None] * A)
    close(
        y.reshape(len(t), len(A)), flows_ @ before.reshape(-1), 500 * rtol + (1e-5 if single else 0)
    )
    assert y.dtype is dtype and y.shape == (len(t), *shape) and torch.equal(y0, before)
    assert torch.equal(y[0], before) and stats.nfe < 5000
    assert y.requires_grad is y0.requires_grad


def one_step(method: str, A: torch.Tensor, h: float) -> torch.Tensor:
    """The matrix by which a step of length h multiplies y, from textbooks, not from `METHODS`."""
    eye, Z = torch.eye(len(A), dtype=A.dtype), h * A
    if method == "implicit_euler":
        return torch.linalg.inv(eye - Z)
    if method == "leapfrog":  # q' = B p, p' = C q
        n = len(A) // 2
        drift, kick = torch.zeros_like(A), torch.zeros_like(A)
        drift[:n, n:], kick[n:, :n] = A[:n, n:], A[n:, :n]
        half = eye + h / 2 * kick
        return half @ (eye + h * drift) @ half
    powers = {"euler": 1, "midpoint": 2, "heun": 2, "rk4": 4, "dopri5": 5}[method]
    total = sum(torch.linalg.matrix_power(Z, k) / math.factorial(k) for k in range(powers + 1))
    return total + (torch.linalg.matrix_power(Z, 6) / 600 if method == "dopri5" else 0)


@cases(25)
@given(seeds, methods, st.sampled_from([2, 4, 6]), grids(most=4), st.floats(0.04, 3.0))
def test_fixed_steps_are_powers_of_a_matrix(seed, method, n, t, h):
    """Step by step against textbook matrices; between steps against SciPy's Hermite cubics."""
    A, _ = linear(seed, n)
    if method == "leapfrog":
        A[: n // 2, : n // 2] = A[n // 2 :, n // 2 :] = 0
    span = float((t[-1] - t[0]).abs())
    steps = max(1, math.ceil(span / h - 1e-9))
    assume(abs(span / h - round(span / h)) > 1e-6 or steps == 1)  # whether rounding makes a step
    sign, start = math.copysign(1, float(t[-1] - t[0])), float(t[0])
    ends = [start + sign * k * h for k in range(steps)] + [float(t[-1])]
    states = [normal(seed + 1, n)]
    for a, b in pairwise(ends):
        states.append(one_step(method, A, b - a) @ states[-1])
    options = {"step_size": h}
    y = odeint(lambda t, y: A @ y, states[0], t, method=method, options=options)
    close(y[-1], states[-1], 1e-10)
    if method != "dopri5":  # whose dense output is a quartic
        nodes, values = torch.tensor(ends, dtype=F64), torch.stack(states)
        order = torch.argsort(sign * nodes) if sign > 0 else torch.arange(len(nodes)).flip(0)
        spline = CubicHermiteSpline(nodes[order], values[order], (values @ A.T)[order])
        close(y, torch.from_numpy(spline(t.numpy())), 1e-7)


def swinging(seed: int, d: int):
    """A nonlinear field, different in each row of nothing but its own entries' neighbours."""
    W, w = normal(seed, d, d) / d**0.5, normal(seed + 7, d)
    return lambda t, y: torch.tanh(y @ W.to(y)) - 0.3 * y + torch.sin(w.to(y) + t)


@cases(10)
@given(seeds, st.sampled_from([1, 3]), grids(most=4), st.sampled_from(["scipy", "torchdiffeq"]))
def test_nonlinear_fields_agree_with_other_libraries(seed, d, t, oracle):
    func, y0 = swinging(seed, d), normal(seed + 1, d)
    y = odeint(func, y0, t, rtol=1e-9, atol=1e-10)
    if oracle == "torchdiffeq":
        found = torchdiffeq.odeint(func, y0, t, rtol=1e-9, atol=1e-10)
    else:
        call = lambda t, y: func(torch.tensor(t), torch.from_numpy(y)).numpy()  # noqa: E731
        span = (t[0].item(), t[-1].item())
        kind = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-11}
        found = torch.from_numpy(solve_ivp(call, span, y0.numpy(), t_eval=t.numpy(), **kind).y.T)
    torch.testing.assert_close(y, found, rtol=0, atol=1e-6)


@cases(12)
@given(seeds, st.sampled_from([*EXPLICIT, "leapfrog"]), grids(most=3))
def test_the_way_back(seed, method, t):
    """Forwards and backwards again ends where it began, up to the error of the method."""
    func = swinging(seed, 2)
    if method == "leapfrog":
        func = lambda t, y: torch.stack([y[1], -torch.sin(y[0])])  # noqa: E731
    y0 = normal(seed + 1, 2)
    settings_ = {"options": {"step_size": 0.01}, "method": method}
    back = odeint(func, odeint(func, y0, t, **settings_)[-1], t.flip(0), **settings_)[-1]
    torch.testing.assert_close(back, y0, rtol=0, atol=0.2 if method == "euler" else 2e-3)


# --- the same answer, asked for in other ways ----------------------------------------------------


WAYS = ["layout", "no_grad", "inference", "default dtype", "dense", "reshaped", "statistics"]


@cases(40)
@example(1, "implicit_euler", "inference", T, "plain")
@given(seeds, methods, st.sampled_from(WAYS), grids(), layouts)
def test_the_same_solve_in_other_ways(seed, method, way, t, layout):
    """Memory layout, gradient modes, default dtype, dense output and shape change nothing."""
    func, y0 = swinging(seed, 2), normal(seed + 1, 3, 2)
    if method == "leapfrog":
        func = lambda t, y: torch.cat([y[..., 1:], -torch.sin(y[..., :1])], -1)  # noqa: E731
    keywords = settled(method)
    wanted, other = odeint(func, y0, t, **keywords), laid_out(y0, layout)
    if way == "layout":
        found = odeint(func, other, t, **keywords)
        wanted = odeint(func, other.clone(), t, **keywords)
    elif way in ("no_grad", "inference"):
        with torch.no_grad() if way == "no_grad" else torch.inference_mode():
            found = odeint(func, y0.clone(), t, **keywords)
            assert torch.equal(y0, normal(seed + 1, 3, 2))
    elif way == "default dtype":
        torch.set_default_dtype(F64)
        found = odeint(func, y0, t, **keywords)
        torch.set_default_dtype(F32)
    elif way == "dense":
        solution = odeint_dense(func, y0, t[0], t[-1], **keywords)
        mixed = torch.randperm(len(t), generator=torch.Generator().manual_seed(seed))
        found = torch.empty_like(wanted)
        found[mixed] = solution(t[mixed])
        for i in range(len(t)):
            close(solution(t[i]), wanted[i], 1e-12)
    elif way == "reshaped":
        flat = lambda t, y: func(t, y.reshape(3, 2)).reshape(y.shape)  # noqa: E731
        found = odeint(flat, y0.reshape(1, 3, 1, 2), t, **keywords).reshape(wanted.shape)
    else:
        found, stats = odeint(func, y0, t, return_stats=True, **keywords)
        assert stats.nfe > 0 and stats.accepted > 0
    close(found, wanted, 1e-9)


@cases(20)
@given(seeds, st.lists(shapes, min_size=1, max_size=4), grids(), methods)
def test_a_tuple_is_its_parts_laid_end_to_end(seed, parts, t, method):
    """Empty and 0-d parts among them; leapfrog takes two of equal shape."""
    if method == "leapfrog":
        parts = [parts[0], parts[0]]
    y0 = tuple(normal(seed + i, *shape) for i, shape in enumerate(parts))
    sizes = [part.numel() for part in y0]
    assume(sum(sizes) or method != "implicit_euler")
    weights = torch.cosh(normal(seed + 9, sum(sizes))) - 2

    def field(t, y):
        return weights * torch.sin(y) + torch.cos(t)

    if method == "leapfrog":
        n = sizes[0]
        field = lambda t, y: torch.cat([y[n:], -y[:n]])  # noqa: E731

    def on_parts(t, state):
        assert type(state) is tuple and [tuple(part.shape) for part in state] == parts
        flat = field(t, torch.cat([part.reshape(-1) for part in state])).split(sizes)
        return tuple(part.reshape(shape) for part, shape in zip(flat, parts, strict=True))

    found = odeint(on_parts, y0, t, **settled(method))
    wanted = odeint(field, torch.cat([part.reshape(-1) for part in y0]), t, **settled(method))
    flat = [part.reshape(len(t), size) for part, size in zip(found, sizes, strict=True)]
    assert torch.equal(torch.cat(flat, 1), wanted)
    assert [part.shape for part in found] == [(len(t), *shape) for shape in parts]


@cases(12)
@given(seeds, st.sampled_from(FIXED), grids(most=4), st.sampled_from([F32, F64]))
def test_rows_of_a_batch_do_not_know_each_other(seed, method, t, dtype):
    """With fixed steps a row is solved as if it were alone, and rows may be permuted."""
    func = swinging(seed, 2)
    if method == "leapfrog":
        func = lambda t, y: torch.cat([y[..., 1:], -torch.sin(y[..., :1])], -1)  # noqa: E731
    y0, keywords = normal(seed + 1, 4, 2, dtype=dtype), settled(method)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    whole = odeint(func, y0, t, **keywords)
    tolerance = 1e-4 if dtype is F32 else 1e-9
    close(odeint(func, y0[order], t, **keywords), whole[:, order], tolerance)
    for i in range(4):
        close(odeint(func, y0[i : i + 1], t, **keywords), whole[:, i : i + 1], tolerance)


# --- arguments of every kind ---------------------------------------------------------------------


class Decay:
    """An object that is callable, with a signature of its own."""

    def __call__(self, t, y):
        return -y


GOOD = {
    "func": st.sampled_from([lambda t, y: -y, Decay(), lambda *both: -both[1]]),
    "y0": st.sampled_from([ONES, ONES.float(), ONES[0], ONES[:0], torch.ones(3, 2)]),
    "t": st.sampled_from([T, T.float(), T.flip(0), T[:1], T[:2] + 5, T - 1e6, T * 1e-12]),
    "rtol": st.sampled_from([1e-3, 1e-6, 0, 0.5, torch.tensor(1e-4), torch.tensor(1e-4).double()]),
    "atol": st.sampled_from([1e-3, 1e-6, 1, torch.tensor(1e-4)]),
    "method": methods,
    "options": st.sampled_from([
        {"step_size": 0.1}, {"step_size": torch.tensor(0.3)}, {"step_size": 1e3},
    ]),
}  # fmt: skip
BAD = {
    "func": st.sampled_from([
        None, 3, "f", Decay, ONES, lambda y: -y, lambda: 1, lambda t, y, z: y, lambda t, y: None,
        lambda t, y: 1.0, lambda t, y: -y.sum(), lambda t, y: (y,), lambda t, y: [y, y],
        lambda t, y: y.reshape(1, *y.shape), lambda t, y: y.to(C128), lambda t, y: y > 0,
        lambda t, y: y.numpy(), lambda t, y: y * NAN, lambda t, y: y / 0, lambda t, y: y.half(),
        lambda t, y: y.to_sparse(), lambda t, y: y.to("meta"), torch.nn.Linear(2, 2),
    ]),
    "y0": st.sampled_from([
        None, 1.0, [1.0], [ONES], (), (ONES, None), ((ONES,), ONES), (ONES, ONES.float()), "y",
        ONES.int(), ONES > 0, ONES * NAN, ONES * INF, ONES.half(), ONES.bfloat16(), ONES.numpy(),
        ONES.to(torch.complex64), (ONES[:0],), (ONES, ONES[:0]), ONES.to_sparse(), ONES.to("meta"),
        ONES.to(torch.float8_e4m3fn), ONES * 1e300, ONES * 1e-300, ONES.float() * 3e38,
        {"y": ONES}, torch.tensor(5),
    ]),
    "t": st.sampled_from([
        None, 1.0, [0.0, 1.0], T.numpy(), T.int(), T * NAN, T * INF, T[:0], T[0], T[None],
        torch.tensor([0.0, 0.0]), torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.0, 1.0, 0.5]),
        torch.tensor([0.0, NAN]), torch.tensor([0.0, INF]), T * 1e300, T * 1e-300, T * 1e-320,
        torch.tensor([-1.7e308, 1.7e308], dtype=F64), T.half(), T.bfloat16(), T * 1e39, T + 1e17,
        torch.tensor([1.0, 1.0 + 2**-52], dtype=F64), T.to(C64), T.clone().requires_grad_(),
        T[:1].expand(3), T.to_sparse(), torch.tensor([1e6, 1e6 + 1.0]), T > 0,
    ]),
    "rtol": st.sampled_from([
        -1, NAN, INF, None, "1e-3", ONES, torch.tensor(1j), torch.tensor(NAN), 1e-300, 1e300,
        10**400, [1e-3], 1e-15, torch.tensor(1e-3, requires_grad=True), 1j, True,
    ]),
    "atol": st.sampled_from([
        -1, NAN, INF, None, "1e-3", ONES, torch.tensor(-1.0), 0, 1e-300, 1e300, 10**400, -(10**400),
    ]),
    "method": st.sampled_from(["", "RK45", 4, ["rk4"], {"rk4"}, b"rk4", object(), True, None]),
    "options": st.sampled_from([
        None, {}, [], "step_size", 3, {"step_size": 0}, {"step_size": -1}, {"step_size": NAN},
        {"step_size": 1e-300}, {"step_size": 1e300}, {"step_size": "0.1"}, {"step_size": None},
        {"stepsize": 0.1}, {1: 2, "a": 3}, {"max_num_steps": 1}, {"max_num_steps": 0.5},
        {"max_num_steps": 10**400}, {"step_size": ONES}, {"safety": 2}, {"safety": 1e-300},
        {"min_factor": 2}, {"max_factor": 0.5}, {"min_factor": 1e-300}, {"first_step": 1e-300},
        {"first_step": 1e300}, {"first_step": 0.1, "step_size": 0.1}, {"max_factor": 1 + 1e-15},
        {"step_size": torch.tensor(1j)}, [("step_size", 0.1)], {"max_num_steps": True},
    ]),
}  # fmt: skip


@st.composite
def arguments(draw):
    """Arguments of odeint of which one to three are of a strange kind."""
    strange = draw(st.sets(st.sampled_from(sorted(BAD)), min_size=1, max_size=3))
    drawn = {name: draw((BAD if name in strange else GOOD)[name]) for name in GOOD}
    options = drawn["options"]
    if drawn["method"] in ("dopri5", None) and (options is None or isinstance(options, dict)):
        short = {"max_num_steps": 300}
        if "options" not in strange:
            options = {}
        drawn["options"] = short | (options or {})
    return drawn, sorted(strange)


@cases(90)
@given(
    arguments(),
    st.sampled_from(["odeint", "dense", "adjoint", "discrete", "reversible", "sensitivities"]),
)
def test_strange_arguments_are_solved_or_explained(drawn, solver):
    """y' = -y from whatever it was given: finite and near exp(-t), or an error of the library."""
    arguments, strange = drawn
    arguments = dict(arguments)
    func, y0, t = (arguments.pop(name) for name in ("func", "y0", "t"))
    if solver == "dense":
        assume(torch.is_tensor(t) and t.numel() == 3 and not t.is_sparse)
        call = lambda: odeint_dense(func, y0, t[0], t[-1], **arguments)(t)  # noqa: E731
    elif solver == "sensitivities":
        call = lambda: forward_sensitivities(func, y0, t, **arguments)[0]  # noqa: E731
    elif solver == "odeint":
        call = lambda: odeint(func, y0, t, **arguments)  # noqa: E731
    else:
        solve = {"adjoint": odeint_adjoint, "discrete": odeint_discrete_adjoint}.get(solver)
        if solve is None:
            solve = odeint_reversible
            arguments = {"options": arguments["options"]}
        call = lambda: solve(func, y0, t, adjoint_params=(), **arguments)  # noqa: E731
    y, error = attempt(call)
    event("an answer" if error is None else "an error")
    if error is None:
        parts = y if isinstance(y, tuple) else (y,)
        assert all(torch.isfinite(part).all() for part in parts)
        accurate = arguments.get("method") in ("dopri5", "rk4", None)
        rtol, atol = (arguments.get(name, 1) for name in ("rtol", "atol"))
        step = (arguments["options"] or {}).get("step_size")
        fine = max(rtol, atol) <= 1e-3 if step is None else step <= 0.3
        if accurate and fine and not {"func", "y0"} & set(strange) and solver != "reversible":
            close(y, torch.exp(-(t - t[0]).detach()).to(y).reshape(-1, *[1] * y0.dim()) * y0, 0.02)


# --- a func that fails ---------------------------------------------------------------------------


class Own(Exception):
    """What a func raises for reasons of its own."""


def turning(y):
    """Rows (q, p) of oscillators: q' = p, p' = -q."""
    return torch.cat([y[..., 1:], -y[..., :1]], -1)


def raising(t, y):
    raise Own("func's own reasons")


def in_place(t, y):
    y.mul_(-1)
    return y


def later(t, y):
    t.add_(1)
    return -y


SABOTAGE = {
    "NaN": lambda t, y: y * NAN,
    "Inf": lambda t, y: y + INF,
    "one NaN": lambda t, y: torch.where(torch.arange(6).reshape(3, 2) == 0, NAN, turning(y)),
    "raises": raising,
    "interrupted": lambda t, y: (_ for _ in ()).throw(KeyboardInterrupt),
    "None": lambda t, y: None,
    "a number": lambda t, y: 1.0,
    "a tuple": lambda t, y: (y, y),
    "shape": lambda t, y: y[..., :1],
    "dtype": lambda t, y: y.float(),
    "changes y": in_place,
    "changes t": later,
}
SOLVERS = {
    "odeint": odeint,
    "dense": lambda func, y0, t, **keywords: odeint_dense(func, y0, t[0], t[-1], **keywords)(t),
    "sensitivities": lambda func, y0, t, **k: forward_sensitivities(func, y0, t, **k)[0],
    "continuous": odeint_adjoint,
    "interpolated": odeint_interpolated_adjoint,
    "discrete": odeint_discrete_adjoint,
    "checkpointed": odeint_discrete_adjoint,
    "reversible": odeint_reversible,
}


@cases(60)
@given(
    st.sampled_from(sorted(SABOTAGE)),
    st.integers(1, 60),
    st.sampled_from(sorted(SOLVERS)),
    methods,
    seeds,
)
def test_a_func_that_fails_at_some_call(what, when, solver, method, seed):
    """Once or from then on: a clear error, or func's own; and then the next solve is as ever."""
    assume(solver in ("odeint", "dense", "sensitivities") or method in EXPLICIT)
    assume(solver != "sensitivities" or method not in ("leapfrog", "implicit_euler"))
    calls, armed, forever = 0, True, seed % 2

    def func(t, y):
        nonlocal calls
        calls += 1
        if armed and (calls == when or (forever and calls > when)):
            return SABOTAGE[what](t, y)
        return turning(y)

    keywords = {"adjoint_params": ()} if solver not in ("odeint", "dense", "sensitivities") else {}
    if solver == "reversible":
        keywords |= {"options": {"step_size": 0.1}}
    else:
        keywords |= settled(method) | ({"checkpoints": "sqrt"} if solver == "checkpointed" else {})
    start = normal(seed, 3, 2)

    def solve():
        y0 = start.clone().requires_grad_(solver not in ("dense", "sensitivities"))
        y = SOLVERS[solver](func, y0, T, **keywords)
        if y.requires_grad:
            y[-1].sum().backward()
        return y.detach(), y0.grad

    spoiled = None
    try:
        spoiled = solve()
    except (Exception, KeyboardInterrupt) as error:
        assert clear(error) or from_func(error), error
        if what in ("raises", "interrupted"):
            assert from_func(error)
    happened, reached, armed = calls >= when, calls, False
    wanted, gradient = solve()
    exact = torch.matrix_exp(torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=F64))
    close(wanted[-1], start @ exact.T, 0.1 if method in ("euler", "implicit_euler") else 0.02)
    event(f"{what}: {'error' if spoiled is None else 'answer' if happened else 'not reached'}")
    if spoiled is not None:  # a step was tried again without the fault, or it was not reached
        assert torch.isfinite(spoiled[0]).all(), reached
        close(spoiled[0], wanted, 1e-3)
        if gradient is not None and (not happened or what not in ("one NaN", "NaN", "Inf")):
            close(spoiled[1], gradient, 1e-3)


def writer(buffer: str):
    """y' = -y, written into the same memory at every call."""
    memory = torch.empty(4, dtype=F64)
    array = memory.numpy()

    def numpys(t, y):
        array[:2] = -y.numpy()
        return torch.from_numpy(array)[:2]

    return {
        "one tensor": lambda t, y: torch.mul(y, -1, out=memory[:2]),
        "a view of one": lambda t, y: memory[:2].copy_(-y).view(2),
        "numpy's": numpys,
    }[buffer]


@cases(15)
@given(st.sampled_from(["one tensor", "a view of one", "numpy's"]), methods, grids())
def test_a_func_that_writes_all_results_into_one_buffer(buffer, method, t):
    assume(method not in ("implicit_euler", "leapfrog"))
    found = odeint(writer(buffer), ONES, t, **settled(method))
    assert torch.equal(found, odeint(lambda t, y: -y, ONES, t, **settled(method)))


@cases(10)
@example("implicit_euler", T, "a parameter")
@given(methods, grids(), st.sampled_from(["itself", "a constant", "a row for all", "a parameter"]))
def test_a_func_that_returns_what_it_was_given(method, t, what):
    """y, or one tensor that never changes, or an expanded one: none of them is written into."""
    assume(method != "leapfrog")
    c = torch.nn.Parameter(torch.tensor([0.3, -0.2], dtype=F64))
    func = {
        "itself": lambda t, y: y,
        "a constant": lambda t, y: c.detach(),
        "a row for all": lambda t, y: c[:1].expand(2),
        "a parameter": lambda t, y: c,
    }[what]
    y0 = ONES.clone()
    y = odeint(func, y0, t, **settled(method))
    elapsed = (t - t[0])[:, None]
    rate = torch.stack([c[0], c[0]]) if what == "a row for all" else c
    wanted = torch.exp(elapsed) * y0 if what == "itself" else y0 + elapsed * rate
    close(y, wanted, {1: 0.3, 2: 0.02}.get(METHODS[method].order, 1e-4))
    assert torch.equal(y0, ONES) and torch.equal(c.detach(), torch.tensor([0.3, -0.2], dtype=F64))


# --- hard problems -------------------------------------------------------------------------------


@cases(40)
@given(
    st.sampled_from(["stiff", "blows up", "jumps", "root", "overflows", "bounded", "singular end"]),
    methods, st.sampled_from([1.0, -1.0]), st.sampled_from([F32, F64]),
    st.sampled_from([1e-3, 1e-6]), st.sampled_from([1e-30, 1.0, 1e30]), st.booleans(),
)  # fmt: skip
def test_hard_fields_are_solved_or_explained(kind, method, sign, dtype, rtol, scale, inside):
    """Never NaN, never more calls than the options allow, and right where a formula is known."""
    calls = 0
    funcs = {
        "stiff": lambda t, y: -1e5 * sign * (y - scale),
        "blows up": lambda t, y: sign * y * (y.abs() / scale),
        "jumps": lambda t, y: torch.where(t * sign < 0.5, -y, y) * sign,
        "root": lambda t, y: -sign * scale * torch.sqrt(y / scale),  # reaches 0 at t = 2
        "overflows": lambda t, y: 300 * sign * y,
        "bounded": lambda t, y: torch.full_like(y, 1e38 if dtype is F32 else 1e308) * sign,
        "singular end": lambda t, y: y / (1 - t * sign) ** 0.5 * sign,
    }

    def func(t, y):
        nonlocal calls
        calls += 1
        return funcs[kind](t, y)

    times = [0.0, 0.3, 0.93, 1.0] if inside else [0.0, 1.0]
    t = sign * torch.tensor(times, dtype=F64) * (3.0 if kind == "root" else 1.0)
    steps = {"max_num_steps": 400} | ({} if method == "dopri5" else {"step_size": 0.05})
    keywords = {"method": method, "options": steps, "rtol": rtol, "atol": rtol * scale * 1e-3}
    y0 = torch.full((2,), 2 * scale if kind == "stiff" else scale, dtype=dtype)
    y, error = attempt(lambda: odeint(func, y0, t, **keywords))
    assert calls <= 30 * 400 + 100
    event(f"{kind}: {'answer' if error is None else 'error'}")
    if error is not None:
        return
    assert torch.isfinite(y).all()
    if method == "dopri5":
        elapsed = (t * sign)[:, None].to(dtype)
        exact = {
            "jumps": torch.exp(torch.where(elapsed < 0.5, -elapsed, elapsed - 1)) * y0,
            "overflows": torch.exp(300 * elapsed.double()) * y0.double(),
            "singular end": torch.exp(2 - 2 * (1 - elapsed) ** 0.5) * y0,
        }.get(kind)
        if exact is not None:
            close(y[-1], exact[-1].to(dtype), 0.05)


# --- gradients -----------------------------------------------------------------------------------


class Layered(torch.nn.Module):
    """A field with parameters that are used once, twice, not at all, or held fixed."""

    def __init__(self, seed: int, d: int = 2, dtype=F64):
        super().__init__()
        new = lambda i, *shape: torch.nn.Parameter(normal(seed + i, *shape, dtype=dtype) / 2)  # noqa: E731
        self.once, self.twice, self.unused = new(1, d, d), new(2, d, d), new(3, 3)
        self.scale, self.frozen, self.empty = new(4), new(5, d).requires_grad_(False), new(6, 0)

    def forward(self, t, y):
        hidden = torch.tanh(y @ self.twice + torch.cos(t) * self.frozen)
        return self.scale * hidden @ self.once - 0.2 * y @ self.twice


def gradients(solve, net, y0, t, weights, **keywords):
    """dL/dy0, dL/dt and dL/dθ of a loss that looks at every output."""
    y0, t = y0.clone().requires_grad_(), t.clone().requires_grad_()
    params = [param for param in net.parameters() if param.requires_grad]
    y = solve(net, y0, t, **keywords)
    loss = (weights * torch.sin(y)).sum()
    return torch.autograd.grad(loss, (y0, t, *params), materialize_grads=True, allow_unused=True)


def same(found, wanted, tolerance: float) -> None:
    """Lists of gradients, each close to the other's."""
    size = max(float(part.abs().max()) for part in wanted if part.numel())
    for a, b in zip(found, wanted, strict=True):
        assert a.shape == b.shape and a.dtype is b.dtype
        assert not a.numel() or float((a - b).abs().max()) <= tolerance * size


batches = st.sampled_from([(2,), (1, 2), (3, 2), (2, 1, 2), (0, 2)])


@cases(30)
@given(
    seeds, batches, grids(most=5, span=2.0), st.sampled_from(EXPLICIT), st.booleans(),
    st.sampled_from(["all", "sqrt", 1, 3]), st.sampled_from([F32, F64]),
    st.sampled_from([F32, F64]),
)  # fmt: skip
def test_the_discrete_adjoint_is_backpropagation(
    seed, batch, t, method, adaptive, kept, dtype, time_dtype
):
    """To rounding, for every method, times between steps and checkpoints; statistics agree too."""
    net, y0 = Layered(seed, dtype=dtype), normal(seed, *batch, dtype=dtype)
    t = t.to(time_dtype)
    assume(len(torch.unique(t)) == len(t))
    keywords = {"method": method, "rtol": 1e-4, "atol": 1e-4}
    if method != "dopri5" or not adaptive:
        keywords["options"] = {"step_size": 0.17}
    weights = normal(seed + 1, len(t), *batch, dtype=dtype)
    wanted = gradients(odeint, net, y0, t, weights, **keywords)
    found = gradients(odeint_discrete_adjoint, net, y0, t, weights, checkpoints=kept, **keywords)
    same(found, wanted, 1e-8 if dtype is F64 and time_dtype is F64 else 3e-4)


@cases(10)
@given(
    seeds, batches, grids(most=3, span=2.0), st.sampled_from(["seminorm", "full"]), st.booleans()
)
def test_continuous_adjoints_are_near_backpropagation(seed, batch, t, norm, interpolated):
    """As near as tight tolerances bring them; the interpolated one as near as dense output is."""
    net, y0 = Layered(seed), normal(seed, *batch)
    weights = normal(seed + 1, len(t), *batch)
    keywords = {"rtol": 1e-9, "atol": 1e-10}
    wanted = gradients(odeint, net, y0, t, weights, **keywords)
    solve = odeint_interpolated_adjoint if interpolated else odeint_adjoint
    found = gradients(solve, net, y0, t, weights, adjoint_options={"norm": norm}, **keywords)
    same(found, wanted, 1e-5 if interpolated else 1e-6)


def reversible_heun(net, y0, t, h):
    """The method of `odeint_reversible`, to be backpropagated (not by t)."""
    y, z, out = y0, y0, [y0]
    for a, b in pairwise(t.tolist()):
        n = max(1, math.ceil(abs(b - a) / h - 1e-9))
        ends = [a + (b - a) * k / n for k in range(n)] + [b]
        for t0, t1 in pairwise(ends):
            f0 = net(torch.tensor(t0, dtype=y.dtype), z)
            z = 2 * y - z + (t1 - t0) * f0
            y = y + (t1 - t0) / 2 * (f0 + net(torch.tensor(t1, dtype=y.dtype), z))
        out.append(y)
    return torch.stack(out)


@cases(15)
@given(seeds, batches, grids(most=4, span=2.0), st.floats(0.03, 0.8))
def test_the_reversible_solver_is_backpropagation(seed, batch, t, h):
    net, y0 = Layered(seed), normal(seed, *batch)
    weights = normal(seed + 1, len(t), *batch)
    found = gradients(odeint_reversible, net, y0, t, weights, options={"step_size": h})
    wanted = gradients(lambda net, y0, t: reversible_heun(net, y0, t, h), net, y0, t, weights)
    same(found[:1] + found[2:], wanted[:1] + wanted[2:], 1e-8)
    fine = gradients(odeint, net, y0, t, weights, rtol=1e-9, atol=1e-9)
    if h < 0.05:
        same(found[1:2], fine[1:2], 0.05)


@cases(10)
@given(
    seeds, st.sampled_from(ADJOINTS), st.sampled_from(["some", "named twice", "none", "a state"]),
    st.booleans(),
)  # fmt: skip
def test_the_parameters_that_are_named_get_their_gradients(seed, solve, which, tupled):
    """Each once, however often it is named or used; those that are not named get none."""
    net, y0 = Layered(seed), normal(seed, 3, 2)
    theta = {
        "some": [net.once],
        "named twice": [net.twice, net.once, net.twice],
        "none": [],
        "a state": [y0],
    }[which]
    func = (lambda t, y: net(t, y) + 0.1 * y0) if which == "a state" else net
    if which == "a state":
        y0.requires_grad_()
    leaves = list(dict.fromkeys([*net.parameters(), y0.requires_grad_()]))
    leaves = [leaf for leaf in leaves if leaf.requires_grad]
    keywords = {"options": {"step_size": 0.05}} | (
        {} if solve is odeint_reversible else {"method": "rk4"}
    )

    def run(solver, **more):
        for leaf in leaves:
            leaf.grad = None
        state, field = y0, func
        if tupled:
            state = (y0[:, :1], y0[:, 1:])
            field = lambda t, y: func(t, torch.cat(y, 1)).split(1, dim=1)  # noqa: E731
        y = solver(field, state, T, **keywords, **more)
        y = torch.cat(y, -1) if tupled else y
        torch.sin(y).sum().backward()
        return [leaf.grad for leaf in leaves]

    found = run(solve, adjoint_params=theta)
    if solve is odeint_reversible:
        keywords = {"options": {"step_size": 0.01}, "method": "rk4"}
    wanted = run(odeint)
    for leaf, a, b in zip(leaves, found, wanted, strict=True):
        if leaf is y0 or any(leaf is param for param in theta):
            close(a, b, 0.02 if solve is odeint_reversible else 1e-4)
        else:
            assert a is None or not a.any()


@cases(10)
@given(seeds, batches, grids(most=3, span=1.0), st.booleans(), st.booleans())
def test_sensitivities_and_differences_are_derivatives(seed, batch, t, wrt_y0, inference):
    net, y0 = Layered(seed), normal(seed, *batch)
    params = [param for param in net.parameters() if param.requires_grad]
    with torch.inference_mode(inference):
        y, S, _ = forward_sensitivities(net, y0, t, params, wrt_y0=wrt_y0, rtol=1e-8, atol=1e-9)
    weights = normal(seed + 1, *y.shape)
    start = y0.clone().requires_grad_()
    loss = (weights * odeint(net, start, t, rtol=1e-8, atol=1e-9)).sum()
    inputs = [start, *params] if wrt_y0 else params
    wanted = torch.autograd.grad(loss, inputs, materialize_grads=True, allow_unused=True)
    wanted = torch.cat([part.reshape(-1) for part in wanted])
    total = torch.tensordot(weights, S, dims=weights.dim())
    assert float((total - wanted).abs().max()) <= 1e-5 * (1 + float(wanted.abs().max()))
    found = finite_differences(
        lambda: (weights * odeint(net, y0, t, rtol=1e-9, atol=1e-9)).sum(), params[:1], central=True
    )
    at = y0.numel() if wrt_y0 else 0
    gap = found[0].reshape(-1) - wanted[at : at + found[0].numel()]
    assert float(gap.abs().max()) <= 1e-4 * (1 + float(wanted.abs().max()))


# --- noise, controls and flows -------------------------------------------------------------------


@cases(15)
@given(
    seeds, st.integers(0, 20), st.integers(1, 4), st.sampled_from(sorted(stochastic.STEPS)),
    st.booleans(), st.sampled_from([F32, F64]),
)  # fmt: skip
def test_stochastic_methods_are_their_formulas(seed, steps, paths, method, inference, dtype):
    """Geometric Brownian motion: each method multiplies by a factor that is known."""
    h, mu, c = 0.05, 0.4, 0.7
    dB = h**0.5 * normal(seed, steps, paths, dtype=dtype)
    with torch.inference_mode(inference):
        x = beyond.sdeint(lambda x: mu * x, lambda x: c * x, 1.5, h, dB, method=method)
    noise = mu * h + c * dB
    extra = {"Euler–Maruyama": 0.0, "Milstein": 0.5 * c**2 * (dB**2 - h), "Heun": 0.5 * noise**2}
    factors = 1 + noise + extra[method]
    wanted = 1.5 * torch.cat([torch.ones_like(dB[:1]), factors.cumprod(0)]) if steps else x
    assert x.shape == (steps + 1, paths) and x.dtype is dtype
    close(x, wanted, 1e-4 if dtype is F32 else 1e-11)


@cases(10)
@given(seeds, st.sampled_from(["linear", "hermite"]), st.integers(2, 6), st.sampled_from([1, 3, 7]))
def test_controlled_equations_depend_on_the_path_only(seed, kind, n, steps):
    """dz = A dX is an integral that is known at the knots, however the path bends between them."""
    knots, A = normal(seed, 2, n, 3), normal(seed + 1, 4, 3)
    z0 = normal(seed + 2, 2, 4)
    z = beyond.cdeint(lambda z: A.expand(2, 4, 3), z0, beyond.Control(knots, kind), steps=steps)
    wanted = z0 + (knots - knots[:, :1]).transpose(0, 1) @ A.T
    assert z.shape == (n, 2, 4)
    if kind == "linear":
        close(z, wanted, 1e-10)
    else:
        close(z, wanted, 0.05 if steps < 7 else 1e-3)


@cases(12)
@given(seeds, st.integers(1, 3), st.sampled_from(["autograd", "closed", "planar"]), st.booleans())
def test_log_densities_are_changes_of_variables(seed, d, kind, inference):
    """log p(x) = log N(z) + log |det ∂z/∂x|, with the Jacobian by central differences."""
    generator = torch.Generator().manual_seed(seed)
    torch.set_default_dtype(F64)
    if kind == "planar":
        flow = flows.PlanarFlow(3, d, generator=generator)
        inverse = lambda x: flow.inverse(x)[0]  # noqa: E731
    else:
        field = flows.TanhField(d, [6], generator=generator)
        trace = flows.AutogradTrace() if kind == "autograd" else None
        flow = flows.ContinuousFlow(field, d, rtol=1e-8, atol=1e-9, trace=trace)
        inverse = flow.inverse
    x = normal(seed, 4, d)
    with torch.inference_mode(inference):
        found = flow.log_prob(x)
    with torch.no_grad():
        eps = 1e-5 * torch.eye(d)
        columns = [(inverse(x + e) - inverse(x - e)) / 2e-5 for e in eps]
        J = torch.stack(columns, dim=-1)
        wanted = flows.standard_log_prob(inverse(x)) + torch.linalg.slogdet(J).logabsdet
    torch.set_default_dtype(F32)
    torch.testing.assert_close(found.detach().clone(), wanted, rtol=0, atol=1e-5)


# --- what was found, and is no property of its own -----------------------------------------------


def test_a_coarse_clock_does_not_swallow_steps():
    """Far from t = 0 the rounding of float32 times exceeded the step: half of them were lost."""
    t = torch.tensor([1e6, 1e6 + 1.0])
    for method in ("rk4", "euler"):
        _, stats = odeint(
            lambda t, y: -y, ONES, t, method=method, options={"step_size": 0.01}, return_stats=True
        )
        assert stats.accepted == 100


def test_a_slope_that_only_dense_output_takes_is_looked_at():
    """The midpoint rule never calls func at t = 1; a cubic between the steps does."""
    func = lambda t, y: 1 / (1 - t) + 0 * y  # noqa: E731
    keywords = {"method": "midpoint", "options": {"step_size": 0.25}}
    assert torch.isfinite(odeint(func, ONES, torch.tensor([0.0, 0.5, 1.0]), **keywords)).all()
    with pytest.raises(SolverError, match=r"between the steps, after t = 0\.5.*notebook 21"):
        odeint(func, ONES, torch.tensor([0.0, 0.5, 0.9, 1.0]), **keywords)
    solution = odeint_dense(func, ONES, 0.0, 1.0, **keywords)
    assert torch.isfinite(solution(0.7)).all()
    with pytest.raises(SolverError, match="between the steps"):
        solution(0.9)


@pytest.mark.parametrize("solve", [odeint, odeint_discrete_adjoint])
def test_a_gradient_of_time_that_does_not_exist(solve):
    """It turned the solution into NaN (odeint) or the gradient (adjoints)."""
    t = torch.tensor([0.0, 1.0], dtype=F64, requires_grad=True)
    keywords = {"method": "midpoint", "options": {"step_size": 0.25}}
    keywords |= {} if solve is odeint else {"adjoint_params": ()}
    with pytest.raises(ValueError, match=r"t requires a gradient.*at t = 1 func is NaN or Inf"):
        solve(lambda t, y: 1 / (1 - t) + 0 * y, ONES, t, **keywords).sum().backward()


def test_halves_are_solved_as_well_as_they_can_or_not_at_all():
    """With the default tolerance y' = -y stood still in bfloat16: every step was rounded away."""
    for dtype, rtol in ((torch.float16, 1e-2), (torch.bfloat16, 1e-1)):
        y0, t = torch.ones(2, dtype=dtype), torch.tensor([0.0, 1.0])
        with pytest.raises(ValueError, match=r"below the precision of torch\.b?float16"):
            odeint(lambda t, y: -y, y0, t)
        for keywords in ({"rtol": rtol}, {"method": "rk4", "options": {"step_size": 0.1}}):
            y = odeint(lambda t, y: -y, y0, t, **keywords)
            assert y.dtype is dtype and abs(float(y[-1, 0]) - math.exp(-1)) < 0.02


def test_zero_without_an_absolute_tolerance_is_named():
    with pytest.raises(SolverError, match="atol = 0 asks for an entry of y that is 0 near t = 0"):
        odeint(lambda t, y: -y, torch.tensor([0.0, 1.0]), T, rtol=1e-3, atol=0)


def test_an_overflow_that_func_does_not_see():
    """Adaptive steps divided a finite error by an infinite state, and found it small."""
    with pytest.raises(SolverError, match="grew beyond the range of its dtype") as info:
        t = torch.tensor([0.0, 1.0, 100.0])
        odeint(lambda t, y: 1e36 * torch.tanh(y), torch.full((2,), 3e38), t, rtol=1e-3)
    assert info.value.t == 1 and torch.isfinite(info.value.solution).all()


def test_noise_is_not_taken_for_an_overflow():
    """NaN that does not come again when the solve is repeated to find its time."""
    calls = []

    def func(t, y):
        calls.append(t)
        return y * (NAN if len(calls) == 3 else -1)

    with pytest.raises(SolverError, match="must return the same for the same arguments"):
        odeint(func, ONES, T, method="euler", options={"step_size": 0.1})


@pytest.mark.parametrize("solve", ADJOINTS)
def test_a_tensor_made_before_the_solve_is_named(solve):
    """Autograd would say "backward through the graph a second time"."""
    rate = torch.tensor(0.5, dtype=F64, requires_grad=True)
    outside = torch.exp(rate)
    keywords = {"options": {"step_size": 0.1}} if solve is odeint_reversible else {}
    y = solve(lambda t, y: outside * y, ONES, T, adjoint_params=(rate,), **keywords)
    with pytest.raises(ValueError, match=r"compute it inside func.*notebook 21"):
        y.sum().backward()


def test_a_func_of_which_only_the_way_back_fails():
    for result, error in ((None, TypeError), (ONES[:1], ValueError)):
        broken = False
        func = lambda t, y: result if broken else -y  # noqa: B023, E731
        y = odeint_adjoint(func, ONES.clone().requires_grad_(), T, adjoint_params=())
        broken = True
        with pytest.raises(error, match="func returned at t = 1"):
            y.sum().backward()


def test_differences_leave_their_inputs_as_they_were():
    """Also if the loss fails half-way; and what they cannot change in place is refused."""
    x, calls = ONES.clone(), []

    def failing():
        calls.append(1)
        if len(calls) == 3:
            raise KeyError("loss")
        return x.sum()

    with pytest.raises(KeyError, match="loss"):
        finite_differences(failing, [x])
    assert torch.equal(x, ONES)
    for bad in (torch.ones(2, 3).T, torch.ones(1).expand(3), torch.ones(3).int()):
        with pytest.raises(
            ValueError, match=r"inputs\[1\] must be a contiguous tensor of floating"
        ):
            finite_differences(failing, [x, bad])


def test_sensitivities_refuse_what_they_cannot_differentiate():
    for y0 in ((ONES, ONES), ONES.to(C128)):
        with pytest.raises(TypeError, match="one tensor of real numbers"):
            forward_sensitivities(lambda t, y: -y, y0, T)
    with pytest.raises(ValueError, match="must require a gradient"):
        forward_sensitivities(lambda t, y: -y, ONES, T, [ONES])
    with pytest.raises(TypeError, match=r"called as func\(t, y\), time first"):
        forward_sensitivities(lambda y: -y, ONES, T)


def test_traces_see_derivatives_in_inference_mode():
    """They were zero there, and log p was that of a flow which keeps volumes."""
    x = normal(0, 5, 2)
    for trace in (flows.AutogradTrace(), flows.HutchinsonTrace()):
        with torch.inference_mode():
            trace.start(x)
            found = trace(lambda t, x: 3 * x, 0.0, x, True)
        torch.testing.assert_close(found.trace.clone(), torch.full((5,), 6.0, dtype=F64))
        assert (found.jacobian == 18).all()


def test_gradients_of_torch_func_pass_through_fixed_steps():
    """Their tensors have no memory to look at."""
    end = lambda y: odeint(  # noqa: E731
        lambda t, y: -y, y, T, method="rk4", options={"step_size": 0.1}
    )[-1].sum()
    close(torch.func.grad(end)(ONES), torch.exp(torch.tensor(-1.0)) * ONES, 1e-5)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((torch.ones(3, 2), 0.1, torch.zeros(4, 5)), "x0 must be one number, or one for each"),
        ((1.0, 0.1, torch.zeros(4, 5, dtype=torch.int64)), "floating-point numbers"),
        ((1.0, -0.1, torch.zeros(4, 5)), "need h > 0"),
        ((1.0, NAN, torch.zeros(4, 5)), "need h > 0"),
    ],
)
def test_stochastic_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        beyond.sdeint(torch.zeros_like, torch.ones_like, *arguments)


def test_a_drift_of_another_shape():
    """[5, 1] would be broadcast to [5, 5]."""
    with pytest.raises(ValueError, match="f and g must return the shape of x"):
        beyond.sdeint(lambda x: x[:, None], torch.ones_like, 1.0, 0.1, torch.zeros(4, 5))


@pytest.mark.parametrize("T_end", [0.0, -1.0, NAN, INF])
def test_a_flow_needs_an_end(T_end):
    with pytest.raises(ValueError, match="T must be positive and finite"):
        flows.ContinuousFlow(lambda t, x: x, T=T_end)
