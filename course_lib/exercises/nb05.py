"""Exercises of notebook 05, *Residual networks are Euler's method*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb05 import resnet_states`.
"""

import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- Fields of the cases; the docstring's first line is what a learner is shown ------------------


def drift(t, x):
    """f(t, x) = x/2 + t"""
    return 0.5 * x + t


def turning(t, x):
    """f(t, (x₁, x₂)) = (x₂, −(1 + t)·x₁)"""
    return torch.stack([x[..., 1], -(1 + t) * x[..., 0]], -1)


def squashed(t, x):
    """f(t, x) = tanh(2x − t)"""
    return torch.tanh(2 * x - t)


def double(x):
    """F(x) = 2x"""
    return 2 * x


def bend(x):
    """G(x) = tanh(x + 1)"""
    return torch.tanh(x + 1)


def wave(x):
    """F(x) = sin(3x)"""
    return torch.sin(3 * x)


# --- 05.1 A residual network is an Euler solve ---------------------------------------------------


def resnet_states(f, x0, D, T=1.0):
    """All states x₀ … x_D of D residual blocks that share the depth T, by (5.1)."""
    h, states = T / D, [x0]
    for block in range(D):
        states.append(states[-1] + h * f(block * h, states[-1]))
    return torch.stack(states)


def _resnet_in_a_list(f, x0, D, T=1.0):
    t, xs = 0.0, [x0]
    while len(xs) <= D:
        xs = [*xs, xs[-1] + (T / D) * f(t, xs[-1])]
        t += T / D
    return torch.stack(xs)


def _resnet_by_odeint(f, x0, D, T=1.0):
    from course_lib.solvers import odeint

    times = torch.linspace(0, T, D + 1, dtype=x0.dtype)
    return odeint(
        lambda t, x: f(float(t), x), x0, times, method="euler", options={"step_size": T / D}
    )


def _resnet_with(step=lambda T, D: T / D, clock=lambda n, h: n * h, count=lambda D: D, keep=True):
    """The loop with one thing wrong in it: the raw material of the misconceptions."""

    def states(f, x0, D, T=1.0):
        h, xs = step(T, D), [x0]
        for n in range(count(D)):
            xs.append((xs[-1] if keep else 0) + h * f(clock(n, T / D), xs[-1]))
        return torch.stack(xs)

    return states


def _resnet_of_unit_depth(f, x0, D, T=1.0):
    return resnet_states(f, x0, D, 1.0)


def _resnet_clock_in_fractions(f, x0, D, T=1.0):
    return resnet_states(lambda t, x: f(t / T, x), x0, D, T)


def _resnet_last_only(f, x0, D, T=1.0):
    return resnet_states(f, x0, D, T)[-1]


def _resnet_without_x0(f, x0, D, T=1.0):
    return resnet_states(f, x0, D, T)[1:]


def _resnet_from_x0(f, x0, D, T=1.0):
    h, xs = T / D, [x0]
    for n in range(D):
        xs.append(xs[-1] + h * f(n * h, x0))
    return torch.stack(xs)


def _resnet_in_place(f, x0, D, T=1.0):
    h, x, xs = T / D, x0.clone(), []
    for n in range(D + 1):
        xs.append(x)
        if n < D:
            x += h * f(n * h, x)
    return torch.stack(xs)


def resnet_cases(generator):
    """(f, x0, D, T): T = 1 first, then others; h is never 1; the last has a batch."""
    start = 1 + torch.rand(3, 2, generator=generator)
    return [
        (drift, torch.tensor([1.0]), 2, 1.0),
        (drift, start[0], 3, 1.5),
        (squashed, start[1], 4, 2.0),
        (turning, start, 5, 3.0),
    ]


FORWARD = Exercise(
    id="05.1",
    title="A residual network as an Euler solve",
    difficulty=2,
    minutes=6,
    hints=[
        "D blocks have to cover the depth from 0 to T. How long is one block's step?",
        "Start a list with x0. Each block appends the last state plus h times f at the block's "
        "starting depth.",
        "Block ℓ = 1 … D starts at depth (ℓ − 1)·h. Stack the D + 1 states at the end.",
    ],
    solution=resnet_states,
    alternatives=[_resnet_in_a_list, _resnet_by_odeint],
    misconceptions=[
        Misconception(
            "h forgotten",
            _resnet_with(step=lambda T, D: 1.0),
            "You get {got}, expected is {expected}: each of your blocks adds a whole f. That is "
            "the network of 03; with twice the blocks it would go twice as far. What keeps the "
            "way the same?",
        ),
        Misconception(
            "T forgotten",
            _resnet_with(step=lambda T, D: 1 / D),
            "You get {got}, expected is {expected}. Your steps add up to 1, whatever T is. How "
            "far do the D blocks have to come?",
        ),
        Misconception(
            "T never used",
            _resnet_of_unit_depth,
            "You get {got}, expected is {expected}. Your blocks end at depth 1, whatever T is. How "
            "far do they have to come?",
        ),
        Misconception(
            "depth as a fraction of T",
            _resnet_clock_in_fractions,
            "You get {got}, expected is {expected}. Your steps have the right length, but the "
            "depth that you hand to f runs from 0 to 1, whatever T is.",
        ),
        Misconception(
            "depth does not advance",
            _resnet_with(clock=lambda n, h: 0.0),
            "You get {got}, expected is {expected}. Every block of yours asks f at depth 0, so all "
            "blocks have the same weights. Where does block ℓ begin?",
        ),
        Misconception(
            "slope at the block's end",
            _resnet_with(clock=lambda n, h: (n + 1) * h),
            "You get {got}, expected is {expected}. You pair the state at the start of a block "
            "with the depth at its end. The first block begins at 0.",
        ),
        Misconception(
            "the block's number for its depth",
            _resnet_with(clock=lambda n, h: n),
            "You get {got}, expected is {expected}. You hand f the number of the block. f wants "
            "to know how deep that is, between 0 and T.",
        ),
        Misconception(
            "one block too few",
            _resnet_with(count=lambda D: D - 1),
            "You have {got}, expected is {expected}. D blocks make D + 1 states, with the input.",
        ),
        Misconception(
            "last state only",
            _resnet_last_only,
            "You return {got}, expected is {expected}: the states of *all* layers, input first.",
        ),
        Misconception(
            "input left out",
            _resnet_without_x0,
            "You return {got}, expected is {expected}. The path begins at the input.",
        ),
        Misconception(
            "no skip",
            _resnet_with(keep=False),
            "You get {got}, expected is {expected}: a block of yours forgets what it was given.",
        ),
        Misconception(
            "every block looks at the input",
            _resnet_from_x0,
            "You get {got}, expected is {expected}. All your blocks evaluate f at the input. What "
            "has the block before handed on?",
        ),
        Misconception(
            "one tensor, many times",
            _resnet_in_place,
            "You get {got}, expected is {expected}: `+=` changes the one tensor that your list "
            "holds again and again, so that all layers show the last state.",
        ),
    ],
    means="more blocks now mean smaller steps over the same depth, not a longer way.",
    cases=resnet_cases,
)


# --- 05.2 PolyNet's coefficient ------------------------------------------------------------------

COEFFICIENT = Exercise(
    id="05.2",
    title="The coefficient that makes PolyNet second order",
    difficulty=3,
    minutes=5,
    kind="number",
    solution=0.5,
    hints=[
        "On ẋ = λx the exact flow multiplies by e^z, z = λh. What does the block multiply by?",
        "F(x) = zx, so the block's factor is 1 + z + cz². Compare with the series of e^z.",
        "e^z = 1 + z + z²/2 + …: which c matches one more term?",
    ],
    misconceptions=[
        Misconception(
            "the published coefficient",
            1.0,
            "{got} matches 1/(1 − z), the factor of *implicit Euler*, in one more term. But that "
            "method is itself of order one: which function has to be matched?",
        ),
        Misconception(
            "Euler's coefficient",
            0.0,
            "{got} leaves Euler's method, of order one. The second call of F is there to mend "
            "the error h²·ẍ/2 of (4.9): by how much?",
        ),
        Misconception(
            "upside down",
            2.0,
            "{got} overshoots: it is the factor in front of the second *derivative* that counts "
            "in Taylor's formula, not its inverse.",
        ),
        Misconception(
            "sign",
            -0.5,
            "{got} has the right size and makes the error twice as large: on ẋ = x, does "
            "Euler come out too low or too high?",
        ),
        Misconception(
            "the next term's coefficient",
            1 / 6,
            "{got} belongs to z³. Which power of z does F∘F contribute?",
        ),
    ],
    means="the same two calls of F, weighed otherwise, gain an order (for linear F).",
    explanation=(
        "On ẋ = λx the block multiplies by 1 + z + cz², the flow by e^z = 1 + z + z²/2 + …. "
        "They agree up to z² for c = 1/2; the error of a step is then O(h³), of a run O(h²)."
    ),
    rtol=1e-3,
)


# --- 05.3 RevNet backwards -----------------------------------------------------------------------


def revnet_inverse(F, G, a_new, b_new):
    """The input halves (a, b) of a RevNet block (5.9), from its output halves."""
    b = b_new - G(a_new)
    a = a_new - F(b)
    return a, b


def _revnet_in_place_names(F, G, a_new, b_new):
    x2 = torch.sub(b_new, G(a_new))
    return a_new - F(x2), x2


def _revnet_wrong_order(F, G, a_new, b_new):
    a = a_new - F(b_new)
    b = b_new - G(a)
    return a, b


def _revnet_both_new(F, G, a_new, b_new):
    return a_new - F(b_new), b_new - G(a_new)


def _revnet_plus(F, G, a_new, b_new):
    b = b_new + G(a_new)
    return a_new + F(b), b


def _revnet_swapped_branches(F, G, a_new, b_new):
    b = b_new - F(a_new)
    return a_new - G(b), b


def _revnet_swapped_output(F, G, a_new, b_new):
    a, b = revnet_inverse(F, G, a_new, b_new)
    return b, a


def _revnet_forward(F, G, a_new, b_new):
    a = a_new + F(b_new)
    return a, b_new + G(a)


def _revnet_own_half(F, G, a_new, b_new):
    b = b_new - G(b_new)
    return a_new - F(a_new), b


def revnet_cases(generator):
    """(F, G, a_new, b_new): linear and invertible, bent, and one that is not invertible itself."""
    a, b = torch.randn(2, 3, 2, generator=generator)
    one = torch.tensor([1.0])
    return [(double, bend, one, 3 * one), (wave, bend, a[0], b[0]), (bend, wave, a, b)]


def _as_one(answer, *case):
    """The two halves as one tensor, so that they are compared together."""
    halves = answer(*case)
    if not (isinstance(halves, tuple | list) and len(halves) == 2):
        return halves
    return torch.stack([torch.as_tensor(half) for half in halves])


INVERSE = Exercise(
    id="05.3",
    title="A RevNet block backwards",
    difficulty=2,
    minutes=6,
    hints=[
        "Of the four numbers a, b, a_new, b_new you know the last two. Which of the two lines of "
        "(5.9) has only one unknown in it?",
        "The second line: b_new = b + G(a_new). It gives b.",
        "With b known, the first line gives a. Return (a, b) in this order.",
    ],
    solution=revnet_inverse,
    alternatives=[_revnet_in_place_names],
    misconceptions=[
        Misconception(
            "halves in the order of the way there",
            _revnet_wrong_order,
            "You get {got}, expected is {expected}. You undo the first line first, but F was "
            "given the *old* b, and you don't have it yet.",
        ),
        Misconception(
            "both from the outputs",
            _revnet_both_new,
            "You get {got}, expected is {expected}: one of your halves is right. The other one "
            "puts a new half where the block used an old one.",
        ),
        Misconception(
            "adds",
            _revnet_plus,
            "You get {got}, expected is {expected}. What the block added has to be taken away.",
        ),
        Misconception(
            "branches exchanged",
            _revnet_swapped_branches,
            "You get {got}, expected is {expected}. Which branch was added to which half?",
        ),
        Misconception(
            "halves returned the wrong way round",
            _revnet_swapped_output,
            "You get {got}, expected is {expected}: the right halves, a and b exchanged.",
        ),
        Misconception(
            "the block forwards",
            _revnet_forward,
            "You get {got}, expected is {expected}: that is the next layer. Asked is the one "
            "before.",
        ),
        Misconception(
            "each half from itself",
            _revnet_own_half,
            "You get {got}, expected is {expected}. In (5.9) each half is moved by the other one.",
        ),
    ],
    means="neither F nor G was ever inverted: they may be any functions at all.",
    cases=revnet_cases,
    run=_as_one,
)


# --- 05.4 Which scheme is this code? -------------------------------------------------------------

READING = Exercise(
    id="05.4",
    title="Which scheme is this code?",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "Euler: a ResNet",
        "B": "Heun: a matched FractalNet",
        "C": "Adams–Bashforth 2",
        "D": "the two-step midpoint rule",
    },
    solution="C",
    hints=[
        "How often is f called in one round of the loop? What is kept from the round before?",
        "Follow the weights: 1.5 and −0.5 in front of which two slopes?",
    ],
    misconceptions=[
        Misconception(
            "one call a step is Euler",
            "A",
            "One call of f a round: right. But is the state changed by that slope alone?",
        ),
        Misconception(
            "two slopes are Heun",
            "B",
            "Two slopes enter each step, but Heun computes both of them within the step. Count "
            "the calls of f in one round.",
        ),
        Misconception(
            "two steps are midpoint",
            "D",
            "It does look one step back. Midpoint starts from the *state* before the last one; "
            "what does this loop remember, a state or a slope?",
        ),
    ],
    means="order two for one call of f a layer: the skip that remembers carries a slope.",
    explanation=(
        "Each round calls f once, adds h(3·slope − before)/2 and keeps the slope: "
        "x_{n+1} = x_n + h(3f(x_n) − f(x_{n−1}))/2, Adams–Bashforth of order two. In the first "
        "round there is no slope before, and the step is Euler's."
    ),
)

# --- 05.5 Antisymmetric weights ------------------------------------------------------------------


def antisymmetric(K, gamma):
    """The matrix K − Kᵀ − γI, whose eigenvalues all have real part −γ, (5.14)."""
    return K - K.T - gamma * torch.eye(len(K), dtype=K.dtype)


def _anti_by_triangle(K, gamma):
    upper = torch.triu(K, 1) - torch.tril(K, -1).T
    return upper - upper.T - torch.diag(torch.full((len(K),), float(gamma), dtype=K.dtype))


def _anti_minus_itself(K, gamma):
    return K - K - gamma * torch.eye(len(K), dtype=K.dtype)


def _anti_symmetric_part(K, gamma):
    return K + K.T - gamma * torch.eye(len(K), dtype=K.dtype)


def _anti_damps_everything(K, gamma):
    return K - K.T - gamma


def _anti_forces_growth(K, gamma):
    return K - K.T + gamma * torch.eye(len(K), dtype=K.dtype)


def _anti_no_damping(K, gamma):
    return K - K.T


def _anti_damping_only(K, gamma):
    return K - gamma * torch.eye(len(K), dtype=K.dtype)


def _anti_whole_identity(K, gamma):
    return K - K.T - torch.eye(len(K))


def _anti_half(K, gamma):
    return (K - K.T) / 2 - gamma * torch.eye(len(K), dtype=K.dtype)


def _anti_turned(K, gamma):
    return K.T - K - gamma * torch.eye(len(K), dtype=K.dtype)


def anti_cases(generator):
    """(K, γ): a small one to look at, then random ones."""
    small = torch.tensor([[1.0, 2.0], [0.0, 3.0]])
    return [
        (small, 0.5),
        (torch.randn(3, 3, generator=generator), 0.1),
        (torch.randn(5, 5, generator=generator), 0.02),
    ]


ANTISYMMETRIC = Exercise(
    id="05.5",
    title="Weights that neither grow nor decay",
    difficulty=2,
    minutes=4,
    hints=[
        "A matrix minus its transpose is antisymmetric. What are its diagonal entries?",
        "γI is γ on the diagonal and 0 elsewhere; subtracting a *number* from a matrix does "
        "something else.",
        "`K.T` is the transpose and `torch.eye(n)` the identity.",
    ],
    solution=antisymmetric,
    alternatives=[_anti_by_triangle],
    misconceptions=[
        Misconception(
            "K − K instead of K − Kᵀ",
            _anti_minus_itself,
            "You get {got}, expected is {expected}: nothing of K is left. Minus *what* of K?",
        ),
        Misconception(
            "symmetric part",
            _anti_symmetric_part,
            "You get {got}, expected is {expected}. Yours is symmetric: its eigenvalues are real, "
            "so that nothing turns, and what belongs to a positive one grows.",
        ),
        Misconception(
            "γ subtracted everywhere",
            _anti_damps_everything,
            "You get {got}, expected is {expected}. A number is subtracted from *every* entry; "
            "the damping belongs to the diagonal.",
        ),
        Misconception(
            "γ with the wrong sign",
            _anti_forces_growth,
            "You get {got}, expected is {expected}. Your eigenvalues have real part +γ: all grow.",
        ),
        Misconception(
            "no damping",
            _anti_no_damping,
            "You get {got}, expected is {expected}. The eigenvalues lie on the imaginary axis, "
            "where Euler is not stable for any h. What moves them to the left? "
            "(Taken away *before* transposing, it cancels.)",
        ),
        Misconception(
            "γ left out before I",
            _anti_whole_identity,
            "You get {got}, expected is {expected}. You take away all of I: a strong damping, "
            "which gamma was to make weak.",
        ),
        Misconception(
            "transpose forgotten",
            _anti_damping_only,
            "You get {got}, expected is {expected}. You shift all eigenvalues of a generic matrix "
            "by γ, and leave them wherever they were otherwise.",
        ),
        Misconception(
            "halved",
            _anti_half,
            "You get {got}, expected is {expected}. (K − Kᵀ)/2 is *the* antisymmetric part of K, "
            "and a fine choice; this course follows the paper, which does without the half.",
        ),
        Misconception(
            "transposed",
            _anti_turned,
            "You get {got}, expected is {expected}: antisymmetric as well, and turning the other "
            "way round. Which of the two stands first?",
        ),
    ],
    means="every eigenvalue now has real part −γ, whatever K the training finds.",
    cases=anti_cases,
)


EXERCISES = [FORWARD, COEFFICIENT, INVERSE, READING, ANTISYMMETRIC]
