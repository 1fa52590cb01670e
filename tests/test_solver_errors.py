"""Each way in which a solve can fail: the type of the error, its words, and what it carries."""

import warnings

import pytest
import torch

from course_lib.solvers import METHODS, SolverError, errors, odeint, odeint_dense

F64 = torch.float64
Y0 = torch.tensor([1.0, 0.5], dtype=F64)
T = torch.linspace(0, 1, 5, dtype=F64)
NAN, INF = float("nan"), float("inf")


def decay(t, y):
    return -y


# --- arguments: func ---------------------------------------------------------------------------


class Net(torch.nn.Module):
    """A module that is a proper right-hand side."""

    def forward(self, t, y):
        return -y


class TimelessNet(torch.nn.Module):
    """The commonest mistake: forward without t."""

    def forward(self, x):
        return -x


def test_a_class_instead_of_an_instance():
    with pytest.raises(TypeError, match=r"class Net.*forget the parentheses\? Pass Net\(\.\.\.\)"):
        odeint(Net, Y0, T)


@pytest.mark.parametrize("func", [None, 3.0, Y0])
def test_func_is_not_callable(func):
    with pytest.raises(TypeError, match=r"func must be callable as func\(t, y\), got"):
        odeint(func, Y0, T)


@pytest.mark.parametrize("func", [lambda x: -x, TimelessNet(), lambda: None])
@pytest.mark.parametrize("y0", [Y0, (Y0, Y0)])
def test_func_does_not_take_t_and_y(func, y0):
    """The explanation comes with the original error as its cause."""
    with pytest.raises(TypeError, match=r"called as func\(t, y\), time first.*lambda t, y") as info:
        odeint(func, y0, T)
    assert isinstance(info.value.__cause__, TypeError)
    assert "positional argument" in str(info.value.__cause__)


def test_other_errors_of_func_are_its_own():
    """A TypeError from inside a func with the right signature is handed on unchanged."""

    def broken(t, y):
        return y + "one"

    with pytest.raises(TypeError, match=r"unsupported operand|must be Tensor") as info:
        odeint(broken, Y0, T)
    assert "time first" not in str(info.value)

    def missing(t, y):
        raise KeyError("rate")

    with pytest.raises(KeyError, match="rate"):
        odeint(missing, Y0, T)


@pytest.mark.parametrize("method", METHODS)
def test_func_returns_another_shape(method):
    with pytest.raises(
        ValueError,
        match=r"func returned at t = [\d.]+ shape \(1,\).*state has shape \(2,\).*broadcast",
    ):
        odeint(lambda t, y: -y[:1], Y0, T, method=method, options={"step_size": 0.5})


def test_func_returns_another_shape_later_on():
    """Not only the first call is looked at."""
    func = lambda t, y: -y if t < 0.5 else -y.sum()  # noqa: E731
    with pytest.raises(ValueError, match=r"at t = 0\.5 shape \(\)"):
        odeint(func, Y0, T, method="euler", options={"step_size": 0.25})


def test_func_returns_another_dtype():
    with pytest.raises(TypeError, match=r"torch.float32 on cpu, but the state is torch.float64"):
        odeint(lambda t, y: -y.float(), Y0, T)


def test_func_returns_another_device():
    with pytest.raises(TypeError, match=r"on meta, but the state is torch.float64 on cpu"):
        odeint(lambda t, y: torch.empty(2, dtype=F64, device="meta"), Y0, T)


@pytest.mark.parametrize("result", [None, 1.0, [1.0, 2.0], Y0.numpy()])
def test_func_returns_no_tensor(result):
    with pytest.raises(TypeError, match=r"not a tensor.*return statement missing"):
        odeint(lambda t, y: result, Y0, T)


def test_func_of_a_tuple_returns_something_else():
    y0 = (Y0, Y0[:1])
    with pytest.raises(TypeError, match=r"a Tensor, but y is a tuple: return a tuple"):
        odeint(lambda t, y: y[0], y0, T)
    with pytest.raises(ValueError, match=r"shapes \[\(2,\)\], but the parts of y have shapes"):
        odeint(lambda t, y: (y[0],), y0, T)
    with pytest.raises(ValueError, match=r"shapes \[\(1,\), \(2,\)\]"):
        odeint(lambda t, y: (y[1], y[0]), y0, T)


# --- arguments: y0 -----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_y0_is_not_finite(bad):
    for y0 in (torch.tensor([1.0, bad]), (torch.ones(1), torch.tensor([bad]))):
        with pytest.raises(ValueError, match=r"y0(\[1\])? contains NaN or Inf"):
            odeint(decay, y0, T)


def test_y0_may_be_huge():
    """A norm that overflows is not an entry that is infinite."""
    y = odeint(lambda t, y: torch.zeros_like(y), torch.full((3,), 3e38), T)
    assert torch.isfinite(y).all()


def test_y0_of_integers():
    with pytest.raises(TypeError, match=r"y0 has dtype torch.int64.*decimal point"):
        odeint(decay, torch.tensor([1, 2]), T)
    with pytest.raises(TypeError, match=r"y0\[1\] has dtype torch.int64"):
        odeint(decay, (Y0, torch.tensor([1])), T)


@pytest.mark.parametrize("y0", [1.0, [1.0, 2.0], Y0.numpy()])
def test_y0_is_no_tensor(y0):
    with pytest.raises(TypeError, match=r"y0 must be a tensor or a tuple of tensors"):
        odeint(decay, y0, T)


def test_tuples_that_are_no_state():
    with pytest.raises(ValueError, match="empty tuple"):
        odeint(decay, (), T)
    with pytest.raises(TypeError, match=r"differ in dtype, \['torch.float32', 'torch.float64'\]"):
        odeint(decay, (Y0, Y0.float()), T)


def test_leapfrog_needs_a_pair():
    settings = {"method": "leapfrog", "options": {"step_size": 0.1}}
    with pytest.raises(ValueError, match=r"leapfrog needs y0 = \(q, p\).*\[\(2,\), \(1,\)\]"):
        odeint(decay, (Y0, Y0[:1]), T, **settings)
    with pytest.raises(ValueError, match=r"leapfrog needs y0 = \(q, p\)"):
        odeint(decay, (Y0, Y0, Y0), T, **settings)
    for y0 in (torch.ones(3), torch.ones(2, 5), torch.tensor(1.0)):
        with pytest.raises(ValueError, match=r"halves of its last axis.*must be even"):
            odeint(decay, y0, T, **settings)


# --- arguments: t ------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [[0.0, 0.5, 0.5, 1.0], [0.0, 1.0, 0.5], [1.0, 0.0, 0.5], [0.0, 0.0]])
@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_t_is_not_monotone(t, method):
    with pytest.raises(ValueError, match=r"strictly increasing or strictly decreasing.*t\[\d\]"):
        odeint(decay, Y0, torch.tensor(t), method=method)


def test_the_message_names_the_pair_of_times():
    with pytest.raises(ValueError, match=r"t\[1\] = 1 is followed by t\[2\] = 0.5"):
        odeint(decay, Y0, torch.tensor([0.0, 1.0, 0.5, 2.0]))


@pytest.mark.parametrize("t", [torch.zeros(0), torch.zeros(2, 2), torch.tensor(1.0)])
def test_t_is_empty_or_not_one_dimensional(t):
    with pytest.raises(ValueError, match=r"t must be 1-D and hold at least one time, got shape"):
        odeint(decay, Y0, t)


@pytest.mark.parametrize("bad", [NAN, INF])
def test_t_is_not_finite(bad):
    with pytest.raises(ValueError, match=r"t\[1\] is (nan|inf): all times must be finite"):
        odeint(decay, Y0, torch.tensor([0.0, bad, 1.0]))


@pytest.mark.parametrize("t", [[0.0, 1.0], T.numpy(), torch.tensor([0, 1])])
def test_t_is_no_floating_point_tensor(t):
    with pytest.raises(TypeError, match=r"1-D tensor of floating-point times.*linspace"):
        odeint(decay, Y0, t)


# --- arguments: method, tolerances, options ----------------------------------------------------


@pytest.mark.parametrize("method", ["RK45", "dopri8", 4])
def test_unknown_method(method):
    with pytest.raises(ValueError, match=r"is not known: choose one of \['dopri5', 'euler'"):
        odeint(decay, Y0, T, method=method)


@pytest.mark.parametrize("bad", [-1e-3, NAN, INF])
@pytest.mark.parametrize("name", ["rtol", "atol"])
def test_useless_tolerances(name, bad):
    with pytest.raises(ValueError, match=rf"{name} must be a number ≥ 0"):
        odeint(decay, Y0, T, **{name: bad})
    with pytest.raises(TypeError, match=rf"{name} must be one number for the whole state"):
        odeint(decay, Y0, T, **{name: torch.ones(2)})


def test_no_tolerance_at_all():
    with pytest.raises(ValueError, match="both 0"):
        odeint(decay, Y0, T, rtol=0, atol=0)


def test_unknown_options_name_the_known_ones():
    with pytest.raises(
        ValueError, match=r"unknown option 'stepsize'.*'rk4'.*\['max_num_steps', 'st"
    ):
        odeint(decay, Y0, T, method="rk4", options={"stepsize": 0.1})
    with pytest.raises(ValueError, match=r"unknown option 'first_step' for method 'euler'"):
        odeint(decay, Y0, T, method="euler", options={"first_step": 0.1})
    with pytest.raises(ValueError, match=r"'grid_points', 'norm'.*'first_step'"):
        odeint(decay, Y0, T, options={"norm": None, "grid_points": T})


@pytest.mark.parametrize("bad", [0, -0.1, NAN, INF, "small"])
@pytest.mark.parametrize("name", ["step_size", "max_num_steps", "first_step", "safety"])
def test_useless_options(name, bad):
    with pytest.raises(ValueError, match=rf"option '{name}' must be a positive number"):
        odeint(decay, Y0, T, options={name: bad})


def test_options_that_contradict_each_other():
    with pytest.raises(ValueError, match=r"'step_size' fixes the steps, so \['safety'\]"):
        odeint(decay, Y0, T, options={"step_size": 0.1, "safety": 0.8})
    with pytest.raises(ValueError, match="min_factor < 1 < max_factor"):
        odeint(decay, Y0, T, options={"min_factor": 1.5})
    with pytest.raises(ValueError, match="'safety' must not exceed 1"):
        odeint(decay, Y0, T, options={"safety": 1.5})


def test_more_fixed_steps_than_allowed():
    """Refused before the first of them, since their number is known."""
    with pytest.raises(ValueError, match=r"needs 1000 steps.*more than max_num_steps = 999"):
        odeint(decay, Y0, T, method="euler", options={"step_size": 0.001, "max_num_steps": 999})


def test_the_options_of_the_caller_are_not_changed():
    options = {"step_size": torch.tensor(0.5)}
    odeint(decay, Y0, T, method="rk4", options=options)
    assert isinstance(options["step_size"], torch.Tensor) and len(options) == 1


def test_dense_output_needs_a_step_size_and_distinct_times():
    with pytest.raises(ValueError, match=r"no output times to step to.*'rk4'.*step_size"):
        odeint_dense(decay, Y0, 0.0, 1.0, method="rk4")
    with pytest.raises(ValueError, match="strictly increasing or strictly decreasing"):
        odeint_dense(decay, Y0, 1.0, 1.0)
    solution = odeint_dense(decay, Y0, 0.0, 1.0)
    for t in (torch.zeros(2, 2), torch.zeros(0)):
        with pytest.raises(ValueError, match=r"a number or a 1-D tensor.*reshape"):
            solution(t)
    for t in (None, "noon", [0.0, None], 1j, torch.tensor(1j), T.to("meta"), 10**400):
        with pytest.raises(TypeError, match=r"a number or a 1-D tensor of times.*linspace"):
            solution(t)
    with pytest.raises(ValueError, match="t has other times"):
        solution(NAN)


# --- said once ---------------------------------------------------------------------------------


def test_the_output_grid_is_announced_once_for_each_method(monkeypatch):
    monkeypatch.setattr(errors, "_warned", set())
    with pytest.warns(
        UserWarning, match=r"'rk4' takes one step between output.*'step_size': h"
    ) as w:
        odeint(decay, Y0, T, method="rk4")
    assert w[0].filename == __file__, "the warning must point at the caller"
    with pytest.warns(UserWarning, match="'euler'"):
        odeint(decay, Y0, T, method="euler")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        odeint(decay, Y0, T, method="rk4")
        odeint(decay, Y0, T, method="euler")


def test_nothing_is_announced_where_there_is_nothing_to_say(monkeypatch):
    monkeypatch.setattr(errors, "_warned", set())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        odeint(decay, Y0, T)
        odeint(decay, Y0, T, method="rk4", options={"step_size": 0.1})
        odeint(decay, Y0, T[:1], method="rk4")


# --- during a solve ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", [name for name in METHODS if name != "leapfrog"])
@pytest.mark.parametrize("bad", [NAN, INF])
@pytest.mark.parametrize("tuple_state", [False, True])
def test_func_turns_non_finite(method, bad, tuple_state):
    """The message names the time, and the solution up to it is the one that was right."""

    def part(t, y):
        return -y * (bad if t > 0.61 else 1)

    options = None if method == "dopri5" else {"step_size": 0.125}
    call = (lambda t, y: (part(t, y[0]), part(t, y[1]))) if tuple_state else part
    y0 = (Y0, Y0[:1]) if tuple_state else Y0
    with pytest.raises(SolverError, match=r"NaN or Inf") as info:
        odeint(call, y0, T, method=method, options=options, rtol=1e-6, atol=1e-6)
    error = info.value
    assert "t = 0.6" in str(error)
    assert 0.5 <= error.t <= 0.625  # Euler and midpoint meet it one call after that step
    assert error.times.tolist() == sorted({0.0, 0.25, 0.5, error.t})
    states = error.solution[0] if tuple_state else error.solution
    assert len(states) == len(error.times)
    exact = torch.exp(-error.times)[:, None] * Y0
    order = METHODS[method].order
    assert float((states - exact).abs().max()) < {1: 0.06, 2: 3e-3, 4: 1e-5, 5: 1e-5}[order]


def test_func_is_non_finite_at_the_start():
    for method in ("dopri5", "rk4"):
        with pytest.raises(SolverError, match=r"NaN or Inf at t = 0[,.]") as info:
            odeint(lambda t, y: y / t, Y0, T, method=method, options={"step_size": 0.1})
        assert info.value.t == 0.0 and torch.equal(info.value.solution, Y0[None])
    with pytest.raises(SolverError, match=r"NaN or Inf at t = 0[,.]"):
        odeint(lambda t, y: y / t, Y0, T)


def test_leapfrog_turns_non_finite():
    func = lambda t, y: (y[1], -y[0] * (NAN if t > 0.61 else 1))  # noqa: E731
    with pytest.raises(SolverError, match=r"NaN or Inf at t = 0.65,") as info:
        odeint(func, (Y0, Y0), T, method="leapfrog", options={"step_size": 0.1})
    assert info.value.t == pytest.approx(0.6)


def test_an_unstable_method_overflows():
    t = torch.tensor([0.0, 100.0], dtype=F64)
    with pytest.raises(SolverError, match=r"largest \|y\| is .*e\+.*smaller step_size") as info:
        odeint(lambda t, y: -100 * y, Y0, t, method="euler", options={"step_size": 0.1})
    assert torch.isfinite(info.value.solution).all()


def test_the_state_overflows_while_func_is_finite():
    settings = {"method": "euler", "options": {"step_size": 0.25}}
    y0 = torch.full((2,), 3e38)
    with pytest.raises(SolverError, match=r"step to t = 0.5, although func was finite") as info:
        odeint(lambda t, y: torch.full_like(y, 1e38), y0, T.float(), **settings)
    assert info.value.t == 0.25


@pytest.mark.parametrize("t_end", [2.0, -2.0])
def test_a_solution_that_blows_up(t_end):
    """y' = ±y² reaches infinity at |t| = 1: the error says when, and carries the rise to there."""
    sign = 1 if t_end > 0 else -1
    t = torch.linspace(0, t_end, 21, dtype=F64)
    with pytest.raises(SolverError, match=r"step size fell|NaN or Inf") as info:
        odeint(lambda t, y: sign * y**2, torch.ones(1, dtype=F64), t)
    error = info.value
    assert abs(error.t) == pytest.approx(1.0, abs=1e-6)
    assert len(error.times) == len(error.solution) >= 11
    exact = 1 / (1 - error.times[:9].abs())
    torch.testing.assert_close(error.solution[:9, 0], exact, rtol=1e-5, atol=0)


def test_a_stiff_problem_underflows():
    """A rate of 10²⁰ cannot be followed with steps that change t at all."""
    with pytest.raises(SolverError, match=r"step size fell to .* at t = .*stiff.*implicit_euler"):
        odeint(lambda t, y: -1e20 * (y - torch.cos(t)), Y0, T + 1)


def test_a_jump_at_no_time_underflows_with_its_time():
    """A derivative that is noise at every scale never meets a tolerance."""
    generator = torch.Generator().manual_seed(0)
    func = lambda t, y: 1e12 * torch.randn(2, generator=generator, dtype=F64)  # noqa: E731
    with pytest.raises(SolverError, match=r"step size fell to .* at t = "):
        odeint(func, Y0, T + 1, rtol=1e-10, atol=1e-10)


def test_too_many_steps():
    t = torch.linspace(0, 10, 11, dtype=F64)
    with pytest.raises(SolverError, match=r"50 steps did not reach t = 10.*stands at t = ") as info:
        odeint(lambda t, y: -1000 * y, Y0, t, options={"max_num_steps": 50})
    error = info.value
    assert 0 < error.t < 10
    assert f"{error.t:g}" in str(error) and error.times[-1] == error.t
    assert torch.isfinite(error.solution).all()


def test_newton_does_not_converge():
    """y = y0 + h (y² + 1) has no real root for this h: there is nothing to converge to."""
    with pytest.raises(
        SolverError, match=r"Newton.*from t = 0 to t = 1:.*smaller step_size"
    ) as info:
        odeint(lambda t, y: y**2 + 1, Y0, T, method="implicit_euler", options={"step_size": 1.0})
    assert info.value.t == 0.0


def test_dense_output_fails_with_the_steps_so_far():
    with pytest.raises(SolverError) as info:
        odeint_dense(lambda t, y: y**2, torch.ones(1, dtype=F64), 0.0, 2.0)
    error = info.value
    assert len(error.times) == len(error.solution) > 10
    torch.testing.assert_close(error.solution[:9, 0], 1 / (1 - error.times[:9]))


def test_a_partial_solution_has_no_graph():
    y0 = torch.ones(1, dtype=F64, requires_grad=True)
    with pytest.raises(SolverError) as info:
        odeint(lambda t, y: y**2, y0, torch.tensor([0.0, 2.0]))
    assert not info.value.solution.requires_grad
