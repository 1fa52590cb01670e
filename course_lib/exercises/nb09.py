"""Exercises of notebook 09, *The gradient laboratory*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb09 import adjoint_backward`.
"""

import math

import torch

from course_lib.exercises.engine import Exercise, Misconception
from course_lib.solvers import odeint

# --- 09.1 The right-hand side of the sensitivities -----------------------------------------------


def sensitivity_slope(J, F, S):
    """dS/dt of S = ∂y/∂θ, from J = ∂f/∂y and F = ∂f/∂θ, (9.4)."""
    return J @ S + F


def _sensitivity_by_columns(J, F, S):
    columns = [J @ S[:, p] + F[:, p] for p in range(S.shape[1])]
    return torch.stack(columns, 1)


def _sensitivity_einsum(J, F, S):
    return torch.einsum("ij,jp->ip", J, S) + F


def _sensitivity_transposed(J, F, S):
    return J.T @ S + F


def _sensitivity_other_order(J, F, S):
    return S @ J + F


def _sensitivity_without_source(J, F, S):
    return J @ S


def _sensitivity_source_only(J, F, S):
    return F.clone()


def _sensitivity_source_multiplied(J, F, S):
    return J @ (S + F)


def _sensitivity_sign(J, F, S):
    return F - J @ S


def _sensitivity_entrywise(J, F, S):
    return J * S + F


def sensitivity_cases(generator):
    """(J, F, S): one case by hand, then two random ones.

    There are as many parameters as states, so that factors in the wrong order or a product entry
    by entry give numbers that can be told apart, and no error about shapes.
    """
    draws = [tuple(torch.randn(n, n, generator=generator) for _ in range(3)) for n in (3, 4)]
    J, F = torch.tensor([[0.0, 1.0], [-2.0, 3.0]]), torch.tensor([[1.0, 0.0], [0.0, 4.0]])
    return [(J, F, torch.tensor([[1.0, 2.0], [3.0, 5.0]])), *draws]


SENSITIVITY = Exercise(
    id="09.1",
    title="How a sensitivity changes",
    difficulty=2,
    minutes=5,
    hints=[
        "Differentiate ẏ = f(y, θ) by θ, and swap the two derivatives on the left.",
        "On the right θ is met twice: inside y, which depends on θ, and openly.",
        "The chain rule gives one product of matrices and one matrix. S has the shape of F.",
    ],
    solution=sensitivity_slope,
    alternatives=[_sensitivity_by_columns, _sensitivity_einsum],
    misconceptions=[
        Misconception(
            "transposed Jacobian",
            _sensitivity_transposed,
            "You get {got}, expected is {expected}. A transposed Jacobian carries gradients "
            "*backwards*; S goes forwards. Write one entry of the chain rule with indices.",
        ),
        Misconception(
            "factors in the other order",
            _sensitivity_other_order,
            "You get {got}, expected is {expected}. The product has its factors in the wrong "
            "order: which index of S counts the states, on which J acts?",
        ),
        Misconception(
            "no direct influence",
            _sensitivity_without_source,
            "You get {got}, expected is {expected}. From S = 0 yours stays zero for ever. "
            "Where does θ act on the slope directly?",
        ),
        Misconception(
            "direct influence only",
            _sensitivity_source_only,
            "You get {got}, expected is {expected}. What θ has changed so far changes the slope "
            "as well: y itself depends on θ.",
        ),
        Misconception(
            "source inside the product",
            _sensitivity_source_multiplied,
            "You get {got}, expected is {expected}. J multiplies a change of the *state*; is the "
            "direct influence of θ on the slope one?",
        ),
        Misconception(
            "sign of the adjoint",
            _sensitivity_sign,
            "You get {got}, expected is {expected}. A minus belongs to what runs backwards in "
            "time; the chain rule has none.",
        ),
        Misconception(
            "entry by entry",
            _sensitivity_entrywise,
            "You get {got}, expected is {expected}. `*` multiplies entry by entry; every state "
            "feels *all* the others.",
        ),
    ],
    means="the equation of S is linear, whatever f is, and has a column for every parameter.",
    cases=sensitivity_cases,
)


# --- 09.3 The right-hand side of the adjoint -----------------------------------------------------


def adjoint_slopes(J, F, a):
    """d/dt of the adjoint a, and of Q(t), which holds dL/dθ when t arrives at t₀; (9.8), (9.11)."""
    return -J.T @ a, -F.T @ a


def _adjoint_row_times_matrix(J, F, a):
    return -(a @ J), -(a @ F)


def _adjoint_einsum(J, F, a):
    return torch.einsum("i,ij->j", -a, J), torch.einsum("i,ip->p", -a, F)


def _adjoint_sign(J, F, a):
    return J.T @ a, -F.T @ a


def _adjoint_not_transposed(J, F, a):
    return -J @ a, -F.T @ a


def _adjoint_both_wrong(J, F, a):
    return J @ a, -F.T @ a


def _adjoint_integral_forwards(J, F, a):
    return -J.T @ a, F.T @ a


def _adjoint_both_signs(J, F, a):
    return J.T @ a, F.T @ a


def _adjoint_like_sensitivity(J, F, a):
    return J @ a, F.T @ a


def _adjoint_not_transposed_upwards(J, F, a):
    return -J @ a, F.T @ a


def _adjoint_swapped(J, F, a):
    return -F.T @ a, -J.T @ a


def adjoint_cases(generator):
    """(J, F, a): one by hand, then random ones; no J is symmetric."""
    draws = [
        (*torch.randn(2, n, n, generator=generator), torch.randn(n, generator=generator))
        for n in (3, 4)
    ]
    J, F = torch.tensor([[0.0, 1.0], [-2.0, 3.0]]), torch.tensor([[1.0, 0.0], [0.0, 4.0]])
    return [(J, F, torch.tensor([1.0, 5.0])), *draws]


ADJOINT = Exercise(
    id="09.3",
    title="How the adjoint changes",
    difficulty=3,
    minutes=6,
    hints=[
        "Step 2 of the derivation says what a must obey for every perturbation of the path.",
        "Q(T) = 0, and walking from T down to t₀ it must *collect* ∫ aᵀ ∂f/∂θ dt. "
        "Towards smaller t, dt is negative.",
        "Both are products with a transposed matrix, and both have the same sign.",
    ],
    solution=adjoint_slopes,
    alternatives=[_adjoint_row_times_matrix, _adjoint_einsum],
    misconceptions=[
        Misconception(
            "sign of a",
            _adjoint_sign,
            "You get {got}, expected is {expected}. Test yours on ẏ = −y: a disturbance dies out, "
            "so an *early* one matters less to the end than a late one. Does your a grow with t?",
        ),
        Misconception(
            "Jacobian not transposed",
            _adjoint_not_transposed,
            "You get {got}, expected is {expected}. J times a tells how f changes if *y* moves "
            "along a. The adjoint asks which entry of y matters to f; compare (9.8).",
        ),
        Misconception(
            "sign and transpose",
            _adjoint_both_wrong,
            "You get {got}, expected is {expected}. That is how a small disturbance of y travels "
            "*forwards*. The adjoint answers the opposite question; see (9.8).",
        ),
        Misconception(
            "sign of the integral",
            _adjoint_integral_forwards,
            "You get {got}, expected is {expected}. The integral (9.11) runs upwards in t, your "
            "solve runs downwards from Q(T) = 0: it would arrive at minus the gradient.",
        ),
        Misconception(
            "both signs",
            _adjoint_both_signs,
            "You get {got}, expected is {expected}: the slopes with respect to T − t. The solver "
            "is given t itself, running down, and turns the sign on its own.",
        ),
        Misconception(
            "the sensitivity's equation",
            _adjoint_like_sensitivity,
            "You get {got}, expected is {expected}. a does not behave like a sensitivity: it "
            "is known at the *end*, and it weighs the rows of J; see (9.8).",
        ),
        Misconception(
            "neither transposed nor downwards",
            _adjoint_not_transposed_upwards,
            "You get {got}, expected is {expected}. Two things: which index of J is summed with "
            "a in (9.8)? And Q starts at T with zero and is walked *down* to t₀.",
        ),
        Misconception(
            "returned in the other order",
            _adjoint_swapped,
            "You get {got}, expected is {expected}. The first is to be ȧ, with N entries, the "
            "second Q̇, with one for each parameter.",
        ),
    ],
    means="N unknowns for a, whatever the number of parameters, and one running sum for each.",
    cases=adjoint_cases,
)


# --- 09.4 The adjoint as an autograd function ----------------------------------------------------


RK4 = {"method": "rk4", "options": {"step_size": 0.05}}


def solve_back(func, theta, t1, t0, y, a):
    """y(t0), a(t0) and the interval's share of dL/dθ, from y(t1) and a(t1), (9.8) and (9.11)."""

    def slopes(t, state):
        y, a, _ = state
        with torch.enable_grad():
            y, p = y.detach().requires_grad_(), theta.detach().requires_grad_()
            f = func(t, y, p)
            to_y, to_p = torch.autograd.grad(f, (y, p), -a)
        return f.detach(), to_y, to_p

    start = (y, a, torch.zeros_like(theta))
    times = torch.stack([t1, t0]).detach()
    return [part[-1] for part in odeint(slopes, start, times, **RK4)]


def adjoint_forward(ctx, func, y0, t, theta):
    """The forward pass: a solve of which only the output times are kept."""
    ys = odeint(lambda s, y: func(s, y, theta), y0, t.detach(), **RK4)
    ctx.func = func
    ctx.save_for_backward(ys, t, theta)
    return ys


def adjoint_backward(ctx, g):
    """∂L/∂(func, y0, t, theta) from g = ∂L/∂ys, by the continuous adjoint, (9.8) to (9.12)."""
    ys, t, theta = ctx.saved_tensors
    a, to_theta, to_t = torch.zeros_like(ys[0]), torch.zeros_like(theta), torch.zeros_like(t)
    for i in range(len(t) - 1, 0, -1):
        a = a + g[i]
        to_t[i] = g[i] @ ctx.func(t[i], ys[i], theta)
        _, a, share = solve_back(ctx.func, theta, t[i], t[i - 1], ys[i], a)
        to_theta = to_theta + share
    to_t[0] = -a @ ctx.func(t[0], ys[0], theta)
    return None, a + g[0], to_t, to_theta


def _backward_recursive(ctx, g):
    ys, t, theta = ctx.saved_tensors
    slopes = torch.stack([ctx.func(time, y, theta) for time, y in zip(t, ys, strict=True)])
    a, total = g[-1], 0.0
    for i in reversed(range(len(t) - 1)):
        _, a, share = solve_back(ctx.func, theta, t[i + 1], t[i], ys[i + 1], a)
        total, a = total + share, a + g[i]
    factors = torch.cat([(g[0] - a)[None], g[1:]])
    return None, a, (factors * slopes).sum(-1), total


def _backward_with(
    jumps=True, first=True, time="right", total=True, order=(0, 1, 2), start_sign=-1.0, sign=1.0
):
    """A backward pass with one thing wrong; the defaults are right."""

    def backward(ctx, g):
        ys, t, theta = ctx.saved_tensors
        a, to_theta, to_t = torch.zeros_like(ys[0]), torch.zeros_like(theta), torch.zeros_like(t)
        n = len(t) - 1
        for i in range(n, 0, -1):
            if jumps == "instead":
                a = g[i]
            elif jumps or i == n:
                a = a + g[i]
            factor = a if time == "a" else g[i]
            to_t[i] = factor @ ctx.func(t[i], ys[i], theta)
            _, a, share = solve_back(ctx.func, theta, t[i], t[i - 1], ys[i], a)
            to_theta = to_theta + sign * share if total else share
        whole = a + g[0] if first else a
        start = whole if time == "whole" else a
        to_t[0] = start_sign * start @ ctx.func(t[0], ys[0], theta)
        if time == "none":
            to_t = None
        grads = (whole, to_t, to_theta)
        return None, *(grads[k] for k in order)

    return backward


_backward_no_jumps = _backward_with(jumps=False)
_backward_no_first = _backward_with(first=False)
_backward_no_time = _backward_with(time="none")
_backward_a_for_g = _backward_with(time="a")
_backward_start_with_g = _backward_with(time="whole")
_backward_start_sign = _backward_with(start_sign=1.0)
_backward_last_share = _backward_with(total=False)
_backward_theta_first = _backward_with(order=(2, 1, 0))
_backward_theta_before_t = _backward_with(order=(0, 2, 1))
_backward_instead = _backward_with(jumps="instead")
_backward_theta_sign = _backward_with(sign=-1.0)


def _backward_early_state(ctx, g):
    """Begins each interval, at its late end, from the state of its early end."""
    ys, t, theta = ctx.saved_tensors
    a, to_theta, to_t = torch.zeros_like(ys[0]), torch.zeros_like(theta), torch.zeros_like(t)
    for i in range(len(t) - 1, 0, -1):
        a = a + g[i]
        to_t[i] = g[i] @ ctx.func(t[i], ys[i], theta)
        _, a, share = solve_back(ctx.func, theta, t[i], t[i - 1], ys[i - 1], a)
        to_theta = to_theta + share
    to_t[0] = -a @ ctx.func(t[0], ys[0], theta)
    return None, a + g[0], to_t, to_theta


def _backward_last_jump_twice(ctx, g):
    """Starts from the last jump and adds it again in the first round."""
    ys, t, theta = ctx.saved_tensors
    a, to_theta, to_t = g[-1], torch.zeros_like(theta), torch.zeros_like(t)
    for i in range(len(t) - 1, 0, -1):
        a = a + g[i]
        to_t[i] = g[i] @ ctx.func(t[i], ys[i], theta)
        _, a, share = solve_back(ctx.func, theta, t[i], t[i - 1], ys[i], a)
        to_theta = to_theta + share
    to_t[0] = -a @ ctx.func(t[0], ys[0], theta)
    return None, a + g[0], to_t, to_theta


def turning(t, y, theta):
    """f(t, y, θ) = (θ₁ y₂, −θ₂ sin y₁ + t)"""
    return torch.stack([theta[0] * y[1], -theta[1] * torch.sin(y[0]) + t])


def leaning(t, y, theta):
    """f(t, y, θ) = (θ₁ y₂ − θ₃ y₁, −θ₂ sin y₁)"""
    return torch.stack([theta[0] * y[1] - theta[2] * y[0], -theta[1] * torch.sin(y[0])])


def run_backward(answer, func, y0, t, theta, weights):
    """∂L/∂y0, ∂L/∂t, ∂L/∂θ of L = Σ weights · y, with the answer as backward of a Function."""

    def backward(ctx, g):  # autograd insists on tensors
        grads = answer(ctx, g)
        if not isinstance(grads, tuple | list) or len(grads) != 4:
            got = len(grads) if isinstance(grads, tuple | list) else 1
            raise ValueError(
                f"backward returns {got} value(s), and forward took four arguments after ctx: "
                "func, y0, t, theta; autograd wants one for each"
            )
        if grads[0] is not None:
            raise ValueError(
                "the first value belongs to func, which is no tensor and has no gradient: None"
            )
        keep = (torch.Tensor, type(None))
        return tuple(x if isinstance(x, keep) else torch.as_tensor(x) for x in grads)

    parts = {"forward": staticmethod(adjoint_forward), "backward": staticmethod(backward)}
    function = type("ContinuousAdjoint", (torch.autograd.Function,), parts)
    inputs = [x.clone().requires_grad_() for x in (y0, t, theta)]
    ys = function.apply(func, *inputs)
    loss = (weights * ys).sum()
    return torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)


def backward_cases(generator):
    """(func, y0, t, θ, weights of the loss): two states, two parameters; three times; three θ.

    With two times every gradient has two entries, so that a wrong order shows in the numbers.
    """
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    y0, theta = torch.tensor([1.0, -0.5]).double(), torch.tensor([1.0, 2.0]).double()
    return [
        (turning, y0, torch.tensor([0.0, 1.0]).double(), theta, draw(2, 2)),
        (turning, y0, torch.tensor([0.2, 0.9, 1.5]).double(), theta, draw(3, 2)),
        (leaning, y0, torch.tensor([0.0, 1.0]).double(), torch.ones(3).double(), draw(2, 2)),
    ]


BACKWARD = Exercise(
    id="09.4",
    title="The adjoint as an autograd function",
    difficulty=4,
    minutes=15,
    hints=[
        "Start with a = 0. For i from the last index down to 1: the jump, then `solve_back` from "
        "t[i] to t[i − 1].",
        "`solve_back` gives a at the earlier time and that interval's share of dL/dθ: add it up. "
        "Before the loop ends you still need g[0] and dL/dt.",
        "Return one value for each argument of forward after ctx, in their order: "
        "func (None), y0, t, theta.",
    ],
    solution=adjoint_backward,
    alternatives=[_backward_recursive, _backward_with()],
    misconceptions=[
        Misconception(
            "no jumps",
            _backward_no_jumps,
            "For {case} you get {got}, expected is {expected}. The loss looks at y at *every* "
            "output time, yours hears of the last one only. What does a do at the others?",
        ),
        Misconception(
            "the first observation forgotten",
            _backward_no_first,
            "For {case} you get {got}, expected is {expected}. The loss may look at y(t₀), which "
            "is y0 itself; in which of your results should that show?",
        ),
        Misconception(
            "no gradient for t",
            _backward_no_time,
            "For {case} you get {got}, expected is {expected}. The second of the three, for t, is "
            "zero: None means *no* gradient. Moving an observation changes what is observed.",
        ),
        Misconception(
            "a where g belongs",
            _backward_a_for_g,
            "For {case} you get {got}, expected is {expected}. If observation i comes a little "
            "later, only *that* observation changes. Your factor knows of all the later ones too.",
        ),
        Misconception(
            "g[0] in the start time's gradient",
            _backward_start_with_g,
            "For {case} you get {got}, expected is {expected}. y(t₀) = y0 whenever it starts, so "
            "what the loss sees of it directly does not change with t₀.",
        ),
        Misconception(
            "sign at the start time",
            _backward_start_sign,
            "For {case} you get {got}, expected is {expected}. Starting later from the same y0 "
            "leaves *less* time to move; look at the sign in (9.12).",
        ),
        Misconception(
            "only the first interval's share",
            _backward_last_share,
            "For {case} you get {got}, expected is {expected}. Each interval has its share in "
            "the integral over all times; yours keeps the one computed last.",
        ),
        Misconception(
            "returned in reverse",
            _backward_theta_first,
            "For {case} you get {got}, expected is {expected}: right numbers in the wrong places. "
            "backward returns in the order in which forward takes.",
        ),
        Misconception(
            "theta before t",
            _backward_theta_before_t,
            "For {case} you get {got}, expected is {expected}: two of the right results stand in "
            "each other's place. In which order does forward take t and theta?",
        ),
        Misconception(
            "the last jump twice",
            _backward_last_jump_twice,
            "For {case} you get {got}, expected is {expected}. Your a starts from g[-1] and gets "
            "it once more in the loop's first round.",
        ),
        Misconception(
            "the jump replaces a",
            _backward_instead,
            "For {case} you get {got}, expected is {expected}. At an observation a *gains* what "
            "the loss sees there; what later observations have said must not be forgotten.",
        ),
        Misconception(
            "sign of the parameters' gradient",
            _backward_theta_sign,
            "For {case} you get {got}, expected is {expected}: minus the last one. `solve_back` "
            "has walked down in time already; its share has the sign it should have.",
        ),
        Misconception(
            "state of the wrong end",
            _backward_early_state,
            "For {case} you get {got}, expected is {expected}. The interval is walked from its "
            "late end; is the state you begin with the one at that time?",
        ),
    ],
    means="this is what torchdiffeq calls odeint_adjoint: any loss can now be differentiated "
    "through a solve of which nothing but the observed states was kept.",
    cases=backward_cases,
    run=run_backward,
)


# --- 09.2 The price of a checkpoint schedule -----------------------------------------------------


def peak_states(n, k):
    """The most states held at a time if every k-th of n is kept and segments are solved again."""
    return math.ceil(n / k) + k - 1


def _peak_by_counting(n, k):
    kept = range(0, n, k)
    longest = max(min(start + k, n) - start for start in kept)
    return len(kept) + longest - 1


def _peak_integers(n, k):
    return (n + k - 1) // k + k - 1


def _peak_kept_only(n, k):
    return math.ceil(n / k)


def _peak_checkpoint_twice(n, k):
    return math.ceil(n / k) + k


def _peak_rounded_down(n, k):
    return n // k + k - 1


def _peak_plain_sum(n, k):
    return n / k + k


def _peak_plain_sum_floor(n, k):
    return n // k + k


def _peak_segment_only(n, k):
    return k


def _peak_all_recomputed(n, k):
    return math.ceil(n / k) + n - 1


def _peak_square_root(n, k):
    return 2 * math.sqrt(n)


def checkpoint_cases(generator):
    """(n, k): k divides n (and is not √n, whose double is n/k + k), each extreme, remainders."""
    n = int(torch.randint(200, 900, (1,), generator=generator))
    return [(100, 20), (100, 1), (100, 100), (100, 7), (1000, 33), (n, 19)]


CHECKPOINTS = Exercise(
    id="09.2",
    title="The price of a checkpoint schedule",
    difficulty=3,
    minutes=7,
    hints=[
        "Try n = 100, k = 20 on paper: five states wait. How many more while the last 20 steps "
        "are walked back?",
        "The first state of a segment is the checkpoint itself, and is already counted.",
        "A last, shorter segment needs a checkpoint too.",
    ],
    solution=peak_states,
    alternatives=[_peak_by_counting, _peak_integers],
    misconceptions=[
        Misconception(
            "the checkpoints alone",
            _peak_kept_only,
            "For {case} you count {got}, expected is {expected}. That many wait. But a segment is "
            "walked backwards, and for that its states must exist, if only for a while.",
        ),
        Misconception(
            "a checkpoint counted twice",
            _peak_checkpoint_twice,
            "For {case} you count {got}, expected is {expected}. The state at which a segment "
            "starts is held already; do you need another copy?",
        ),
        Misconception(
            "the last segment forgotten",
            _peak_rounded_down,
            "For {case} you count {got}, expected is {expected}. Steps are left over after the "
            "last full segment: from where would they be solved again?",
        ),
        Misconception(
            "everything recomputed at once",
            _peak_all_recomputed,
            "For {case} you count {got}, expected is {expected}. Only one segment at a time is "
            "solved again; once it is walked back, its states can go.",
        ),
        Misconception(
            "their sum",
            _peak_plain_sum,
            "For {case} you count {got}, expected is {expected}. Nearly: states come in whole "
            "numbers, and is the one at which a segment starts not held already?",
        ),
        Misconception(
            "their sum, rounded down",
            _peak_plain_sum_floor,
            "For {case} you count {got}, expected is {expected}. Yours is right unless k divides "
            "n. What does rounding down hide otherwise?",
        ),
        Misconception(
            "the segment alone",
            _peak_segment_only,
            "For {case} you count {got}, expected is {expected}. While a segment is walked back, "
            "the checkpoints of the earlier ones still wait.",
        ),
        Misconception(
            "the best case",
            _peak_square_root,
            "For {case} you say {got}, expected is {expected}. 2√n is about what the *best* k "
            "reaches; asked is what this k costs.",
        ),
    ],
    means="at k ≈ √n the sum of the two is smallest: about 2√n states instead of n, for solving "
    "once more.",
    cases=checkpoint_cases,
)


# --- 09.5 Pick the method for the job ------------------------------------------------------------

PICK = Exercise(
    id="09.5",
    title="Pick the method for the job",
    difficulty=2,
    minutes=3,
    kind="choice",
    options={
        "A": "backpropagation through the solver",
        "B": "the continuous adjoint, y solved backwards",
        "C": "the discrete adjoint with √n checkpoints",
        "D": "forward sensitivities",
        "E": "central differences",
    },
    solution="C",
    hints=[
        "Strike out what does not fit into memory, then what takes a million solves.",
        "Two are left. What happens on the way back where solutions run together?",
    ],
    misconceptions=[
        Misconception(
            "memory",
            "A",
            "Exact and fast, if it fits: everything f computes in 4 × 10,000 stages is kept. "
            "Compare what is needed for 30 stages.",
        ),
        Misconception(
            "the unstable way back",
            "B",
            "It would fit. But neighbouring solutions run together here, so on the way back they "
            "run apart: after how long is nothing left of y?",
        ),
        Misconception(
            "sensitivities of everything",
            "D",
            "Right for a handful of parameters. How many unknowns has S with a million of them?",
        ),
        Misconception(
            "one solve a parameter",
            "E",
            "Good as a check. How many solves would one gradient take with a million parameters?",
        ),
    ],
    means="exact, about 2√10,000 = 200 states, and no step is taken backwards in time.",
    explanation=(
        "10,000 RK4 steps have 40,000 stages, of which backpropagation keeps all: too much by a "
        "factor of a thousand. A contracting flow cannot be solved backwards for long. Forward "
        "sensitivities would have N million unknowns, differences take a million solves."
    ),
)

EXERCISES = [SENSITIVITY, CHECKPOINTS, ADJOINT, BACKWARD, PICK]
