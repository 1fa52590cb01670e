"""Exercises of notebook 08, *Topology, augmentation and control*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb08 import neuron_flow`.
"""

import math

import numpy as np
import torch

from course_lib.exercises.engine import Exercise, Misconception
from course_lib.fields import augment

# --- 08.1 What a flow of the line can do at best -------------------------------------------------

LINE = Exercise(
    id="08.1",
    title="The best that a flow of the line can do",
    difficulty=3,
    minutes=6,
    kind="number",
    solution=0.5,
    hints=[
        "By (8.1) the four points arrive in the order in which they started, whatever f is. Only "
        "the targets 3, 1, 2 are in another order.",
        "Let the places of arrival be y₁ < y₂ < y₃ < y₄. Some may come as near to each other as "
        "you like: where would you put those that want to pass?",
        "y₂, y₃ and y₄ want to be at 3, 1 and 2. Put y₂ and y₃ (almost) at one place: which is "
        "the best, and is y₄ = 2 then still allowed?",
    ],
    misconceptions=[
        Misconception(
            "a large network can do anything",
            0.0,
            "{got} would need 2 to arrive at 3 and 3 at 1: one point has to pass the other, and "
            "on a line there is no way round. No width or depth of f changes that.",
        ),
        Misconception(
            "sends the points to the sorted targets",
            1.5,
            "{got} is what remains if the points go to 0, 1, 2, 3. That keeps the order, but it "
            "pays for it: could two points that want to pass meet half-way instead?",
        ),
        Misconception(
            "sum instead of mean",
            2.0,
            "{got} is the sum of the squares; asked for is their mean over the four points.",
        ),
        Misconception(
            "takes over the factor of (8.2)",
            1.0,
            "{got} is what (8.2) leaves for two points. Its factor ½ is one over their number, and "
            "other targets have other distances.",
        ),
        Misconception(
            "root of the mean",
            math.sqrt(0.5),
            "{got} is a length: its square is what is asked for.",
        ),
        Misconception(
            "sends all points to one place",
            1.25,
            "{got} is the variance of the targets: you let all four points meet. The first one is "
            "in nobody's way; who really has to meet?",
        ),
        Misconception(
            "nothing moves",
            2.5,
            "{got} leaves every point where it is. The flow may move them, only not past each "
            "other.",
        ),
        Misconception(
            "divides by three",
            2 / 3,
            "{got} is the mean over three points; the fourth one, which arrives without an error, "
            "counts as well.",
        ),
    ],
    means="it is the loss of the best *increasing* function, which flows approach and, where "
    "points would have to meet, never reach.",
    explanation="The images keep their order. 2 and 3 want to pass each other, so the best is to "
    "let them (almost) meet at (3 + 1)/2 = 2; then 4 may go to 2 as well, and 1 to 0. The squares "
    "are 0, 1, 1, 0, their mean is 1/2 (isotonic regression).",
)


# --- 08.2 Which maps are flows? ------------------------------------------------------------------

MAPS = Exercise(
    id="08.2",
    title="Which map is a flow?",
    difficulty=2,
    minutes=4,
    kind="choice",
    options={
        "A": "x ↦ (−x₁, x₂), a mirror",
        "B": "x ↦ (−x₁, −x₂), half a turn",
        "C": "x ↦ (|x₁|, x₂), a fold",
        "D": "x ↦ (x₁, 0), a projection",
    },
    solution="B",
    hints=[
        "A flow at time 1 has an inverse. Which two maps have none?",
        "Which sign has det ∂ψₜ/∂x by (8.5), at all times? Compare the Jacobian determinants.",
    ],
    misconceptions=[
        Misconception(
            "every invertible map is a flow",
            "A",
            "A mirror has a continuous inverse, so it breaks no rule you may have thought of. But "
            "it has to be reached from the identity without ever losing the inverse: follow the "
            "sign of the determinant in (8.5) on the way.",
        ),
        Misconception(
            "folding is allowed",
            "C",
            "A fold puts (1, 0) and (−1, 0) at the same place. Where would the flow backwards "
            "take that place?",
        ),
        Misconception(
            "projecting is allowed",
            "D",
            "The projection puts a whole vertical line at one point. Flows come as near to that as "
            "you like (x₂ shrinks by e^(−ct)), but they do not arrive.",
        ),
    ],
    means="on the line x ↦ −x is a mirror, which no flow is; in the plane the same swap of ±1 is "
    "half a turn, which ẋ = π (−x₂, x₁) makes in unit time.",
    explanation="C and D have no inverse. A has one, but its Jacobian determinant is −1, and by "
    "(8.5) a flow's is positive. B is the rotation ẋ = π (−x₂, x₁), followed for unit time.",
)


# --- 08.3 Lift, flow, read -----------------------------------------------------------------------


def augmented(flow, x, p):
    """Points x [n, d] lifted by p zeros, carried by the flow, and cut to their own d features."""
    d = x.shape[1]
    lifted = torch.cat([x, x.new_zeros(len(x), p)], dim=1)
    return flow(lifted)[:, :d]


def _augmented_pad(flow, x, p):
    return flow(torch.nn.functional.pad(x, (0, p)))[..., : x.shape[-1]]


def _augmented_from_07(flow, x, p):
    return flow(augment(x, p))[:, : x.shape[1]]


def _augmented_fill(flow, x, p):
    lifted = x.new_zeros(x.shape[0], x.shape[1] + p)
    lifted[:, : x.shape[1]] = x
    return flow(lifted)[:, : x.shape[1]]


def _augmented_numpy(flow, x, p):
    lifted = np.concatenate([np.asarray(x), np.zeros((len(x), p))], axis=1)
    return np.asarray(flow(lifted))[:, : x.shape[1]]


def _augmented_ones(flow, x, p):
    return flow(torch.cat([x, x.new_ones(len(x), p)], dim=1))[:, : x.shape[1]]


def _augmented_last(flow, x, p):
    return flow(torch.cat([x, x.new_zeros(len(x), p)], dim=1))[:, -x.shape[1] :]


def _augmented_only_new(flow, x, p):
    return flow(torch.cat([x, x.new_zeros(len(x), p)], dim=1))[:, x.shape[1] :]


def _augmented_in_front(flow, x, p):
    return flow(torch.cat([x.new_zeros(len(x), p), x], dim=1))[:, : x.shape[1]]


def _augmented_in_front_cut_right(flow, x, p):
    return flow(torch.cat([x.new_zeros(len(x), p), x], dim=1))[:, p:]


def _augmented_uncut(flow, x, p):
    return flow(torch.cat([x, x.new_zeros(len(x), p)], dim=1))


def _augmented_one(flow, x, p):
    return flow(torch.cat([x, x.new_zeros(len(x), 1)], dim=1))[:, : x.shape[1]]


def _augmented_rows(flow, x, p):
    return flow(torch.cat([x, x[:, :1].expand(-1, p)], dim=1))[:, : x.shape[1]]


def _augmented_first_column(flow, x, p):
    return flow(torch.cat([x, x.new_zeros(len(x), p)], dim=1))[:, :1]


def _augmented_without_flow(flow, x, p):
    return torch.cat([x, x.new_zeros(len(x), p)], dim=1)


def _augmented_unlifted(flow, x, p):
    return flow(x)


def _augmented_two_columns(flow, x, p):
    return flow(torch.cat([x, x.new_zeros(len(x), p)], dim=1))[:, :2]


def _augmented_p_columns(flow, x, p):
    return flow(torch.cat([x, x.new_zeros(len(x), p)], dim=1))[:, :p]


def swirl(x):
    """the flow that turns (x₁, x₂) by half a turn, shifts and stretches the rest"""
    x = torch.as_tensor(x)  # answers may be written in numpy
    rest = 1.5 * x[:, 2:] + 0.25 + 0.5 * x[:, :1]
    return torch.cat([-x[:, :1], -x[:, 1:2], rest], dim=1)


def mixing(x):
    """a flow that mixes all coordinates"""
    x = torch.as_tensor(x)
    i = torch.arange(1.0, x.shape[1] + 1, dtype=x.dtype)
    return x + torch.outer(torch.tanh(x @ i + 0.1 * x.shape[1]), 1 / i) + 0.1 * i


def _augmented_cases(generator):
    draw = {"generator": generator, "dtype": torch.float64}
    return [
        (swirl, torch.tensor([[-1.0], [1.0]], dtype=torch.float64), 1),
        (mixing, torch.randn(4, 2, **draw), 1),
        (mixing, torch.randn(5, 2, **draw), 3),
        (mixing, torch.randn(3, 3, **draw), 2),
    ]


AUGMENT = Exercise(
    id="08.3",
    title="Lift, flow, read",
    difficulty=1,
    minutes=5,
    hints=[
        "Three lines: append p columns of zeros to x, call `flow`, keep the columns that belong "
        "to x.",
        "`x.new_zeros(len(x), p)` has the right dtype; `torch.cat([...], dim=1)` puts columns "
        "beside columns. Which of the d + p columns of the result are the old ones?",
    ],
    solution=augmented,
    alternatives=[_augmented_pad, _augmented_from_07, _augmented_fill, _augmented_numpy],
    misconceptions=[
        Misconception(
            "ones instead of zeros",
            _augmented_ones,
            "For {case} you get {got}, and {expected} is expected. Your new coordinates start at "
            "one. A network trained like that would do as well; this one starts at zero, as (8.6) "
            "says, and from elsewhere it goes elsewhere.",
        ),
        Misconception(
            "reads the last columns",
            _augmented_last,
            "For {case} you get {got}, and {expected} is expected. You keep the right *number* of "
            "columns, counted from the wrong end: where did you put the new ones?",
        ),
        Misconception(
            "reads the new columns",
            _augmented_only_new,
            "For {case} you get {got}, and {expected} is expected. You keep the columns that were "
            "added and throw away those that x was in.",
        ),
        Misconception(
            "zeros in front",
            _augmented_in_front,
            "For {case} you get {got}, and {expected} is expected. Your zeros stand before x, so "
            "that the first columns of the result are not those of x.",
        ),
        Misconception(
            "zeros in front, consistently",
            _augmented_in_front_cut_right,
            "For {case} you get {got}, and {expected} is expected. You lift and cut consistently, "
            "but with the zeros in front; the flow was told in (8.6) that they come last.",
        ),
        Misconception(
            "does not cut",
            _augmented_uncut,
            "For {case} you get {got}, and {expected} is expected. You return all d + p features. "
            "For a linear readout that is what one wants; asked for are the first d.",
        ),
        Misconception(
            "one zero, whatever p",
            _augmented_one,
            "For {case} you get {got}, and {expected} is expected. You always append one column. "
            "What is p here?",
        ),
        Misconception(
            "repeats a feature",
            _augmented_rows,
            "For {case} you get {got}, and {expected} is expected. Your new coordinates are copies "
            "of the first one, so the lifted points still lie on a copy of the old space, but on a "
            "tilted one. (8.6) appends zeros.",
        ),
        Misconception(
            "keeps one column",
            _augmented_first_column,
            "For {case} you get {got}, and {expected} is expected. You keep one column; x has "
            "more.",
        ),
        Misconception(
            "keeps two columns, whatever d",
            _augmented_two_columns,
            "For {case} you get {got}, and {expected} is expected. You keep two columns; how many "
            "has x?",
        ),
        Misconception(
            "keeps p columns",
            _augmented_p_columns,
            "For {case} you get {got}, and {expected} is expected. p is how many were added. How "
            "many had x before?",
        ),
        Misconception(
            "does not lift",
            _augmented_unlifted,
            "For {case} you get {got}, and {expected} is expected. You let x itself flow, without "
            "the room in which to step aside.",
        ),
        Misconception(
            "does not flow",
            _augmented_without_flow,
            "For {case} you get {got}, and {expected} is expected. That is x with its zeros. What "
            "has the flow made of it?",
        ),
    ],
    means="what d dimensions forbid, a detour through d + p may do; only the readout sees the "
    "shadow.",
    cases=_augmented_cases,
)


# --- 08.4 How many blocks keep points apart? ------------------------------------------------------

BLOCKS = Exercise(
    id="08.4",
    title="How many blocks keep points apart?",
    difficulty=2,
    minutes=4,
    kind="number",
    solution=10,
    rtol=1e-3,
    hints=[
        "n blocks for a time of 1.5 have h = 1.5/n. For which h is the bracket in (8.8) positive?",
        "h · 6 has to be *smaller* than one. What is it for n = 9?",
    ],
    misconceptions=[
        Misconception(
            "allows equality",
            9,
            "With {got} blocks h·L is exactly 1, and (8.8) says 0 ≤ …: two points may arrive at "
            "the same place, as they do with n = 2 in (8.7).",
        ),
        Misconception(
            "takes the time to be one",
            7,
            "{got} blocks would do for unit time. Here the flow runs for 1.5.",
        ),
        Misconception(
            "takes the limit of stability",
            5,
            "{got} comes from h ≤ 2/L, Euler's limit of *stability* (04): the distance does not "
            "grow, but its sign may change, which is what we ask about.",
        ),
        Misconception(
            "forgets h",
            6,
            "{got} is L itself. How long is one of n steps that last 1.5 together?",
        ),
        Misconception(
            "divides by the time",
            4,
            "{got} is L divided by the time. A longer time at the same number of blocks makes each "
            "step longer: which way does it go?",
        ),
        Misconception(
            "gives the step",
            1 / 6,
            "{got} is the step that h must stay below. How many such steps fill a time of 1.5?",
        ),
        Misconception(
            "halves the bound",
            19,
            "{got} blocks are enough, and twice as many as needed: (8.8) asks for hL < 1, not "
            "for ½.",
        ),
    ],
    means="with h·L < 1 residual blocks glue no points together, as a flow does not; fewer "
    "blocks may, but need not.",
    explanation="h = 1.5/n, and hL = 9/n < 1 needs n > 9: ten blocks.",
)


# --- 08.5 The flow of one neuron -----------------------------------------------------------------


def neuron_flow(x, w, a, b, t):
    """Where x' = w (a·x + b)₊ takes points x [n, d] in a time t, (8.11)."""
    z = (x @ a + b).clamp(min=0)
    rate = a @ w
    reach = t if rate == 0 else torch.expm1(rate * t) / rate
    return x + reach * z[:, None] * w


def _neuron_where(x, w, a, b, t):
    z = x @ a + b
    rate = (a * w).sum()
    safe = torch.where(rate == 0, torch.ones_like(rate), rate)
    reach = torch.where(rate == 0, torch.full_like(rate, t), (torch.exp(safe * t) - 1) / safe)
    return torch.where((z > 0)[:, None], x + reach * torch.outer(z, w), x)


def _neuron_tolerant(x, w, a, b, t):
    z, rate = torch.relu(x @ a + b), float(a @ w)
    reach = t if abs(rate) < 1e-12 else math.expm1(rate * t) / rate
    return x + reach * torch.outer(z, w)


def _neuron_always_shear(x, w, a, b, t):
    return x + t * (x @ a + b).clamp(min=0)[:, None] * w


def _neuron_no_relu(x, w, a, b, t):
    rate = a @ w
    reach = t if rate == 0 else torch.expm1(rate * t) / rate
    return x + reach * (x @ a + b)[:, None] * w


def _neuron_divides_by_zero(x, w, a, b, t):
    rate = a @ w
    return x + torch.expm1(rate * t) / rate * (x @ a + b).clamp(min=0)[:, None] * w


def _neuron_exp_without_one(x, w, a, b, t):
    rate = a @ w
    reach = t if rate == 0 else torch.exp(rate * t) / rate
    return x + reach * (x @ a + b).clamp(min=0)[:, None] * w


def _neuron_exp_only(x, w, a, b, t):
    rate = a @ w
    reach = t if rate == 0 else torch.exp(rate * t)
    return x + reach * (x @ a + b).clamp(min=0)[:, None] * w


def _neuron_end_speed_times_t(x, w, a, b, t):
    return x + t * torch.exp(a @ w * t) * (x @ a + b).clamp(min=0)[:, None] * w


def _neuron_late_relu(x, w, a, b, t):
    return x + (_neuron_no_relu(x, w, a, b, t) - x).clamp(min=0)


def _neuron_velocity(x, w, a, b, t):
    return (x @ a + b).clamp(min=0)[:, None] * w


def _neuron_expm1_undivided(x, w, a, b, t):
    rate = a @ w
    reach = t if rate == 0 else torch.expm1(rate * t)
    return x + reach * (x @ a + b).clamp(min=0)[:, None] * w


def _neuron_swaps_weights(x, w, a, b, t):
    return neuron_flow(x, a, w, b, t)


def _neuron_moves_along_a(x, w, a, b, t):
    rate = a @ w
    reach = t if rate == 0 else torch.expm1(rate * t) / rate
    return x + reach * (x @ a + b).clamp(min=0)[:, None] * a


def _neuron_shear_without_time(x, w, a, b, t):
    rate = a @ w
    reach = 1.0 if rate == 0 else torch.expm1(rate * t) / rate
    return x + reach * (x @ a + b).clamp(min=0)[:, None] * w


def _neuron_forgets_bias(x, w, a, b, t):
    return neuron_flow(x, w, a, 0.0, t)


def _neuron_change_only(x, w, a, b, t):
    return neuron_flow(x, w, a, b, t) - x


def _neuron_scales_the_point(x, w, a, b, t):
    rate = a @ w
    front = (x @ a + b > 0)[:, None]
    if rate == 0:
        return neuron_flow(x, w, a, b, t)
    return torch.where(front, x * torch.exp(rate * t), x)


def _neuron_wrong_side(x, w, a, b, t):
    z = (-(x @ a + b)).clamp(min=0)
    rate = a @ w
    reach = t if rate == 0 else torch.expm1(rate * t) / rate
    return x + reach * z[:, None] * w


def _neuron_cases(generator):
    def vector(*entries):
        return torch.tensor(entries, dtype=torch.float64)

    draw = {"generator": generator, "dtype": torch.float64}
    both = torch.tensor([[2.0, 0.0], [-2.0, 0.0]], dtype=torch.float64)
    square = torch.tensor([[2.0, 1.0], [-1.0, 1.0], [2.0, -1.0]], dtype=torch.float64)
    return [
        (both, vector(0.0, 1.0), vector(1.0, 0.0), 0.5, 2.0),
        (both, vector(0.5, 1.0), vector(1.0, 0.0), 0.5, 2.0),
        (square, vector(1.0, 2.0), vector(2.0, -1.0), 0.0, 0.5),
        (torch.randn(6, 3, **draw), torch.randn(3, **draw), torch.randn(3, **draw), -0.2, 0.7),
    ]


NEURON = Exercise(
    id="08.5",
    title="The flow of one neuron",
    difficulty=3,
    minutes=10,
    hints=[
        "First the coordinate that decides: how does z = a·x + b change along a solution, by the "
        "chain rule, where z > 0? And where z ≤ 0?",
        "With κ = a·w the answer is ż = κz, so z(t) = z₀ e^{κt}. The point moves along w, by "
        "ẋ = z w: integrate z from 0 to t.",
        "∫₀ᵗ e^{κs} ds = (e^{κt} − 1)/κ, which is `torch.expm1(rate * t) / rate`; and for κ = 0? "
        "`clamp(min=0)` is (·)₊.",
    ],
    solution=neuron_flow,
    alternatives=[_neuron_where, _neuron_tolerant],
    misconceptions=[
        Misconception(
            "divides by zero where w ⟂ a",
            _neuron_divides_by_zero,
            "For {case} you get {got}, and {expected} is expected. Here a·w = 0, and your formula "
            "divides 0 by 0. What does the integral become when z stays as it is?",
        ),
        Misconception(
            "always shears",
            _neuron_always_shear,
            "For {case} you get {got}, and {expected} is expected. That is right where w ⟂ a. "
            "Here the motion along w changes a·x + b itself while the point is on its way.",
        ),
        Misconception(
            "forgets the ReLU",
            _neuron_no_relu,
            "For {case} you get {got}, and {expected} is expected. Look at the points with "
            "a·x + b < 0: there the neuron is silent. Yours moves them the other way.",
        ),
        Misconception(
            "forgets the lower end of the integral",
            _neuron_exp_without_one,
            "For {case} you get {got}, and {expected} is expected. At t = 0 yours has already "
            "moved. Which value does an antiderivative of e^{κs} have at s = 0?",
        ),
        Misconception(
            "takes the end's speed for the way",
            _neuron_exp_only,
            "For {case} you get {got}, and {expected} is expected. z₀ e^{κt} is how fast the point "
            "moves at the *end*. How far has it come by then?",
        ),
        Misconception(
            "multiplies the end's speed by the time",
            _neuron_end_speed_times_t,
            "For {case} you get {got}, and {expected} is expected. You let the point move all the "
            "time as fast as it does at the end; the speed z₀ e^{κs} has to be integrated.",
        ),
        Misconception(
            "cuts off the way instead of the sum",
            _neuron_late_relu,
            "For {case} you get {got}, and {expected} is expected. Your (·)₊ stands round the "
            "whole way, whose entries may well be negative; in (8.9) it stands round a·x + b.",
        ),
        Misconception(
            "returns the velocity",
            _neuron_velocity,
            "For {case} you get {got}, and {expected} is expected. That is the velocity at the "
            "start, the right-hand side of (8.9). Where are the points after a time t?",
        ),
        Misconception(
            "does not divide by the rate",
            _neuron_expm1_undivided,
            "For {case} you get {got}, and {expected} is expected. For short times the way should "
            "be t·z₀·w; expand yours for small t and compare.",
        ),
        Misconception(
            "swaps the weights",
            _neuron_swaps_weights,
            "For {case} you get {got}, and {expected} is expected. In (8.9) one vector decides how "
            "much, the other one where to; you have exchanged them.",
        ),
        Misconception(
            "moves along a",
            _neuron_moves_along_a,
            "For {case} you get {got}, and {expected} is expected. Your points move along a. Which "
            "vector stands outside the bracket in (8.9)?",
        ),
        Misconception(
            "forgets the time of a shear",
            _neuron_shear_without_time,
            "For {case} you get {got}, and {expected} is expected. Where w ⟂ a the speed is "
            "constant; for how long does the point move?",
        ),
        Misconception(
            "forgets the bias",
            _neuron_forgets_bias,
            "For {case} you get {got}, and {expected} is expected. Your neuron switches on at the "
            "origin; b says where it really does.",
        ),
        Misconception(
            "returns the change only",
            _neuron_change_only,
            "For {case} you get {got}, and {expected} is expected. That is by how much the points "
            "have moved. Where are they now?",
        ),
        Misconception(
            "stretches the point itself",
            _neuron_scales_the_point,
            "For {case} you get {got}, and {expected} is expected. You multiply x by e^{κt}. It is "
            "z = a·x + b that grows like that; x only moves along w.",
        ),
        Misconception(
            "moves the other side",
            _neuron_wrong_side,
            "For {case} you get {got}, and {expected} is expected. You move the points behind the "
            "hyperplane, where a·x + b is negative.",
        ),
    ],
    means="one neuron moves one half of the space and leaves the other one alone, in closed form: "
    "no solver is needed for this neural ODE.",
    cases=_neuron_cases,
)


# --- 08.6 One sweep ------------------------------------------------------------------------------


def sweep(c, v, target):
    """Weights of N shears that take values v to target; c [N] decides, and is sorted, (8.12)."""
    hinges = torch.cat([c[:1] - 1, c[:-1]])
    weights = []
    for k in range(len(c)):
        weights.append((target[k] - v[k]) / (c[k] - hinges[k]))
        v = v + weights[k] * (c - hinges[k]).clamp(min=0)
    return torch.stack(weights)


def _sweep_slopes(c, v, target):
    hinges = torch.cat([c[:1] - 1, c[:-1]])
    displacement = target - v
    before = torch.cat([torch.zeros_like(v[:1]), displacement[:-1]])
    slopes = (displacement - before) / (c - hinges)
    return torch.diff(slopes, prepend=torch.zeros_like(slopes[:1]))


def _sweep_solve(c, v, target):
    hinges = torch.cat([c[:1] - 1, c[:-1]])
    return torch.linalg.solve((c[:, None] - hinges).clamp(min=0), target - v)


def _sweep_numbers(c, v, target):
    c, v, target = c.tolist(), v.tolist(), target.tolist()
    hinges, weights = [c[0] - 1, *c[:-1]], []
    for k, (ck, hk) in enumerate(zip(c, hinges, strict=True)):
        weights.append((target[k] - v[k]) / (ck - hk))
        v = [vi + weights[k] * max(ci - hk, 0.0) for vi, ci in zip(v, c, strict=True)]
    return weights


def _sweep_forgets_the_others(c, v, target):
    hinges = torch.cat([c[:1] - 1, c[:-1]])
    return (target - v) / (c - hinges)


def _sweep_slopes_only(c, v, target):
    hinges = torch.cat([c[:1] - 1, c[:-1]])
    displacement = target - v
    before = torch.cat([torch.zeros_like(v[:1]), displacement[:-1]])
    return (displacement - before) / (c - hinges)


def _sweep_displacements(c, v, target):
    hinges = torch.cat([c[:1] - 1, c[:-1]])
    weights = []
    for k in range(len(c)):
        weights.append(target[k] - v[k])
        v = v + weights[k] * (c - hinges[k]).clamp(min=0)
    return torch.stack(weights)


def _sweep_shifts(c, v, target):
    weights = []
    for k in range(len(c)):
        weights.append(target[k] - v[k])
        v = v + weights[k]
    return torch.stack(weights)


def _sweep_distances(c, v, target):
    return target - v


def _sweep_first_hinge_at_zero(c, v, target):
    hinges, weights = torch.cat([torch.zeros_like(c[:1]), c[:-1]]), []
    for k in range(len(c)):
        weights.append((target[k] - v[k]) / (c[k] - hinges[k]))
        v = v + weights[k] * (c - hinges[k]).clamp(min=0)
    return torch.stack(weights)


def _sweep_no_relu(c, v, target):  # right: only points that are done lie left of a hinge
    hinges = torch.cat([c[:1] - 1, c[:-1]])
    weights = []
    for k in range(len(c)):
        weights.append((target[k] - v[k]) / (c[k] - hinges[k]))
        v = v + weights[k] * (c - hinges[k])
    return torch.stack(weights)


def _sweep_halfway(c, v, target):
    hinges = torch.cat([c[:1] - 1, (c[:-1] + c[1:]) / 2])
    weights = []
    for k in range(len(c)):
        weights.append((target[k] - v[k]) / (c[k] - hinges[k]))
        v = v + weights[k] * (c - hinges[k]).clamp(min=0)
    return torch.stack(weights)


def _sweep_one_hinge(c, v, target):
    hinge, weights = c[0] - 1, []
    for k in range(len(c)):
        weights.append((target[k] - v[k]) / (c[k] - hinge))
        v = v + weights[k] * (c - hinge).clamp(min=0)
    return torch.stack(weights)


def _sweep_ignores_v(c, v, target):
    return sweep(c, torch.zeros_like(v), target)


def _sweep_backwards(c, v, target):
    return sweep(c, target, v)


def _sweep_in_place(c, v, target):
    hinges = torch.cat([c[:1] - 1, c[:-1]])
    weights = []
    for k in range(len(c)):
        weights.append((target[k] - v[k]) / (c[k] - hinges[k]))
        v += weights[k] * (c - hinges[k]).clamp(min=0)
    return torch.stack(weights)


def _sweep_hinge_on_the_point(c, v, target):
    weights = []
    for k in range(len(c)):
        weights.append((target[k] - v[k]) / (c[k] - c[k]))
        v = v + weights[k] * (c - c[k]).clamp(min=0)
    return torch.stack(weights)


def _sweep_cases(generator):
    def row(*entries):
        return torch.tensor(entries, dtype=torch.float64)

    draw = {"generator": generator, "dtype": torch.float64}
    c = (0.2 + torch.rand(5, **draw)).cumsum(0) / 3  # points nearer to each other than 1
    return [
        (row(0.0, 2.0), row(0.0, 0.0), row(1.0, 3.0)),
        (row(0.0, 2.0, 2.5), row(1.0, 1.0, 0.0), row(2.0, 0.0, 1.0)),
        (c, torch.randn(5, **draw), torch.randn(5, **draw)),
    ]


SWEEP = Exercise(
    id="08.6",
    title="One sweep",
    difficulty=4,
    minutes=12,
    hints=[
        "Compute the weights one after the other, keeping `v` up to date: before piece k the "
        "points 1 … k − 1 are in place, and point k has been moved along by all earlier pieces.",
        "Piece k adds weight · (c − hinge)₊ to *all* values. What weight brings point k, whose "
        "distance from the hinge is c[k] − hinge, from where it now is to its target?",
        "Make the list of hinges first (the point before; for the first one c[0] − 1). Then in a "
        "loop: the weight, and the new v, with `.clamp(min=0)`. At the end `torch.stack`.",
    ],
    solution=sweep,
    alternatives=[_sweep_slopes, _sweep_solve, _sweep_numbers, _sweep_no_relu],
    misconceptions=[
        Misconception(
            "forgets that earlier pieces move later points",
            _sweep_forgets_the_others,
            "For {case} you get {got}, and {expected} is expected. You compute every weight from "
            "where the points were at the start. Where is point 2 when piece 1 is done?",
        ),
        Misconception(
            "slopes instead of changes of slope",
            _sweep_slopes_only,
            "For {case} you get {got}, and {expected} is expected. Your numbers are the slopes "
            "that the *sum* of all pieces must have between the points. The earlier pieces go on "
            "to the right of their hinges and contribute: what is left for piece k?",
        ),
        Misconception(
            "does not divide by the distance",
            _sweep_displacements,
            "For {case} you get {got}, and {expected} is expected. Your weight is how far the "
            "point has to go. A shear moves it by weight times its distance from the hinge.",
        ),
        Misconception(
            "returns how far the points have to go",
            _sweep_distances,
            "For {case} you get {got}, and {expected} is expected. That is how far each point has "
            "to go. Which weight takes it there, and what have the earlier pieces done by then?",
        ),
        Misconception(
            "first hinge at zero",
            _sweep_first_hinge_at_zero,
            "For {case} you get {got}, and {expected} is expected. Your first hinge stands at "
            "zero; in (8.12) it stands at c₀ = c₁ − 1, left of all points.",
        ),
        Misconception(
            "shifts instead of shears",
            _sweep_shifts,
            "For {case} you get {got}, and {expected} is expected. You let every piece move all "
            "points equally. What does (8.10) do to points at other distances, and to those behind "
            "the hinge?",
        ),
        Misconception(
            "hinge half-way between two points",
            _sweep_halfway,
            "For {case} you get {got}, and {expected} is expected. With hinges half-way all points "
            "arrive as well, but the weights are others (and larger ones: each piece has only half "
            "the distance to do its work). Here a hinge stands at the point before.",
        ),
        Misconception(
            "all hinges at the same place",
            _sweep_one_hinge,
            "For {case} you get {got}, and {expected} is expected. Your second piece has the hinge "
            "of the first one, so that it moves point 1 out of place again.",
        ),
        Misconception(
            "ignores where the points are",
            _sweep_ignores_v,
            "For {case} you get {got}, and {expected} is expected. You move the points as if all "
            "of them started at zero.",
        ),
        Misconception(
            "target and value swapped",
            _sweep_backwards,
            "For {case} you get {got}, and {expected} is expected: your pieces lead from the "
            "targets back to the points.",
        ),
        Misconception(
            "updates in place",
            _sweep_in_place,
            "For {case} you get {got}, and {expected} is right; but `+=` has moved the caller's "
            "own points as well.",
        ),
        Misconception(
            "hinge at the point that is to be moved",
            _sweep_hinge_on_the_point,
            "For {case} you get {got}, and {expected} is expected. Your hinge stands at point k, "
            "which then cannot move: its distance is zero.",
        ),
    ],
    means="N shears interpolate N displacements by a piecewise linear function, and each weight "
    "is one change of its slope.",
    cases=_sweep_cases,
)

EXERCISES = [LINE, MAPS, AUGMENT, BLOCKS, NEURON, SWEEP]
