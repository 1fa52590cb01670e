"""Exercises of notebook 04, *Differential equations and their solvers*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb04 import euler_step`.
"""

import math

import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- Right-hand sides of the cases; the docstring's first line is what a learner is shown --------


def growth(t, y):
    """f(t, y) = y/2"""
    return 0.5 * y


def lag(t, y):
    """f(t, y) = t − y"""
    return t - y


def curved(t, y):
    """f(t, y) = t² + y²/4"""
    return t**2 + 0.25 * y**2


def turning(t, y):
    """f(t, (q, v)) = (v, −4q + t)"""
    return torch.stack([y[..., 1], -4 * y[..., 0] + t], -1)


def step_cases(generator):
    """(func, t, y, h) for a step function: growth first, then time, curvature, a batch.

    On linear equations all methods of order four agree; the curved one's long step tells them
    apart. No h is 1, so that a missing or a doubled h always shows.
    """
    start = 1 + torch.rand(3, 2, generator=generator)
    return [
        (growth, 0.0, torch.tensor([10.0]), 0.1),
        (lag, 1.0, torch.tensor([3.0]), 0.5),
        (curved, 0.5, 1 + torch.rand(1, generator=generator), 0.8),
        (turning, 0.3, start[0], 0.2),
        (turning, 0.7, start, 0.1),
    ]


# --- 04.1 Euler's step ---------------------------------------------------------------------------


def euler_step(func, t, y, h):
    """One step of Euler's method: follow the slope at the start for a time h, (4.8)."""
    return y + h * func(t, y)


def _euler_pieces(func, t, y, h):
    change = func(t, y) * h
    return torch.add(change, y)


def _euler_forgets_h(func, t, y, h):
    return y + func(t, y)


def _euler_late_slope(func, t, y, h):
    return y + h * func(t + h, y)


def _euler_in_place(func, t, y, h):
    y += h * func(t, y)
    return y


def _euler_increment_only(func, t, y, h):
    return h * func(t, y)


def _euler_swapped(func, t, y, h):
    return y + h * func(y, t)


def _euler_backwards(func, t, y, h):
    return y - h * func(t, y)


def _euler_multiplies(func, t, y, h):
    return y * (1 + h * func(t, y))


EULER = Exercise(
    id="04.1",
    title="One step of Euler's method",
    difficulty=1,
    minutes=4,
    hints=[
        "A slope is a change per unit of time. How much change does it make in a time h?",
        "You need one call of `func`, at the state and at the time where the step *starts*.",
        "Equation (4.8), with the bunnies' slope rB replaced by any `func(t, y)`.",
    ],
    solution=euler_step,
    alternatives=[_euler_pieces],
    misconceptions=[
        Misconception(
            "h forgotten",
            _euler_forgets_h,
            "You get {got}, expected is {expected}: your step is as long as a whole unit of time. "
            "A slope is a change *per unit of time*; which input says how much time passes?",
        ),
        Misconception(
            "slope at the end time",
            _euler_late_slope,
            "You get {got}, expected is {expected}. You pair the old state with the *new* time, a "
            "point that lies on no solution. Where is your state known, and at what time?",
        ),
        Misconception(
            "updates in place",
            _euler_in_place,
            "You get {got}, and {expected} is right; but the caller's own `y` holds it now as "
            "well: `+=` on a tensor overwrites it. In a stored trajectory every earlier state "
            "would change too.",
        ),
        Misconception(
            "returns the change only",
            _euler_increment_only,
            "You get {got}, expected is {expected}: that is by how much the state changes. "
            "Which state does the step arrive at?",
        ),
        Misconception(
            "time and state swapped",
            _euler_swapped,
            "You get {got}, expected is {expected}. Look at the order of the two inputs of `func` "
            "in the line above your function: which one does this course put first?",
        ),
        Misconception(
            "steps against the slope",
            _euler_backwards,
            "You get {got}, expected is {expected}: you walk against the slope, which is the step "
            "into the past (and, in notebook 02, gradient descent).",
        ),
        Misconception(
            "multiplies by the state once more",
            _euler_multiplies,
            "You get {got}, expected is {expected}. `func` is given the state and returns a slope, "
            "in bunnies a month; you use it like a rate, a share of the state. Which is it?",
        ),
    ],
    means="this one line is also a residual block: what comes out is what went in, plus a little.",
    cases=step_cases,
)


# --- 04.2 The observed order ---------------------------------------------------------------------


def observed_order(coarse, medium, fine):
    """Order of a method from its results at h, h/2 and h/4, without the exact answer, (4.12)."""
    return math.log2(abs(coarse - medium) / abs(medium - fine))


def _order_by_logs(coarse, medium, fine):
    return (math.log(abs(coarse - medium)) - math.log(abs(medium - fine))) / math.log(2)


def _order_tensor(coarse, medium, fine):
    return torch.log2(torch.tensor((coarse - medium) / (medium - fine)))


def _order_inverted(coarse, medium, fine):
    return math.log2(abs(medium - fine) / abs(coarse - medium))


def _order_natural_log(coarse, medium, fine):
    return math.log(abs(coarse - medium) / abs(medium - fine))


def _order_local(coarse, medium, fine):
    return math.log2(abs(coarse - medium) / abs(medium - fine)) + 1


def _order_ratio(coarse, medium, fine):
    return abs(coarse - medium) / abs(medium - fine)


def _order_fine_is_exact(coarse, medium, fine):
    return math.log2(abs(coarse - fine) / abs(medium - fine))


def _order_base_four(coarse, medium, fine):
    return math.log(abs(coarse - medium) / abs(medium - fine), 4)


def _order_rounded(coarse, medium, fine):
    return round(math.log2(abs(coarse - medium) / abs(medium - fine)))


def order_cases(generator):
    """(result at h, h/2, h/4): an error C·hᵖ of known order, then with a smaller next term."""
    exact, c, d = (1 + torch.rand(3, generator=generator)).tolist()
    cases = [(10.4, 10.2, 10.1)]
    for p, h, sign in [(2, 0.1, 1.0), (1, 0.05, -1.0), (4, 0.2, 1.0)]:
        cases.append(tuple(exact + sign * c * s**p for s in (h, h / 2, h / 4)))
        cases.append(tuple(exact + sign * c * s**p + d * s ** (p + 1) for s in (h, h / 2, h / 4)))
    return cases


ORDER = Exercise(
    id="04.2",
    title="The order of a method, without the exact answer",
    difficulty=3,
    minutes=8,
    hints=[
        "Write each result as exact + C·hᵖ, with h, h/2 and h/4. What survives in a difference?",
        "The first difference is C·hᵖ(1 − 2⁻ᵖ). What is the second, and what is their ratio?",
        "The ratio of the two differences is 2ᵖ. Solve for p.",
    ],
    solution=observed_order,
    alternatives=[_order_by_logs, _order_tensor],
    misconceptions=[
        Misconception(
            "ratio inverted",
            _order_inverted,
            "You get {got}, expected is {expected}: a negative order would mean that smaller "
            "steps make the result worse. Which of the two differences is the larger one?",
        ),
        Misconception(
            "natural logarithm",
            _order_natural_log,
            "You get {got}, expected is {expected}. By what factor does the step shrink from one "
            "run to the next? The logarithm has to ask for a power of that number.",
        ),
        Misconception(
            "returns the local order",
            _order_local,
            "You get {got}, expected is {expected}: that is how the error of *one* step shrinks. "
            "Your inputs come after many steps; what else changes when h does?",
        ),
        Misconception(
            "ratio instead of its power",
            _order_ratio,
            "You get {got}, expected is {expected}: that is the factor by which the error falls "
            "when h is halved. Which power of two is it?",
        ),
        Misconception(
            "takes the finest result for the truth",
            _order_fine_is_exact,
            "You get {got}, expected is {expected}. You measure both errors against the finest "
            "result, but that has an error of its own, which is not small beside the medium one.",
        ),
        Misconception(
            "base four",
            _order_base_four,
            "You get {got}, expected is {expected}. From the first result to the last, h shrinks "
            "four-fold; but from one *difference* to the next?",
        ),
        Misconception(
            "rounded",
            _order_rounded,
            "You get {got}, expected is {expected}. The order of a method is a whole number, a "
            "*measured* one is not: what it is off by tells how far these h are from zero. "
            "What does your rounding hide?",
        ),
    ],
    means="two differences cancel the unknown exact answer, so any solver's order can be measured.",
    cases=order_cases,
    rtol=1e-6,
)


# --- 04.3 The classical Runge–Kutta step ---------------------------------------------------------


def rk4_step(func, t, y, h):
    """One step of the classical Runge–Kutta method of order four, (4.14)."""
    k1 = func(t, y)
    k2 = func(t + h / 2, y + h / 2 * k1)
    k3 = func(t + h / 2, y + h / 2 * k2)
    k4 = func(t + h, y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def _rk4_changes(func, t, y, h):
    a = h * func(t, y)
    b = h * func(t + 0.5 * h, y + 0.5 * a)
    c = h * func(t + 0.5 * h, y + 0.5 * b)
    d = h * func(t + h, y + c)
    return y + a / 6 + b / 3 + c / 3 + d / 6


def _rk4_table(func, t, y, h):
    slope, total = func(t, y), 0
    for weight, ahead in [(1, 0.5), (2, 0.5), (2, 1.0), (1, 0.0)]:
        total = total + weight * slope
        slope = func(t + ahead * h, y + ahead * h * slope)
    return y + h * total / 6


def _rk4_with(nodes=(0.5, 0.5, 1.0), reach=(0.5, 0.5, 1.0), weights=(1, 2, 2, 1), total=6.0):
    """A four-stage rule with other numbers in it: the raw material of the misconceptions."""

    def step(func, t, y, h):
        k = [func(t, y)]
        for c, a in zip(nodes, reach, strict=True):
            k.append(func(t + c * h, y + a * h * k[-1]))
        return y + h / total * sum(w * ki for w, ki in zip(weights, k, strict=True))

    return step


def _rk4_k3_from_k1(func, t, y, h):
    k1 = func(t, y)
    k2 = func(t + h / 2, y + h / 2 * k1)
    k3 = func(t + h / 2, y + h / 2 * k1)
    k4 = func(t + h, y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def _rk4_accumulates(func, t, y, h):
    k1 = func(t, y)
    y2 = y + h / 2 * k1
    k2 = func(t + h / 2, y2)
    y3 = y2 + h / 2 * k2
    k3 = func(t + h / 2, y3)
    k4 = func(t + h, y3 + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def _rk4_with_h(slope=0, trial=1, result=1):
    """RK4 with other powers of h in the slopes, the trial states and the result."""

    def step(func, t, y, h):
        s, a, b = h**slope, h**trial, h**result
        k1 = s * func(t, y)
        k2 = s * func(t + h / 2, y + a / 2 * k1)
        k3 = s * func(t + h / 2, y + a / 2 * k2)
        k4 = s * func(t + h, y + a * k3)
        return y + b / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return step


def _rk4_trials_without_y(func, t, y, h):
    k1 = func(t, y)
    k2 = func(t + h / 2, h / 2 * k1)
    k3 = func(t + h / 2, h / 2 * k2)
    k4 = func(t + h, h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def _rk4_increment_only(func, t, y, h):
    return rk4_step(func, t, y, h) - y


def _rk4_without_parentheses(func, t, y, h):
    k1 = func(t, y)
    k2 = func(t + h / 2, y + h / 2 * k1)
    k3 = func(t + h / 2, y + h / 2 * k2)
    k4 = func(t + h, y + h * k3)
    return y + h / 6 * k1 + 2 * k2 + 2 * k3 + k4


def _rk4_three_eighths(func, t, y, h):
    k1 = func(t, y)
    k2 = func(t + h / 3, y + h / 3 * k1)
    k3 = func(t + 2 * h / 3, y + h * (k2 - k1 / 3))
    k4 = func(t + h, y + h * (k1 - k2 + k3))
    return y + h / 8 * (k1 + 3 * k2 + 3 * k3 + k4)


_H_TWICE = (
    "You get {got}, expected is {expected}. A slope times a time is a change; somewhere you "
    "multiply by h a second time. Follow h from your slopes "
)

RK4 = Exercise(
    id="04.3",
    title="The classical Runge–Kutta step",
    difficulty=2,
    minutes=6,
    hints=[
        "Four calls of `func`, each using the slope found by the one before. Name them k1 … k4.",
        "Every trial point starts from the *same* y: y + (h/2)·k1, y + (h/2)·k2, y + h·k3.",
        "The middle slopes count double, and the four weights 1/6, 2/6, 2/6, 1/6 sum to one.",
    ],
    solution=rk4_step,
    alternatives=[_rk4_changes, _rk4_table],
    misconceptions=[
        Misconception(
            "k₂ from y itself",
            _rk4_with(reach=(0.0, 0.5, 1.0)),
            "You get {got}, expected is {expected}. Your second slope is taken at the right time "
            "but at the state where the step began. Half a step later, where is the state?",
        ),
        Misconception(
            "k₃ does not use k₂",
            _rk4_k3_from_k1,
            "You get {got}, expected is {expected}. Your third slope repeats the second one. Which "
            "slope is the best that is known when the third trial point is chosen?",
        ),
        Misconception(
            "equal weights",
            _rk4_with(weights=(1, 1, 1, 1), total=4.0),
            "You get {got}, expected is {expected}. You give all four slopes the same say. Look "
            "at the weights in (4.14): those in the middle of the step count for more.",
        ),
        Misconception(
            "weights do not sum to one",
            _rk4_with(total=1.0),
            "You get {got}, expected is {expected}: your step is six times too long. If all four "
            "slopes were equal, the result should be Euler's; try it with yours.",
        ),
        Misconception(
            "whole steps to the middle",
            _rk4_with(reach=(1.0, 1.0, 1.0)),
            "You get {got}, expected is {expected}. Your trial states for k2 and k3 have walked "
            "for a time h, while their clock shows t + h/2.",
        ),
        Misconception(
            "stops half-way in k₄",
            _rk4_with(nodes=(0.5, 0.5, 0.5), reach=(0.5, 0.5, 0.5)),
            "You get {got}, expected is {expected}. Your fourth slope comes from the middle of the "
            "step again; nobody has looked at its end.",
        ),
        Misconception(
            "time stands still",
            _rk4_with(nodes=(0.0, 0.0, 0.0)),
            "You get {got}, expected is {expected}, although it is right when f does not depend "
            "on t. At what time does each of your four slopes look?",
        ),
        Misconception(
            "trial states pile up",
            _rk4_accumulates,
            "You get {got}, expected is {expected}. Each of your trial states starts from the "
            "trial state before it. Where does every one of them start in (4.14)?",
        ),
        Misconception(
            "h missing in the trial states",
            _rk4_with_h(trial=0),
            "You get {got}, expected is {expected}. Your trial states walk for a whole unit of "
            "time, or half of one, however short the step is.",
        ),
        Misconception(
            "h missing in the result",
            _rk4_with_h(result=0),
            "You get {got}, expected is {expected}. Your slopes are right, but you add their mean "
            "to the state as it stands: for how long is it followed?",
        ),
        Misconception("h twice", _rk4_with_h(1, 1, 1), _H_TWICE + "on, wherever they are used."),
        Misconception("h twice, trials", _rk4_with_h(1, 1, 0), _H_TWICE + "to the trial states."),
        Misconception("h twice, result", _rk4_with_h(1, 0, 1), _H_TWICE + "to the last line."),
        Misconception(
            "trial states without y",
            _rk4_trials_without_y,
            "You get {got}, expected is {expected}. You ask for the slopes at changes, not at "
            "states: from where do you walk for half a step?",
        ),
        Misconception(
            "returns the change only",
            _rk4_increment_only,
            "You get {got}, expected is {expected}: that is by how much the state changes. "
            "Which state does the step arrive at?",
        ),
        Misconception(
            "parentheses missing",
            _rk4_without_parentheses,
            "You get {got}, expected is {expected}. Your four slopes are right. Which of them "
            "does h/6 multiply in your last line, and which in (4.14)?",
        ),
        Misconception(
            "only k₄'s time stops half-way",
            _rk4_with(nodes=(0.5, 0.5, 0.5)),
            "You get {got}, expected is {expected}, although it is right when f does not depend "
            "on t. Your fourth state has walked to the end of the step; what does its clock show?",
        ),
        Misconception(
            "only k₄'s state stops half-way",
            _rk4_with(reach=(0.5, 0.5, 0.5)),
            "You get {got}, expected is {expected}. The clock of your fourth slope shows the end "
            "of the step. How far has its state walked?",
        ),
        Misconception(
            "another method of order four",
            _rk4_three_eighths,
            "You get {got}, expected is {expected}. Yours has order four too: it is Kutta's "
            "3/8 rule, another table of numbers. (4.14) looks twice at one time; at which?",
        ),
    ],
    means="four looks at the slope buy an error that falls sixteen-fold when the step is halved.",
    cases=step_cases,
)


# --- 04.4 The step-size controller ---------------------------------------------------------------


def next_step(h, ratio, remaining):
    """The step to try next, from error ÷ tolerance of a step of size h, (4.18)."""
    factor = 0.9 * ratio ** (-1 / 5)
    return min(h * min(5.0, max(0.2, factor)), remaining)


def _next_step_by_cases(h, ratio, remaining):
    new = 0.9 * h / ratio**0.2
    if new > 5 * h:
        new = 5 * h
    if new < h / 5:
        new = h / 5
    return remaining if new > remaining else new


def _next_step_torch(h, ratio, remaining):
    factor = torch.clamp(0.9 * torch.tensor(ratio) ** -0.2, 0.2, 5.0)
    return torch.minimum(h * factor, torch.tensor(remaining))


def _controller(exponent=-0.2, safety=0.9, low=0.2, high=5.0, clamp=True):
    def step(h, ratio, remaining):
        new = h * min(high, max(low, safety * ratio**exponent))
        return min(new, remaining) if clamp else new

    return step


def _next_step_limits_the_step(h, ratio, remaining):
    return min(5.0, max(0.2, 0.9 * h * ratio**-0.2), remaining)


def _next_step_safety_outside(h, ratio, remaining):
    return min(0.9 * h * min(5.0, max(0.2, ratio**-0.2)), remaining)


def _next_step_swapped(h, ratio, remaining):
    return min(h * min(0.2, max(5.0, 0.9 * ratio**-0.2)), remaining)


def _next_step_swapped_twice(h, ratio, remaining):
    return min(h * max(5.0, min(0.2, 0.9 * ratio**-0.2)), remaining)


def _next_step_factor(h, ratio, remaining):
    return min(5.0, max(0.2, 0.9 * ratio**-0.2), remaining)


def controller_cases(generator):
    """(h, ratio, remaining): accepted, rejected, near the end, and errors tiny or huge."""
    noise = (0.5 + torch.rand(4, generator=generator)).tolist()
    return [
        (0.1, 32.0, 9.0),
        (0.1, 1 / 32, 9.0),
        (0.2, 1.0, 5.0),
        (0.1, 0.5 * noise[0], 8.0),
        (0.05, 3.0 * noise[1], 8.0),
        (0.4, 0.01, 0.25),
        (0.1 * noise[2], 1e-9, 9.0),
        (0.1 * noise[3], 1e7, 9.0),
        (0.5, 1e-9, 0.01),
    ]


CONTROLLER = Exercise(
    id="04.4",
    title="A step-size controller",
    difficulty=3,
    minutes=8,
    hints=[
        "The error of one step is C·h⁵. If ratio = 32 = 2⁵, what step would have had ratio 1?",
        "That step is h · ratio^(−1/5). Aim a little lower: nine tenths of it.",
        "Limit the *factor* to between 0.2 and 5 first; then never go beyond `remaining`.",
    ],
    solution=next_step,
    alternatives=[_next_step_by_cases, _next_step_torch],
    misconceptions=[
        Misconception(
            "exponent's sign",
            _controller(exponent=0.2),
            "For {case} you propose {got}, expected is {expected}. An error too large makes your "
            "step longer. In which direction should it go?",
        ),
        Misconception(
            "no safety factor",
            _controller(safety=1.0),
            "For {case} you propose {got}, expected is {expected}. You aim exactly at the "
            "tolerance, so about every second step would miss it and be thrown away.",
        ),
        Misconception(
            "runs past the end",
            _controller(clamp=False),
            "For {case} you propose {got}, but only so much time remains: the right-hand side "
            "would be asked about times outside of the interval. Expected is {expected}.",
        ),
        Misconception(
            "no exponent",
            _controller(exponent=-1.0),
            "For {case} you propose {got}, expected is {expected}. You treat the error as "
            "proportional to h. How does it really depend on h, by (4.17)?",
        ),
        Misconception(
            "the global order's exponent",
            _controller(exponent=-0.25),
            "For {case} you propose {got}, expected is {expected}. The fourth root would suit an "
            "error accumulated over many steps; yours belongs to a single step.",
        ),
        Misconception(
            "no limits on the factor",
            _controller(low=0.0, high=float("inf")),
            "For {case} you propose {got}, expected is {expected}. One lucky estimate sends your "
            "step through the roof, one unlucky estimate to nothing; limit the factor.",
        ),
        Misconception(
            "no lower limit",
            _controller(low=0.0),
            "For {case} you propose {got}, expected is {expected}. Growth is limited in yours; "
            "what if one estimate is a million times too large?",
        ),
        Misconception(
            "no upper limit",
            _controller(high=float("inf")),
            "For {case} you propose {got}, expected is {expected}. Shrinking is limited in yours; "
            "what if one estimate happens to be almost zero?",
        ),
        Misconception(
            "limits the step, not the factor",
            _next_step_limits_the_step,
            "For {case} you propose {got}, expected is {expected}. 0.2 and 5 are no times: they "
            "say how much longer or shorter than the last one a step may be.",
        ),
        Misconception(
            "safety outside the limits",
            _next_step_safety_outside,
            "For {case} you propose {got}, expected is {expected}. You limit first and take nine "
            "tenths after that, which moves both limits. What is limited in (4.18)?",
        ),
        Misconception(
            "limits swapped, always shrinks",
            _next_step_swapped,
            "For {case} you propose {got}, expected is {expected}, and a fifth of h in every other "
            "case, too. To keep a number below 5, do you take its minimum or its maximum with 5?",
        ),
        Misconception(
            "limits swapped, always grows",
            _next_step_swapped_twice,
            "For {case} you propose {got}, expected is {expected}: five times h, whatever the "
            "error. To keep a number below 5, do you take its minimum or its maximum with 5?",
        ),
        Misconception(
            "returns the factor",
            _next_step_factor,
            "For {case} you propose {got}, expected is {expected}. Yours says how many times as "
            "long as the last one the step should be; how long is that?",
        ),
    ],
    means="the solver now spends its evaluations where the solution bends, and saves elsewhere.",
    cases=controller_cases,
)


# --- 04.5 The largest stable step ----------------------------------------------------------------

STABLE = Exercise(
    id="04.5",
    title="The largest stable step",
    difficulty=3,
    minutes=6,
    kind="number",
    solution=2 / 51,
    rtol=1e-3,  # 0.0392 passes; the next number of three digits is beyond the limit already
    hints=[
        "In the directions (1, 1) and (1, −1) the matrix only stretches. By how much in each?",
        "Those stretching factors are the λ's. (4.21) has to hold for *all* of them at once.",
        "The eigenvalues are −1 and −51. Which of the two is the strict one?",
    ],
    misconceptions=[
        Misconception(
            "the slow mode",
            2.0,
            "{got} would suit the slow mode alone. The other one has died out of the *solution*; "
            "has it died out of the *method*?",
        ),
        Misconception(
            "the diagonal",
            2 / 26,
            "{got} takes the diagonal entry for λ. The two components pull on each other: along "
            "which directions does the matrix act like one number?",
        ),
        Misconception(
            "no overshoot instead of no growth",
            1 / 51,
            "{got} is the largest step for which the fast mode does not change its sign. It may "
            "change its sign and still shrink: what does (4.21) allow?",
        ),
        Misconception(
            "upside down",
            51 / 2,
            "{got} is λ over two: with steps that long nothing would be stable. Solve (4.21) for h "
            "once more.",
        ),
        Misconception(
            "the example's λ",
            2 / 50,
            "{got} belongs to λ = −50 of the example above. Which λ's does this matrix have?",
        ),
        Misconception(
            "the eigenvalue itself",
            51.0,
            "{got} is how fast the fast mode dies, a rate. Asked is a step, a time: which one "
            "does (4.21) make of this rate?",
        ),
        Misconception(
            "rounded beyond the limit",
            0.0393,
            "{got} is so near that it must be rounded, but upwards: put it into R(λh) and look on "
            "which side of −1 the fast mode comes out.",
        ),
        Misconception(
            "two digits",
            0.039,
            "{got} is stable, but three digits are asked for, and with the third one a slightly "
            "longer step is still stable.",
        ),
    ],
    means="the fastest mode sets the step, even where it has long vanished: that is stiffness.",
    explanation=(
        "A(1, 1) = −1·(1, 1) and A(1, −1) = −51·(1, −1). Euler multiplies the second mode by "
        "1 − 51h in each step; |1 − 51h| ≤ 1 means h ≤ 2/51 ≈ 0.0392."
    ),
)


# --- 04.6 There and back again -------------------------------------------------------------------

BACK = Exercise(
    id="04.6",
    title="There and back again",
    difficulty=2,
    minutes=3,
    kind="choice",
    options={
        "A": "at exactly ten: each step back undoes one step forward",
        "B": "below ten",
        "C": "above ten",
        "D": "nowhere: a step must be positive",
    },
    solution="B",
    hints=[
        "One step forward multiplies B by 1 + rh. By what does one step with −h multiply it?",
        "Multiply the two factors out. Is the product above or below one?",
    ],
    misconceptions=[
        Misconception(
            "Euler undoes itself",
            "A",
            "The differential equation runs backwards exactly; does Euler? On the way back it "
            "takes the slope at the *other* end of the step. Multiply out one step of each.",
        ),
        Misconception(
            "sign of the remainder",
            "C",
            "You noticed that the way back is another way. On the way back the slope is taken "
            "where the bunnies are more: is then too much taken away, or too little?",
        ),
        Misconception(
            "no negative steps",
            "D",
            "Nothing in Euler's rule needs h > 0: the slope says where the solution comes from "
            "as well as where it goes.",
        ),
    ],
    means="(1 + rh)(1 − rh) = 1 − r²h², and 0 < 1 − r²h² < 1 for rh < 1: explicit Euler is not "
    "its own way back.",
    explanation=(
        "A step forward multiplies by 1 + rh, a step with −h by 1 − rh; together by 1 − r²h², "
        "and 0 < 1 − r²h² < 1 for rh < 1. (Longer steps overshoot zero: with h = 4 and N = 2 one "
        "returns with 90 bunnies.) The true inverse of an Euler step would have to divide by "
        "1 + rh: that is an implicit Euler step backwards."
    ),
)

EXERCISES = [EULER, ORDER, RK4, CONTROLLER, STABLE, BACK]
