"""The traps of notebook 21, each sprung in torchdiffeq and in course_lib, and mended in both.

A test that fails because torchdiffeq has changed for the better is good news: its message names
the section of the notebook to be rewritten.
"""

import inspect
import math
import warnings

import pytest
import torch
import torchdiffeq

from course_lib.exercises.nb21 import fixed_noise, tolerance_exponent
from course_lib.gradients import odeint_adjoint, odeint_discrete_adjoint
from course_lib.metrics import observed_order
from course_lib.solvers import SolverError, errors, odeint

pytestmark = pytest.mark.usefixtures("float64")

F64 = torch.float64
SOLVERS = {"torchdiffeq": torchdiffeq.odeint, "course_lib": odeint}
ADJOINTS = {"torchdiffeq": torchdiffeq.odeint_adjoint, "course_lib": odeint_adjoint}
both = pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)
both_adjoints = pytest.mark.parametrize("solve", ADJOINTS.values(), ids=ADJOINTS)


def changed(section: int) -> str:
    return f"torchdiffeq is no longer as notebook 21, §{section} says: rewrite that section"


class Counted:
    """A right-hand side that remembers when it was asked."""

    def __init__(self, func):
        self.func, self.times = func, []

    def __call__(self, t, y):
        self.times.append(float(t))
        return self.func(t, y)


def nfe(solve, func, y0, t, tol, **keywords):
    counted = Counted(func)
    solve(counted, torch.tensor(y0), torch.tensor(t), rtol=tol, atol=tol, **keywords)
    return len(counted.times)


def ones(n=1):
    return torch.ones(n)


def unit():
    return torch.tensor([0.0, 1.0])


def two():
    return torch.tensor([0.0, 2.0])


def swing(t, y):
    return torch.stack([y[1], -y[0]])


def stiff(t, y):
    return -300 * (y - torch.cos(t))


# --- 1 underflow ---------------------------------------------------------------------------------


def test_1_two_causes_share_one_message_in_torchdiffeq():
    tank, blow_up = (lambda t, y: -y.sqrt()), (lambda t, y: y**2)
    for func in (tank, blow_up):
        with pytest.raises(AssertionError, match="underflow in dt"):
            torchdiffeq.odeint(func, ones(), torch.tensor([0.0, 3.0]))
    y = torchdiffeq.odeint(tank, ones(), torch.tensor([0.0, 3.0]), method="rk4")
    assert torch.isnan(y[-1]), changed(1)


def test_1_stiffness_and_a_fine_tolerance_crawl():
    """They reach the limit of steps, not the underflow, short of λ = 10¹⁶."""
    t, crawl = torch.tensor([1.0, 2.0]), {"max_num_steps": 300}
    hard = lambda lam: lambda t, y: -lam * (y - torch.cos(t))  # noqa: E731
    with pytest.raises(AssertionError, match="max_num_steps"):
        torchdiffeq.odeint(hard(1e14), 2 * ones(), t, options=crawl)
    with pytest.raises(AssertionError, match="underflow in dt"):
        torchdiffeq.odeint(hard(1e17), 2 * ones(), t, options=crawl)
    y0, fine = torch.tensor([0.0, 1.0]).float(), {"rtol": 1e-18, "atol": 1e-18}
    for solve, kind in ((torchdiffeq.odeint, AssertionError), (odeint, SolverError)):
        with pytest.raises(kind, match="max_num_steps"):
            solve(swing, y0, two().float(), options=crawl, **fine)


def test_1_course_lib_tells_them_apart_and_mends():
    t = torch.tensor([0.0, 3.0])
    with pytest.raises(SolverError, match=r"NaN or Inf at t = 2\.0.*§1 and §8\)") as info:
        odeint(lambda t, y: -y.sqrt(), ones(), t)
    assert info.value.t == pytest.approx(2.0, abs=1e-3)
    with pytest.raises(SolverError, match=r"step size fell.*§1 and §10\)") as info:
        odeint(lambda t, y: y**2, ones(), t)
    assert info.value.solution[-1].item() > 1e6, "the last good state of a blow-up is large"
    for solve in SOLVERS.values():
        y = solve(lambda t, y: -y.clamp(min=0).sqrt(), ones(), t)
        assert abs(y[-1].item()) < 1e-6


def test_1_min_step_silences():
    settings = {"rtol": 1e-6, "options": {"min_step": 0.02}}
    y = torchdiffeq.odeint(stiff, ones(), two(), **settings)
    assert abs(y[-1].item()) > 1e6, changed(1)
    with pytest.raises(ValueError, match="unknown option 'min_step'"):
        odeint(stiff, ones(), two(), **settings)


# --- 2 one step ----------------------------------------------------------------------------------


def test_2_one_step_for_the_whole_interval(monkeypatch):
    monkeypatch.setattr(errors, "_warned", set())
    growth = lambda t, y: y  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = torchdiffeq.odeint(growth, ones(), unit(), method="euler")
    assert y[-1].item() == 2.0, changed(2)
    with pytest.warns(UserWarning, match=r"one step between output times.*§2\)"):
        y = odeint(growth, ones(), unit(), method="euler")
    assert y[-1].item() == 2.0
    for solve in SOLVERS.values():
        y = solve(growth, ones(), unit(), method="euler", options={"step_size": 1e-3})
        assert y[-1].item() == pytest.approx(math.e, rel=1e-3)


# --- 3 straight lines ----------------------------------------------------------------------------


def test_3_order_of_rk4_between_its_steps():
    t, steps = torch.linspace(0, 10, 401), [0.5, 0.25, 0.125]

    def order(solve, **options):
        start = torch.tensor([0.0, 1.0])
        found = [
            solve(swing, start, t, method="rk4", options={"step_size": h, **options}) for h in steps
        ]
        return observed_order([(y[:, 0] - t.sin()).abs().max().item() for y in found], steps)

    assert order(torchdiffeq.odeint) == pytest.approx(2, abs=0.2), changed(3)
    assert order(torchdiffeq.odeint, interp="cubic") == pytest.approx(4, abs=0.3)
    assert order(odeint) == pytest.approx(4, abs=0.3)


# --- 4 another gradient --------------------------------------------------------------------------


@pytest.mark.parametrize("theta", [0.5, 1.0, 1.5, 2.0])
def test_4_adjoint_of_one_euler_step(theta):
    """Off by the factor 1 − hθ, so that beyond hθ = 1 the sign is wrong."""

    def gradient(solve, **keywords):
        rate = torch.tensor(theta, requires_grad=True)
        step = {"method": "euler", "options": {"step_size": 1.0}}
        keywords = keywords or {"adjoint_params": (rate,)}
        y = solve(lambda t, y: -rate * y, ones(), unit(), **step, **keywords)
        return torch.autograd.grad(y[-1].sum(), rate)[0].item()

    for solve in ADJOINTS.values():
        assert gradient(solve) == pytest.approx(-(1 - theta), abs=1e-12), changed(4)
    assert gradient(odeint_discrete_adjoint) == pytest.approx(-1.0)
    for solve in SOLVERS.values():
        assert gradient(solve, rtol=1e-7) == pytest.approx(-1.0)


# --- 5 no way back -------------------------------------------------------------------------------


def error_of_filling(solve, lam, outputs=2):
    """Relative error of d/dθ ∫ θ x dt, x' = −λ(x − 1)."""
    theta = torch.tensor(1.0, requires_grad=True)
    y = solve(
        lambda t, y: torch.stack([-lam * (y[0] - 1), theta * y[0]]),
        torch.tensor([2.0, 0.0]),
        torch.linspace(0, 1, outputs),
        **({} if solve in SOLVERS.values() else {"adjoint_params": (theta,)}),
    )
    (gradient,) = torch.autograd.grad(y[-1, 1], theta)
    return abs(gradient.item() / (1 + (1 - math.exp(-lam)) / lam) - 1)


@both_adjoints
def test_5_the_way_back_fails_and_output_times_mend_it(solve):
    assert error_of_filling(solve, 5.0) < 1e-5
    assert error_of_filling(solve, 25.0) > 1, changed(5)
    assert error_of_filling(solve, 25.0, outputs=11) < 1e-5


@pytest.mark.parametrize("solve", [*SOLVERS.values(), odeint_discrete_adjoint])
def test_5_what_has_no_way_back_is_right(solve):
    assert error_of_filling(solve, 25.0) < 1e-6


@both
def test_5_the_test_is_one_solve_back(solve):
    relax = lambda t, x: -20 * (x - 1)  # noqa: E731
    end = solve(relax, torch.tensor([2.0]), unit())[-1]
    assert abs(end.item() - 1) < 1e-7
    assert abs(solve(relax, end, unit().flip(0))[-1].item() - 2) > 1


# --- 6, 7 evaluations and noise ------------------------------------------------------------------


@both
def test_6_accuracy_and_stability_have_their_exponents(solve):
    def exponent(func, y0, loose, tight):
        counts = [nfe(solve, func, y0, [0.0, 2.0], tol) for tol in (loose, tight)]
        return tolerance_exponent(*counts, loose, tight)

    assert exponent(lambda t, y: 30 * swing(t, y), [0.0, 1.0], 1e-3, 1e-6) == pytest.approx(
        0.2, abs=0.03
    )
    assert abs(exponent(stiff, [1.0], 1e-2, 1e-4)) < 0.06


def test_6_when_they_give_up():
    solver = inspect.signature(torchdiffeq._impl.dopri5.Dopri5Solver.__init__)
    default = solver.parameters["max_num_steps"].default
    assert default >= 2**31 - 1, changed(6)
    with pytest.raises(SolverError, match=r"50 steps did not reach t = 2.*§6, §7 and §10\)"):
        odeint(stiff, ones(), two(), options={"max_num_steps": 50})


def test_6_nothing_is_backpropagated_through_scipy():
    rate = torch.tensor(300.0, requires_grad=True)
    with warnings.catch_warnings(action="ignore"):
        y = torchdiffeq.odeint(
            lambda t, y: -rate * (y - torch.cos(t)), ones(), two(),
            method="scipy_solver", options={"solver": "Radau"},
        )  # fmt: skip
    assert not y.requires_grad, changed(6)


def test_6_an_implicit_method_mends_stiffness():
    y = odeint(stiff, ones(), two(), method="implicit_euler", options={"step_size": 0.1})
    slow = (9e4 * math.cos(2) + 300 * math.sin(2)) / (9e4 + 1)
    assert y[-1].item() == pytest.approx(slow, abs=1e-3)


@both
def test_7_noise_at_every_call_and_once_a_solve(solve):
    generator = torch.Generator().manual_seed(5)

    def noisy(t, y, noise):
        return -y + 0.1 * noise

    def draw(y):
        return torch.randn(y.shape, generator=generator)

    anew = lambda t, y: noisy(t, y, draw(y))  # noqa: E731
    counts = [nfe(solve, anew, [1.0, 1.0, 1.0], [0.0, 1.0], tol) for tol in (1e-4, 1e-5)]
    assert tolerance_exponent(*counts, 1e-4, 1e-5) == pytest.approx(1, abs=0.2), changed(7)
    counts = [
        nfe(solve, fixed_noise(noisy, draw), [1.0, 1.0, 1.0], [0.0, 1.0], tol)
        for tol in (1e-4, 1e-7)
    ]
    assert tolerance_exponent(*counts, 1e-4, 1e-7) < 0.25


# --- 8 beyond the end ----------------------------------------------------------------------------


def test_8_beyond_the_last_time():
    loose = {"rtol": 1e-3, "atol": 1e-3}

    def latest(solve, **keywords):
        decay = Counted(lambda t, y: -y)
        solve(decay, ones(), unit(), **loose, **keywords)
        return max(decay.times)

    assert latest(torchdiffeq.odeint) > 1.1, changed(8)
    assert latest(torchdiffeq.odeint, options={"step_t": unit()[1:]}) <= 1
    assert latest(odeint) == 1

    root = lambda t, y: (1 - t).sqrt() + 0 * y  # noqa: E731
    with pytest.raises(AssertionError, match="underflow in dt"):
        torchdiffeq.odeint(root, torch.zeros(1), unit())
    settings = {"rtol": 1e-5, "atol": 1e-5}
    mended = torchdiffeq.odeint(
        root, torch.zeros(1), unit(), options={"step_t": unit()[1:]}, **settings
    )
    for y in (mended, odeint(root, torch.zeros(1), unit(), **settings)):
        assert y[-1].item() == pytest.approx(2 / 3, abs=1e-3)


# --- 9 a hard sample -----------------------------------------------------------------------------


def error_of_first(solve, n, tol=1e-5, **keywords):
    speed, y0 = torch.ones(n, 1), torch.tensor([[0.0, 1.0]]).repeat(n, 1)
    speed[0] = 20
    func = lambda t, y: speed * torch.stack([y[:, 1], -y[:, 0]], 1)  # noqa: E731
    y = solve(func, y0, two(), rtol=tol, atol=tol, **keywords)[-1, 0]
    return (y - torch.tensor([math.sin(40), math.cos(40)])).norm().item()


@both
def test_9_the_error_grows_like_the_root_of_the_batch(solve):
    sizes = [1, 10, 100, 1000]
    found = observed_order([error_of_first(solve, n) for n in sizes], sizes)
    assert found == pytest.approx(0.5, abs=0.1), changed(9)


def test_9_a_norm_or_a_tolerance_mends_it():
    largest = {"norm": lambda error: error.abs().max()}
    alone = error_of_first(torchdiffeq.odeint, 1, options=largest)
    many = error_of_first(torchdiffeq.odeint, 1000, options=largest)
    assert many == pytest.approx(alone, rel=1e-3)
    many = error_of_first(odeint, 1000, 1e-5 / 1000**0.5)
    assert many == pytest.approx(error_of_first(odeint, 1), rel=1e-2)


# --- 10 digits -----------------------------------------------------------------------------------


@both
def test_10_float32_at_tight_tolerances(solve):
    def run(tol, dtype):
        counted, t = Counted(swing), torch.tensor([0.0, 3.0], dtype=dtype)
        y = solve(counted, torch.tensor([0.0, 1.0], dtype=dtype), t, rtol=tol, atol=tol)[-1]
        truth = torch.tensor([math.sin(3), math.cos(3)])
        return len(counted.times), (y.double() - truth).norm().item()

    (n9, e9), (n11, e11) = run(1e-9, torch.float32), run(1e-11, torch.float32)
    assert tolerance_exponent(n9, n11, 1e-9, 1e-11) > 0.4, changed(10)
    assert e11 > 0.5 * e9 and e11 > 1e-8, "a hundredth of the tolerance gains nothing"
    (m9, f9), (m11, f11) = run(1e-9, F64), run(1e-11, F64)
    assert tolerance_exponent(m9, m11, 1e-9, 1e-11) == pytest.approx(0.2, abs=0.03)
    assert f11 < f9 / 30


# --- 11 memory -----------------------------------------------------------------------------------


@both_adjoints
def test_11_an_adjoint_stores_its_outputs(solve):
    def kept(outputs, h):
        rate, found = torch.ones(64, requires_grad=True), {}

        def pack(x):
            found[x.data_ptr()] = x.nbytes
            return x

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            solve(
                lambda t, y: (rate * y).tanh(),
                torch.ones(16, 64),
                torch.linspace(0, 1, outputs),
                adjoint_params=(rate,),
                method="rk4",
                options={"step_size": h},
            )
        return sum(found.values())

    state = 16 * 64 * 8
    assert kept(2, 0.1) == kept(2, 0.01), "steps cost no memory"
    assert kept(101, 0.01) - kept(2, 0.01) == pytest.approx(99 * state, rel=0.01), changed(11)


# --- 12 time gradients ---------------------------------------------------------------------------


def time_gradient(solve, rate=lambda t: 1 + t, **keywords):
    t = torch.tensor([0.2, 0.9, 1.5], requires_grad=True)
    y = solve(lambda t, y: -rate(t) * y, torch.tensor([2.0]), t, **keywords)
    return torch.autograd.grad(y[1].square().sum() + y[2].sum(), t)[0]


def by_differences():
    def loss(t):
        y = odeint(lambda t, y: -(1 + t) * y, torch.tensor([2.0]), t, rtol=1e-11, atol=1e-12)
        return (y[1].square() + y[2]).item()

    t, e = torch.tensor([0.2, 0.9, 1.5]), 1e-5
    return torch.tensor([(loss(t + e * i) - loss(t - e * i)) / (2 * e) for i in torch.eye(3)])


@pytest.mark.parametrize("name", ["torchdiffeq", "course_lib"])
def test_12_signs_of_time_gradients(name):
    expected = by_differences()
    assert (expected.sign() == torch.tensor([1.0, -1.0, -1.0])).all()
    for gradient in (
        time_gradient(SOLVERS[name]),
        time_gradient(ADJOINTS[name], adjoint_params=()),
    ):
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5)
    assert time_gradient(SOLVERS[name], lambda t: 1.0).sum().abs() < 1e-5


def test_12_fixed_steps_differentiate_the_chord_in_torchdiffeq():
    fixed, expected = {"method": "rk4", "options": {"step_size": 0.06}}, by_differences()
    off = {n: (time_gradient(s, **fixed) / expected - 1).abs().max() for n, s in SOLVERS.items()}
    assert off["torchdiffeq"] > 0.005, changed(12)
    assert off["course_lib"] < 1e-4


# --- 13 arguments --------------------------------------------------------------------------------

COMPUTED = {
    "broadcast": (lambda t, y: -y[:1], {"method": "rk4"}),
    "float32": (lambda t, y: -y.float(), {}),
    "misspelt": (lambda t, y: -y, {"method": "rk4", "options": {"stepsize": 0.1}}),
}


@pytest.mark.parametrize("case", COMPUTED)
def test_13_torchdiffeq_computes_what_course_lib_refuses(case):
    func, keywords = COMPUTED[case]
    y0, t = torch.tensor([1.0, 0.5]), torch.linspace(0, 1, 5)
    with warnings.catch_warnings(action="ignore"):
        y = torchdiffeq.odeint(func, y0, t, **keywords)[-1]
    if case == "broadcast":
        assert y[1].item() == pytest.approx(-0.132, abs=1e-3), changed(13)
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises((ValueError, TypeError), match=r"\(notebook 21, §13\)"),
    ):
        odeint(func, y0, t, **keywords)


@both
def test_13_what_both_refuse(solve):
    t = torch.linspace(0, 1, 5)
    bad = [
        (lambda t, y: -y, torch.tensor([1.0, math.nan])),
        (lambda y: -y, torch.ones(2)),
        (lambda t, y: -y, torch.tensor([1, 2])),
    ]
    for func, y0 in bad:
        with pytest.raises(Exception):  # noqa: B017, each library its own kind
            solve(func, y0, t)


# --- 14 unseen -----------------------------------------------------------------------------------


def pulse(t, y):
    return torch.exp(-(((t - 6.3) / 0.01) ** 2)) / (0.01 * math.pi**0.5) + 0 * y


@both
def test_14_a_pulse_between_the_evaluations(solve):
    for t in ([0.0, 10.0], [0.0, 6.3, 10.0]):
        y = solve(pulse, torch.zeros(1), torch.tensor(t))
        assert y[-1].item() < 1e-6, "no solver sees it, whatever the output times"


def test_14_split_at_the_pulse():
    """torchdiffeq's first part overshoots 6.3 (§8) and misses its half."""
    found = {}
    for name, solve in SOLVERS.items():
        half = solve(pulse, torch.zeros(1), torch.tensor([0.0, 6.3]))[-1]
        found[name] = solve(pulse, half, torch.tensor([6.3, 10.0]))[-1].item()
    assert found["course_lib"] == pytest.approx(1, abs=1e-4)
    assert found["torchdiffeq"] == pytest.approx(0.5, abs=1e-4), changed(14)


def test_14_step_t_mends_it_in_torchdiffeq():
    for name in ("step_t", "jump_t"):
        y = torchdiffeq.odeint(
            pulse,
            torch.zeros(1),
            torch.tensor([0.0, 10.0]),
            options={name: torch.tensor([6.3])},
        )
        assert y[-1].item() == pytest.approx(1, abs=1e-4)
