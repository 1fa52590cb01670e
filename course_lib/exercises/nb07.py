"""Exercises of notebook 07, *Neural ODEs*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb07 import neural_ode`.
"""

import torch

from course_lib.exercises.engine import Exercise, Misconception
from course_lib.solvers import odeint

# --- 07.1 A right-hand side that knows the time --------------------------------------------------


def time_field(net, t, x):
    """f(t, x): the net on every state with the time as its last entry, (7.4)."""
    t = torch.as_tensor(t, dtype=x.dtype)
    return net(torch.cat([x, t.expand(len(x), 1)], dim=1))


def _field_full(net, t, x):
    column = torch.full((x.shape[0], 1), float(t), dtype=x.dtype)
    return net(torch.hstack([x, column]))


def _field_ones(net, t, x):
    return net(torch.cat([x, t * torch.ones_like(x[:, :1])], 1))


def _field_time_first(net, t, x):
    return net(torch.cat([t * torch.ones_like(x[:, :1]), x], 1))


def _field_no_time(net, t, x):
    return net(torch.cat([x, torch.zeros_like(x[:, :1])], 1))


def _field_one(net, t, x):
    return net(torch.cat([x, torch.ones_like(x[:, :1])], 1))


def _field_increment(net, t, x):
    return x + time_field(net, t, x)


def _field_times_t(net, t, x):
    return t * time_field(net, t, x)


def _field_shares(net, t, x):
    share = torch.linspace(0, 1, len(x), dtype=x.dtype)[:, None]
    return net(torch.cat([x, t * share], 1))


def _field_tanh(net, t, x):
    return torch.tanh(time_field(net, t, x))


def _expect_entries(z, n):
    if z.ndim != 2 or z.shape[1] != n:
        raise ValueError(
            f"net takes rows of {n} entries, a state and the time, not {list(z.shape)}"
        )


def affine_net(z):
    """net(x₁, x₂, t) = (x₁ − 2x₂ + 3t, 2x₁ − t)"""
    _expect_entries(z, 3)
    return torch.stack([z[:, 0] - 2 * z[:, 1] + 3 * z[:, 2], 2 * z[:, 0] - z[:, 2]], 1)


def curved_net(z):
    """net(x₁, t) = x₁t² + sin x₁"""
    _expect_entries(z, 2)
    return z[:, :1] * z[:, 1:] ** 2 + torch.sin(z[:, :1])


def field_cases(generator):
    """(net, t, x): times as numbers and as 0-d tensors, never 0 or 1; batches, one of one row."""
    draw = lambda *shape: 1 + torch.rand(*shape, generator=generator)  # noqa: E731
    return [
        (affine_net, 0.5, torch.tensor([[1.0, 2.0], [3.0, 5.0]])),
        (affine_net, torch.tensor(0.25), draw(5, 2)),
        (curved_net, torch.tensor(2.0), draw(4, 1)),
        (curved_net, 0.3, draw(1, 1)),
    ]


FIELD = Exercise(
    id="07.1",
    title="A right-hand side that knows the time",
    difficulty=2,
    minutes=5,
    hints=[
        "`net` takes rows with one entry more than a state has. What should stand in it?",
        "The same time for every row of the batch: a column of t's, as long as the batch.",
        "`torch.cat([x, column], dim=1)`; `torch.full` or `expand` makes the column.",
    ],
    solution=time_field,
    alternatives=[_field_full, _field_ones],
    misconceptions=[
        Misconception(
            "time before the state",
            _field_time_first,
            "You get {got}, expected is {expected}. The net reads its inputs in order, the "
            "state's entries first; where did you put the time?",
        ),
        Misconception(
            "time left out",
            _field_no_time,
            "You get {got}, expected is {expected}: that is the answer for t = 0. The equation "
            "hands a time over; does your net see it?",
        ),
        Misconception(
            "a one instead of the time",
            _field_one,
            "You get {got}, expected is {expected}: that is the answer for t = 1. The new entry "
            "is the same at all times; what should it be?",
        ),
        Misconception(
            "adds the state",
            _field_increment,
            "You get {got}, expected is {expected}: you return the state plus the net, as a "
            "residual block does. Asked is the derivative; who adds it to the state?",
        ),
        Misconception(
            "multiplies by the time",
            _field_times_t,
            "You get {got}, expected is {expected}; yours is t times that. The net's output is a "
            "velocity already; the solver multiplies it by a step, not by the time.",
        ),
        Misconception(
            "another time in every row",
            _field_shares,
            "You get {got}, expected is {expected}. Your rows get different times, but all of "
            "them are points of one batch, at one moment.",
        ),
        Misconception(
            "bounds the velocity",
            _field_tanh,
            "You get {got}, expected is {expected}: an activation behind the last layer keeps "
            "every velocity below 1. Must a point never move faster?",
        ),
    ],
    means="with time as an input, one net with constant weights is a field that changes.",
    cases=field_cases,
)

# --- 07.2 Lift, flow, linear ---------------------------------------------------------------------


def neural_ode(x_in, field, W, b, T):
    """Scores W x(T) + b of inputs padded with zeros, (7.1) and (7.2)."""
    extra = W.shape[1] - x_in.shape[1]
    x0 = torch.cat([x_in, x_in.new_zeros(len(x_in), extra)], dim=1)
    x = odeint(field, x0, torch.tensor([0.0, T], dtype=x_in.dtype))
    return x[-1] @ W.T + b


def _ode_pad(x_in, field, W, b, T):
    x0 = torch.nn.functional.pad(x_in, (0, W.shape[1] - x_in.shape[1]))
    times = torch.linspace(0, T, 5, dtype=x_in.dtype)
    return torch.nn.functional.linear(odeint(field, x0, times)[-1], W, b)


def _ode_with(pad=0.0, front=False, end=-1, times=None, bias=True, after=None):
    """The model with one thing done differently: the raw material of the misconceptions."""

    def model(x_in, field, W, b, T):
        extra = x_in.new_full((len(x_in), W.shape[1] - x_in.shape[1]), pad)
        x = torch.cat([extra, x_in] if front else [x_in, extra], dim=1)
        span = torch.tensor([0.0, T] if times is None else times(T), dtype=x_in.dtype)
        x = odeint(field, x, span)[end]
        scores = x @ W.T + (b if bias else 0.0)
        return scores if after is None else after(scores)

    return model


def _ode_increment(x_in, field, W, b, T):
    x0 = torch.nn.functional.pad(x_in, (0, W.shape[1] - x_in.shape[1]))
    return (x0 + T * field(0.0, x0)) @ W.T + b


def _ode_coarse(x_in, field, W, b, T):
    x0 = torch.nn.functional.pad(x_in, (0, W.shape[1] - x_in.shape[1]))
    times = torch.tensor([0.0, T], dtype=x_in.dtype)
    return odeint(field, x0, times, method="rk4", options={"step_size": T})[-1] @ W.T + b


def _ode_skip(x_in, field, W, b, T):
    x = torch.nn.functional.pad(x_in, (0, W.shape[1] - x_in.shape[1]))
    x = odeint(field, x, torch.tensor([0.0, T], dtype=x_in.dtype))
    return (x[-1] + x[0]) @ W.T + b


def _ode_displacement(x_in, field, W, b, T):
    x = torch.nn.functional.pad(x_in, (0, W.shape[1] - x_in.shape[1]))
    x = odeint(field, x, torch.tensor([0.0, T], dtype=x_in.dtype))
    return (x[-1] - x[0]) @ W.T + b


def turning_field(t, x):
    """f(t, x) = (−x₂ + t, x₁, …): each entry follows its neighbour"""
    return torch.roll(x, 1, dims=-1) * x.new_tensor([-1.0] + [1.0] * (x.shape[-1] - 1)) + t


def rising_field(t, x):
    """f(t, x) = tanh of the sum of x's entries, plus t²x"""
    return torch.tanh(x.sum(-1, keepdim=True)) + t**2 * x


def model_cases(generator):
    """(x_in, field, W, b, T): padded by none, one and two zeros; no T is 1."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (torch.tensor([[1.0, 2.0]]), turning_field, draw(1, 2), draw(1), 0.5),
        (draw(3, 2), turning_field, draw(1, 3), draw(1), 2.0),
        (draw(4, 2), rising_field, draw(3, 4), draw(3), 0.7),
    ]


MODEL = Exercise(
    id="07.2",
    title="Lift, flow, linear",
    difficulty=3,
    minutes=8,
    hints=[
        "Three lines, one for each part: pad with zeros, solve from 0 to T, multiply by W.",
        "How many zeros? W has one column for each entry of the state.",
        "`odeint(field, x0, t)` returns a state for every time in t. Which one is x(T)?",
    ],
    solution=neural_ode,
    alternatives=[_ode_pad],
    misconceptions=[
        Misconception(
            "nothing has flowed",
            _ode_with(end=0),
            "You get {got}, expected is {expected}: a linear map of the padded input. Is the "
            "equation solved, and which of the states that `odeint` returns do you read? The first "
            "is the start.",
        ),
        Misconception(
            "always until one",
            _ode_with(times=lambda T: [0.0, 1.0]),
            "You get {got}, expected is {expected}. Your flow ends at time 1; when should it end?",
        ),
        Misconception(
            "runs backwards",
            _ode_with(times=lambda T: [T, 0.0]),
            "You get {got}, expected is {expected}. The first time handed to `odeint` belongs to "
            "the state handed to it; is x(0) the state at T?",
        ),
        Misconception(
            "forgets the bias",
            _ode_with(bias=False),
            "You get {got}, expected is {expected}. All planes of your model go through the "
            "origin; which input have you not used?",
        ),
        Misconception(
            "pads with ones",
            _ode_with(pad=1.0),
            "You get {got}, expected is {expected}. The new entries should carry nothing at the "
            "start; yours are one.",
        ),
        Misconception(
            "pads in front",
            _ode_with(front=True),
            "You get {got}, expected is {expected}. The zeros come *behind* the entries of the "
            "input; in front they push them into the wrong columns of W.",
        ),
        Misconception(
            "one Euler step",
            _ode_increment,
            "You get {got}, expected is {expected}: that is a residual block, one straight step "
            "along the velocity at the start. The velocity changes on the way.",
        ),
        Misconception(
            "one step of RK4",
            _ode_coarse,
            "You get {got}, expected is {expected}: that is one step of RK4 from 0 to T. A method "
            "with fixed steps takes the output times as its steps; which method chooses its own?",
        ),
        Misconception(
            "adds the start again",
            _ode_skip,
            "You get {got}, expected is {expected}: you read x(0) + x(T), as if a skip connection "
            "led around the block. The solver has added x(0) already.",
        ),
        Misconception(
            "reads the displacement",
            _ode_displacement,
            "You get {got}, expected is {expected}. W reads x(T); yours reads how far each point "
            "has moved.",
        ),
        Misconception(
            "squashes the scores",
            _ode_with(after=torch.sigmoid),
            "You get {got}, expected is {expected}. Those are probabilities; the output layer "
            "ends with the scores, and the loss makes probabilities of them.",
        ),
        Misconception(
            "ends with a softmax",
            _ode_with(after=lambda scores: scores.softmax(dim=1)),
            "You get {got}, expected is {expected}. The rows of your answer add up to one: those "
            "are probabilities. The output layer is linear; the loss makes probabilities of its "
            "scores.",
        ),
    ],
    means="the solver sits between two linear maps like any other layer.",
    cases=model_cases,
    rtol=1e-4,
)

# --- 07.3 Count the evaluations ------------------------------------------------------------------


def count_nfe(solve, func, y0, t):
    """How often `solve(func, y0, t)` evaluates func."""
    calls = 0

    def counted(t, y):
        nonlocal calls
        calls += 1
        return func(t, y)

    solve(counted, y0, t)
    return calls


class _CallCounter:
    def __init__(self, func):
        self.func, self.n = func, 0

    def __call__(self, t, y):
        self.n += 1
        return self.func(t, y)


def _nfe_object(solve, func, y0, t):
    counter = _CallCounter(func)
    solve(counter, y0, t)
    return counter.n


def _asked(solve, func, y0, t):
    times, rows = [], []

    def listening(time, y):
        times.append(float(time))
        rows.append(len(y))
        return func(time, y)

    solve(listening, y0, t)
    return times, rows


def _nfe_list(solve, func, y0, t):
    return len(_asked(solve, func, y0, t)[0])


def _nfe_distinct(solve, func, y0, t):
    return len(set(_asked(solve, func, y0, t)[0]))


def _nfe_outputs(solve, func, y0, t):
    return len(solve(func, y0, t))


def _nfe_intervals(solve, func, y0, t):
    return len(solve(func, y0, t)) - 1


def _nfe_rows(solve, func, y0, t):
    return sum(_asked(solve, func, y0, t)[1])


def _nfe_off_by_one(solve, func, y0, t):
    return _nfe_list(solve, func, y0, t) - 1


def _nfe_own_solver(solve, func, y0, t):
    return _nfe_list(odeint, func, y0, t)


def _nfe_direct(solve, func, y0, t):
    calls = 0

    def counted(t, y):
        nonlocal calls
        calls += 1
        return func(t, y)

    counted(t[0], y0)
    return calls


def euler_ten(func, y0, t):
    """ten steps of Euler"""
    return odeint(func, y0, t, method="euler", options={"step_size": float(t[-1] - t[0]) / 10})


def rk4_four(func, y0, t):
    """four steps of RK4"""
    return odeint(func, y0, t, method="rk4", options={"step_size": float(t[-1] - t[0]) / 4})


def adaptive(func, y0, t):
    """Dormand–Prince with its own steps"""
    return odeint(func, y0, t, rtol=1e-6, atol=1e-6)


def decay(t, y):
    """f(t, y) = −y"""
    return -y


def swinging(t, y):
    """f(t, y) = cos(9t) − y³"""
    return torch.cos(9 * torch.as_tensor(t)) - y**3


def nfe_cases(generator):
    """(solve, func, y0, t): fixed steps first; several rows, more than two output times."""
    rows = 1 + torch.rand(3, 2, generator=generator)
    return [
        (euler_ten, decay, rows, torch.tensor([0.0, 1.0])),
        (rk4_four, decay, rows, torch.linspace(0, 2, 3)),
        (adaptive, swinging, rows, torch.tensor([0.0, 3.0])),
    ]


NFE = Exercise(
    id="07.3",
    title="Count the evaluations",
    difficulty=2,
    minutes=6,
    hints=[
        "The solver only ever sees the function that you hand to it. Hand it one of your own.",
        "Write an inner function that adds one to a number and then returns `func(t, y)`.",
        "To change a number of the outer function the inner one says `nonlocal calls`.",
    ],
    solution=count_nfe,
    alternatives=[_nfe_object, _nfe_list],
    misconceptions=[
        Misconception(
            "counts the outputs",
            _nfe_outputs,
            "You count {got}, right is {expected}. That is how many states come *out*; the solver "
            "evaluates func in between, where you don't see it.",
        ),
        Misconception(
            "counts the intervals",
            _nfe_intervals,
            "You count {got}, right is {expected}. That is how many outputs there are after the "
            "start; how many steps, of how many evaluations each, lead there?",
        ),
        Misconception(
            "counts distinct times",
            _nfe_distinct,
            "You count {got}, right is {expected}. A step may ask twice at one time, for another "
            "state; both are paid for.",
        ),
        Misconception(
            "counts rows",
            _nfe_rows,
            "You count {got}, right is {expected}. One call evaluates the whole batch: it counts "
            "once, however many rows it has.",
        ),
        Misconception(
            "one is missing",
            _nfe_off_by_one,
            "You count {got}, right is {expected}: one call is missing. Where does your count "
            "begin?",
        ),
        Misconception(
            "another solver",
            _nfe_own_solver,
            "You count {got}, right is {expected}. You counted for `odeint`; the question is about "
            "the `solve` that you are given.",
        ),
        Misconception(
            "calls the function itself",
            _nfe_direct,
            "You count {got}, right is {expected}. Your counter was called by you, not by the "
            "solver; which function did you hand to it?",
        ),
    ],
    means="the number of evaluations is the depth of a neural ODE, and the solver chooses it.",
    cases=nfe_cases,
)

# --- 07.4 Weights that change with time ----------------------------------------------------------


def varying(coefficients, basis, t):
    """θ(t) = Σ_k φ_k(t) c_k for coefficients [K, n, m], (7.8)."""
    return torch.tensordot(basis(t), coefficients, dims=1)


def _varying_einsum(coefficients, basis, t):
    return torch.einsum("k,knm->nm", basis(t), coefficients)


def _varying_loop(coefficients, basis, t):
    return sum(weight * c for weight, c in zip(basis(t), coefficients, strict=True))


def _varying_mean(coefficients, basis, t):
    return varying(coefficients, basis, t) / len(coefficients)


def _varying_no_sum(coefficients, basis, t):
    return basis(t)[:, None, None] * coefficients


def _varying_largest(coefficients, basis, t):
    return coefficients[basis(t).argmax()]


def _varying_start(coefficients, basis, t):
    return varying(coefficients, basis, 0.0)


def _varying_plain_sum(coefficients, basis, t):
    return coefficients.sum(0)


def _varying_powers(coefficients, basis, t):
    return sum(c * float(t) ** k for k, c in enumerate(coefficients))


def _varying_times_t(coefficients, basis, t):
    return float(t) * coefficients.sum(0)


def _varying_normalised(coefficients, basis, t):
    phi = basis(t)
    return torch.tensordot(phi / phi.sum(), coefficients, dims=1)


def _varying_rows(coefficients, basis, t):
    return torch.einsum("n,knm->km", basis(t), coefficients)


def powers(t):
    """φ(t) = (1, t, t²)"""
    return torch.tensor([1.0, float(t), float(t) ** 2], dtype=torch.float64)


def waves(t):
    """φ(t) = (1, sin 3t, cos 3t)"""
    t = torch.as_tensor(t, dtype=torch.float64)
    return torch.stack([torch.ones_like(t), torch.sin(3 * t), torch.cos(3 * t)])


def varying_cases(generator):
    """(coefficients, basis, t); as many rows as basis functions, so that a wrong axis shows."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    small = torch.tensor([[[1.0]], [[2.0]], [[4.0]]])
    return [(small, powers, 0.5), (draw(3, 3, 2), powers, 0.8), (draw(3, 3, 3), waves, 1.1)]


VARYING = Exercise(
    id="07.4",
    title="Weights that change with time",
    difficulty=2,
    minutes=5,
    hints=[
        "`basis(t)` gives K numbers, the coefficients are K matrices: one matrix comes out.",
        "Multiply each matrix by its number and add up.",
        "`torch.tensordot(a, c, dims=1)` sums the last axis of a against the first of c.",
    ],
    solution=varying,
    alternatives=[_varying_einsum, _varying_loop],
    misconceptions=[
        Misconception(
            "mean instead of sum",
            _varying_mean,
            "You get {got}, expected is {expected}, K times as much. (7.8) is a sum; with a mean, "
            "adding a basis function with coefficient zero would change θ.",
        ),
        Misconception(
            "sum forgotten",
            _varying_no_sum,
            "You get {got}, expected is {expected}. You have all K terms; the layer wants one "
            "matrix.",
        ),
        Misconception(
            "takes the largest",
            _varying_largest,
            "You get {got}, expected is {expected}. You pick one matrix: right only for pieces, "
            "where one φ is 1 and all others are 0.",
        ),
        Misconception(
            "always at time zero",
            _varying_start,
            "You get {got}, expected is {expected}: that is θ(0). At which time is it asked for?",
        ),
        Misconception(
            "all terms with weight one",
            _varying_plain_sum,
            "You get {got}, expected is {expected}. Your sum does not depend on t at all.",
        ),
        Misconception(
            "powers of t",
            _varying_powers,
            "You get {got}, expected is {expected}. The φ's need not be powers of t: here they "
            "are sines. Which input knows them?",
        ),
        Misconception(
            "sum of coefficients times t",
            _varying_times_t,
            "You get {got}, expected is {expected}. You multiply every matrix by t; its factor is "
            "its own φ at t.",
        ),
        Misconception(
            "normalises the basis",
            _varying_normalised,
            "You get {got}, expected is {expected}. The φ's are functions, not probabilities: "
            "they need not add up to one.",
        ),
        Misconception(
            "sums over the wrong axis",
            _varying_rows,
            "You get {got}, expected is {expected}. The *first* axis of the coefficients counts "
            "the basis functions; yours sums over the rows of each matrix.",
        ),
    ],
    means="training the c's is ordinary training: θ(t) is linear in them.",
    cases=varying_cases,
)

# --- 07.5 What does the table say? ---------------------------------------------------------------

TABLE = Exercise(
    id="07.5",
    title="What does the table say?",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "the flow classifies better than one residual block",
        "B": "the flow is as good as six blocks, with less than a third of the parameters",
        "C": "all networks with a block are equally good: their intervals overlap",
        "D": "a block helps, six help a little more, and the flow does what one block does",
    },
    solution="D",
    hints=[
        "Which pairs have a small p? Only those differences are larger than luck would make them.",
        "One statement denies a difference that the paired test finds, one claims a difference "
        "that it does not find, and one has been read in the paper.",
    ],
    misconceptions=[
        Misconception(
            "the new is the better",
            "A",
            "Look for the pair ODE-Net and one residual block. On how many images does only one of "
            "the two err, and how evenly do they share them?",
        ),
        Misconception(
            "reads the paper instead of the table",
            "B",
            "That is what the paper reports of its own networks. Here, on how many images does "
            "only the ODE-Net err, on how many only the six blocks, and how small is p?",
        ),
        Misconception(
            "overlap means equality",
            "C",
            "An interval is about one network alone, but all of them classified the same images, "
            "some hard for everyone. Compare image by image: is there a pair with p below 0.01?",
        ),
    ],
    means="without the controls, the same table would have read as a success of the flow.",
    explanation="Against no block every block wins clearly. The flow and one residual block err "
    "equally often (p = 0.7). Six blocks err less often than either, by 0.6 to 0.7 points, with p "
    "below 0.01, for 3.6 times the parameters and twelve times the memory.",
)

# --- 07.6 Another solver for a trained model -----------------------------------------------------

SWAP = Exercise(
    id="07.6",
    title="Another solver for a trained model",
    difficulty=2,
    minutes=3,
    kind="choice",
    options={
        "A": "A loses points, B keeps its accuracy",
        "B": "both gain: a better solver is a better model",
        "C": "both stay as they are: it is the same field",
        "D": "B loses points, A keeps its accuracy",
    },
    solution="A",
    hints=[
        "What was each field trained *to do*: to have a good flow, or to give a good result with "
        "its own solver?",
        "How far is each training solver from the exact flow? Only where it is far can a more "
        "exact one change much.",
    ],
    misconceptions=[
        Misconception(
            "accuracy of the solver is accuracy of the model",
            "B",
            "The labels never asked for an exact solution. Net A's weights were fitted with two "
            "steps of Euler; what happens to a fit when the thing fitted changes?",
        ),
        Misconception(
            "the field is the model",
            "C",
            "The field stays, but the scores are computed from x(T), and two steps of Euler end "
            "elsewhere than the flow does. By how much, for each of the two?",
        ),
        Misconception(
            "the other way round",
            "D",
            "Five steps of RK4 are close to the exact flow already. Whose end points move most "
            "when the solve becomes exact?",
        ),
    ],
    means="the model is its field *and* its solver, unless the solver was accurate in training.",
    explanation="Training fits the end points that the training solver computes. RK4's are close "
    "to those of the flow, so an accurate solver agrees; Euler's two long steps end far from "
    "them, and their errors were part of the fit.",
)

EXERCISES = [FIELD, MODEL, NFE, VARYING, TABLE, SWAP]
