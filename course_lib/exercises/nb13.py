"""Exercises of notebook 13, *Latent ODEs*.

The reference solutions are what the notebook's later cells use:
`from course_lib.exercises.nb13 import kl_divergence`.
"""

import numpy as np
import torch

from course_lib.exercises.engine import Exercise, Misconception
from course_lib.solvers import odeint

# --- 13.1 Read backwards -------------------------------------------------------------------------


def read_backwards(cell, h, t, x):
    """The state after x_m, x_{m-1}, …, x_1, each with the time since the one before it, (13.3)."""
    for i in reversed(range(len(t))):
        gap = t[i] - t[i - 1] if i > 0 else t[0]
        h = cell(torch.cat([x[i], gap.reshape(1)]), h)
    return h


def _read_diff(cell, h, t, x):
    gaps = torch.diff(t, prepend=torch.zeros(1, dtype=t.dtype))
    for row in torch.cat([x, gaps[:, None]], dim=1).flip(0):
        h = cell(row, h)
    return h


def _read_numpy(cell, h, t, x):
    t, x = t.numpy(), x.numpy()
    for row in np.column_stack([x, np.diff(t, prepend=0.0)])[::-1]:
        h = cell(row.copy(), h)
    return h


def _read(order=-1, gaps=None, append=True, stop=None):
    """The encoder with one thing done differently: the raw material of the misconceptions."""

    def encode(cell, h, t, x):
        default = torch.diff(t, prepend=torch.zeros(1, dtype=t.dtype))
        wait = default if gaps is None else gaps(t)
        columns = [x, wait[:, None]] if append else [wait[:, None], x]
        rows = torch.cat(columns, dim=1)[:stop]
        for row in rows if order > 0 else rows.flip(0):
            h = cell(row, h)
        return h

    return encode


def _gap_after(t):
    return torch.cat([t.diff(), torch.zeros(1, dtype=t.dtype)])


def _gap_wrapped(t):
    return t - t.roll(1)


def _gap_first_zero(t):
    return torch.cat([torch.zeros(1, dtype=t.dtype), t.diff()])


def _read_skips_first(cell, h, t, x):
    for i in range(len(t) - 1, 0, -1):
        h = cell(torch.cat([x[i], (t[i] - t[i - 1]).reshape(1)]), h)
    return h


def _gap_flipped(t):
    back = t.flip(0)
    return torch.diff(back, prepend=back[:1]).flip(0)  # `_read` turns it round again


def _read_own_start(cell, h, t, x):
    return read_backwards(cell, torch.zeros_like(h), t, x)


def _read_all(cell, h, t, x):
    states = []
    for i in reversed(range(len(t))):
        gap = t[i] - t[i - 1] if i > 0 else t[0]
        h = cell(torch.cat([x[i], gap.reshape(1)]), h)
        states.append(h)
    return torch.stack(states)


def _read_last_only(cell, h, t, x):
    for i in reversed(range(len(t))):
        gap = t[i] - t[i - 1] if i > 0 else t[0]
        out = cell(torch.cat([x[i], gap.reshape(1)]), h)
    return out


def leaky_cell(row, h):
    """cell(row, h) = h/2 + row"""
    row, h = _expect_row(row, h)
    return h / 2 + row


def tanh_cell(row, h):
    """cell(row, h) = tanh(2h + row reversed)"""
    row, h = _expect_row(row, h)
    return torch.tanh(2 * h + row.flip(0))


def _expect_row(row, h):
    """Both as tensors, for an answer may be written in numpy."""
    row, h = torch.as_tensor(row), torch.as_tensor(h)
    if row.shape != h.shape:
        raise ValueError(
            f"cell takes a row of {len(h)} entries, x and a gap, not {list(row.shape)}"
        )
    return row, h


def read_cases(generator):
    """(cell, h, t, x): two observations first; no time is 0, no gaps are equal."""
    draw = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
    return [
        (leaky_cell, torch.zeros(2), torch.tensor([1.0, 3.0]), torch.tensor([[4.0], [8.0]])),
        (leaky_cell, draw(3), 0.2 + draw(4).cumsum(0), draw(4, 2)),
        (tanh_cell, draw(3), 0.3 + draw(5).cumsum(0), draw(5, 2)),
    ]


READ = Exercise(
    id="13.1",
    title="Read backwards",
    difficulty=2,
    minutes=8,
    hints=[
        "One loop over the observations. Which is read first, and about which time should the "
        "state speak after the last one?",
        "Each row is x[i] and the time between t[i] and the observation *before* it in time; "
        "before the first stands t = 0.",
        "`for i in reversed(range(len(t)))`; beware of `t[i - 1]` when i is 0.",
    ],
    solution=read_backwards,
    alternatives=[_read_diff, _read_numpy],
    misconceptions=[
        Misconception(
            "reads forwards",
            _read(order=1),
            "You get {got}, expected is {expected}. Your last word is about the *last* "
            "observation; the latent state asked for is the one at t = 0.",
        ),
        Misconception(
            "wraps around",
            _read(gaps=_gap_wrapped),
            "You get {got}, expected is {expected}. One of your gaps is negative: for i = 0, "
            "`t[i - 1]` is the last time of all. What comes before the first observation?",
        ),
        Misconception(
            "the gap on the wrong side",
            _read(gaps=_gap_after),
            "You get {got}, expected is {expected}. Your gap is the time to the *following* "
            "observation, which the state has crossed already. Which gap comes next, going back?",
        ),
        Misconception(
            "the last stretch is missing",
            _read(gaps=_gap_first_zero),
            "You get {got}, expected is {expected}. Your state ends at the first observation; how "
            "far is it from there back to t = 0?",
        ),
        Misconception(
            "the first observation is missing",
            _read_skips_first,
            "You get {got}, expected is {expected}. You read one observation too few: does your "
            "loop reach i = 0?",
        ),
        Misconception(
            "times instead of gaps",
            _read(gaps=lambda t: t),
            "You get {got}, expected is {expected}. You hand over the time itself. The cell "
            "should know how *long* it has to go.",
        ),
        Misconception(
            "negative gaps",
            _read(gaps=lambda t: -torch.diff(t, prepend=torch.zeros(1, dtype=t.dtype))),
            "You get {got}, expected is {expected}. You run backwards, but a gap is a length: "
            "positive.",
        ),
        Misconception(
            "gaps of the reversed times",
            _read(gaps=_gap_flipped),
            "You get {got}, expected is {expected}. You reversed the times before you took the "
            "differences: that makes them negative, and moves each to the wrong observation.",
        ),
        Misconception(
            "begins with a state of its own",
            _read_own_start,
            "You get {got}, expected is {expected}. You begin with zeros; the state before the "
            "first word is handed to you as `h`.",
        ),
        Misconception(
            "returns every state",
            _read_all,
            "You return {got}, expected is {expected}: all states on the way. Which of them "
            "speaks about t = 0?",
        ),
        Misconception(
            "gap before the position",
            _read(append=False),
            "You get {got}, expected is {expected}. The cell reads its row in order: first x, "
            "then the gap.",
        ),
        Misconception(
            "forgets what it has read",
            _read_last_only,
            "You get {got}, expected is {expected}. Each of your calls starts from the first "
            "state again; who hands the new state on?",
        ),
    ],
    means="the state ends where the ODE will start, and gaps of any length are just numbers to it.",
    cases=read_cases,
)

# --- 13.2 A sample that lets gradients pass ------------------------------------------------------


def reparametrised(mean, log_var, eps):
    """μ + s ε with s² = exp(log_var), (13.5)."""
    return mean + torch.exp(0.5 * log_var) * eps


def _sample_root(mean, log_var, eps):
    return eps * log_var.exp().sqrt() + mean


def sample_cases(generator):
    """(mean, log_var, eps): one number whose variance is 4, then rows."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    one = torch.tensor([1.0]), torch.log(torch.tensor([4.0])), torch.tensor([3.0])
    return [one, (draw(3), draw(3), draw(3)), (draw(4, 2), draw(4, 2), draw(4, 2))]


SAMPLE = Exercise(
    id="13.2",
    title="A sample that lets gradients pass",
    difficulty=1,
    minutes=4,
    hints=[
        "Shift and stretch: a standard normal number becomes one with any mean and deviation.",
        "`log_var` is the logarithm of the *variance*. What is the deviation?",
        "sqrt(exp(a)) = exp(a/2).",
    ],
    solution=reparametrised,
    alternatives=[_sample_root],
    misconceptions=[
        Misconception(
            "variance for deviation",
            lambda mean, log_var, eps: mean + log_var.exp() * eps,
            "You get {got}, expected is {expected}. You stretch by the variance; a number of "
            "deviation 1 times s has deviation s.",
        ),
        Misconception(
            "the logarithm is still on",
            lambda mean, log_var, eps: mean + log_var * eps,
            "You get {got}, expected is {expected}. You stretch by a logarithm, which may be "
            "negative. What turns it back?",
        ),
        Misconception(
            "half a logarithm",
            lambda mean, log_var, eps: mean + 0.5 * log_var * eps,
            "You get {got}, expected is {expected}. Half of log s² is log s; you stretch by that "
            "logarithm, not by s.",
        ),
        Misconception(
            "no noise",
            lambda mean, log_var, eps: mean + 0 * eps,
            "You get {got}, expected is {expected}: that is the mean. A sample differs from it.",
        ),
        Misconception(
            "always deviation one",
            lambda mean, log_var, eps: mean + eps,
            "You get {got}, expected is {expected}. Your samples are equally wide for every "
            "`log_var`.",
        ),
        Misconception(
            "the mean is stretched too",
            lambda mean, log_var, eps: (mean + eps) * torch.exp(0.5 * log_var),
            "You get {got}, expected is {expected}. You stretch after the shift, and so move the "
            "mean. Which first?",
        ),
        Misconception(
            "the root of the logarithm",
            lambda mean, log_var, eps: mean + log_var.sqrt() * eps,
            "You get {got}, expected is {expected}. You take the root of a logarithm, which may "
            "be negative. The root belongs to s²; how do you get s² first?",
        ),
        Misconception(
            "draws noise of its own",
            lambda mean, log_var, eps: mean + (log_var / 2).exp() * torch.randn(mean.shape),
            "You get {got}, expected is {expected}. You draw new noise, and `eps` is not used: "
            "the noise is drawn outside, and handed to you.",
        ),
        Misconception(
            "the mean is left out",
            lambda mean, log_var, eps: (log_var / 2).exp() * eps,
            "You get {got}, expected is {expected}. That is the noise alone; what is it added to?",
        ),
        Misconception(
            "precision for variance",
            lambda mean, log_var, eps: mean + torch.exp(-0.5 * log_var) * eps,
            "You get {got}, expected is {expected}. Your sample is narrow where the variance is "
            "large. Look at the sign in the exponent.",
        ),
    ],
    means="the randomness comes from outside, so the sample can be differentiated by mean and "
    "log-variance.",
    cases=sample_cases,
)

# --- 13.3 The price of an opinion ----------------------------------------------------------------


def kl_divergence(mean, log_var):
    """KL(N(μ, diag s²) ‖ N(0, I)) of each row, (13.8): [n, d] → [n]."""
    return 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum(dim=-1)


def _kl_torch(mean, log_var):
    q = torch.distributions.Normal(mean, torch.exp(log_var / 2))
    p = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return torch.distributions.kl_divergence(q, p).sum(-1)


def _kl_textbook(mean, log_var):
    return -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp(), dim=1)


def _kl(terms, reduce=lambda a: a.sum(-1)):
    return lambda mean, log_var: reduce(terms(mean, log_var))


def _terms(mean, log_var):
    return 0.5 * (log_var.exp() + mean**2 - 1 - log_var)


def kl_cases(generator):
    """(mean, log_var): one row of one number, of variance 4, then rows of three and four."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (torch.tensor([[3.0]]), torch.log(torch.tensor([[4.0]]))),
        (draw(2, 3), draw(2, 3)),
        (draw(5, 4), draw(5, 4) - 2),
    ]


KL = Exercise(
    id="13.3",
    title="The price of an opinion",
    difficulty=2,
    minutes=6,
    hints=[
        "Write (13.8) for all entries at once, then add up along the right axis.",
        "s² is `log_var.exp()`, and log s² is what you are given.",
        "An opinion equal to the prior (`mean` 0, `log_var` 0) costs nothing, no other is free.",
    ],
    solution=kl_divergence,
    alternatives=[_kl_textbook, _kl_torch],
    misconceptions=[
        Misconception(
            "the sign",
            _kl(lambda m, v: -_terms(m, v)),
            "You get {got}, expected is {expected}. A divergence is never negative. Your sign "
            "belongs to the ELBO, where the divergence is subtracted.",
        ),
        Misconception(
            "log-variance taken for log-deviation",
            _kl(lambda m, v: 0.5 * ((2 * v).exp() + m**2 - 1 - 2 * v)),
            "You get {got}, expected is {expected}. You read `log_var` as log s; it is log s².",
        ),
        Misconception(
            "s for its square",
            _kl(lambda m, v: 0.5 * ((v / 2).exp() + m**2 - 1 - v)),
            "You get {got}, expected is {expected}. Your first term is s, not s².",
        ),
        Misconception(
            "log s for log s²",
            _kl(lambda m, v: 0.5 * (v.exp() + m**2 - 1 - v / 2)),
            "You get {got}, expected is {expected}. Your last term is log s, not log s².",
        ),
        Misconception(
            "the other sign of the logarithm",
            _kl(lambda m, v: 0.5 * (v.exp() + m**2 - 1 + v)),
            "You get {got}, expected is {expected}. With your sign a narrow opinion is cheap. "
            "Which way does the logarithm pull?",
        ),
        Misconception(
            "the other direction",
            _kl(lambda m, v: 0.5 * ((1 + m**2) / v.exp() - 1 + v)),
            "You get {got}, expected is {expected}: that is the divergence of the prior from "
            "q. It is not symmetric; under which of the two is the mean taken?",
        ),
        Misconception(
            "the mean is not squared",
            _kl(lambda m, v: 0.5 * (v.exp() + m - 1 - v)),
            "You get {got}, expected is {expected}. Opposite means cost the same; do yours?",
        ),
        Misconception(
            "the mean is free",
            _kl(lambda m, v: 0.5 * (v.exp() - 1 - v)),
            "You get {got}, expected is {expected}. Your divergence does not see where the mean "
            "is.",
        ),
        Misconception(
            "without the one half",
            _kl(lambda m, v: 2 * _terms(m, v)),
            "You get {got}, expected is {expected}: twice as much.",
        ),
        Misconception(
            "without the one",
            _kl(lambda m, v: _terms(m, v) + 0.5),
            "You get {got}, expected is {expected}. What do you find for `mean` 0 and `log_var` 0?",
        ),
        Misconception(
            "one for the whole row",
            lambda m, v: 0.5 * ((v.exp() + m**2 - v).sum(-1) - 1),
            "You get {got}, expected is {expected}. You take away one for the whole row; the 1 "
            "stands inside the sum.",
        ),
        Misconception(
            "mean over the entries",
            _kl(_terms, lambda a: a.mean(-1)),
            "You get {got}, expected is {expected}. Independent entries: their divergences add "
            "up. A mean would make the KL term weigh less, the more entries z has.",
        ),
        Misconception(
            "one number for the batch",
            _kl(_terms, lambda a: a.sum()),
            "You get {got}, expected is {expected}. One number a row is asked for; you add up the "
            "whole batch.",
        ),
        Misconception(
            "sums over the batch",
            _kl(_terms, lambda a: a.sum(0)),
            "You return {got}, expected is {expected}. You add up over the rows, axis 0; one "
            "number *a row* is asked for.",
        ),
        Misconception(
            "the mean over the batch",
            _kl(_terms, lambda a: a.sum(-1).mean()),
            "You get {got}, expected is {expected}. One number a row is asked for; you have "
            "averaged the rows already.",
        ),
        Misconception(
            "nothing is added up",
            _kl(_terms, lambda a: a),
            "You get {got}, expected is {expected}. These are the entries' own divergences; a row "
            "costs their sum.",
        ),
    ],
    means="each nat of it must be earned back by a better reconstruction.",
    cases=kl_cases,
)

# --- 13.4 Ask at any time ------------------------------------------------------------------------


def predict(field, head, z0, t):
    """Positions [n, k, 2] at times t [k] from latent states z0 [n, d] at time 0, (13.2)."""
    times = torch.cat([torch.zeros(1, dtype=t.dtype), t])
    z = odeint(field, z0, times)[1:]
    return head(z).transpose(0, 1)


def _predict_one_by_one(field, head, z0, t):
    ends = [odeint(field, z0, torch.stack([0 * s, s]))[-1] for s in t]
    return torch.stack([head(z) for z in ends], dim=1)


def _predict_with(before=lambda t: [torch.zeros(1, dtype=t.dtype)], drop=1, times=None, swap=True):
    def model(field, head, z0, t):
        grid = torch.cat([*before(t), t]) if times is None else times(t)
        x = head(odeint(field, z0, grid)[drop:])
        return x.transpose(0, 1) if swap else x

    return model


def _predict_shifted(field, head, z0, t):
    return head(odeint(field, z0, t - t[0])).transpose(0, 1)


def _predict_straight(field, head, z0, t):
    return head(z0[:, None] + t[:, None] * field(torch.zeros(()), z0)[:, None])


def _predict_absolute(field, head, z0, t):
    return predict(field, head, z0, t.abs())


def _predict_no_head(field, head, z0, t):
    return predict(field, lambda z: z[..., :2], z0, t)


def _predict_raw(field, head, z0, t):
    return predict(field, lambda z: z, z0, t)


def _predict_head_first(field, head, z0, t):
    return predict(field, lambda z: z, head(z0), t)


def _predict_reshaped(field, head, z0, t):
    times = torch.cat([torch.zeros(1, dtype=t.dtype), t])
    return head(odeint(field, z0, times)[1:]).reshape(len(z0), len(t), -1)


def _predict_last(field, head, z0, t):
    return predict(field, head, z0, t)[:, -1]


def _predict_drops_last(field, head, z0, t):
    times = torch.cat([torch.zeros(1, dtype=t.dtype), t])
    return head(odeint(field, z0, times)[:-1]).transpose(0, 1)


def _predict_coarse(method):
    def model(field, head, z0, t):
        times = torch.cat([torch.zeros(1, dtype=t.dtype), t])
        return head(odeint(field, z0, times, method=method)[1:]).transpose(0, 1)

    return model


def _predict_index(field, head, z0, t):
    sign = t[0].sign()
    return predict(field, head, z0, sign * torch.arange(1, len(t) + 1, dtype=t.dtype))


def circling(t, z):
    """f(t, z) = (−z₂, z₁, …): each entry follows its neighbour"""
    return torch.roll(z, 1, dims=-1) * z.new_tensor([-1.0] + [1.0] * (z.shape[-1] - 1))


def driven(t, z):
    """f(t, z) = sin(z) + t"""
    return torch.sin(z) + t


def first_two(z):
    """head(z) = (z₁ + 2, 3 z₂)"""
    return torch.stack([z[..., 0] + 2, 3 * z[..., 1]], dim=-1)


def predict_cases(generator):
    """(field, head, z0, t): times after 0, irregular; then before 0, going back."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (circling, first_two, torch.tensor([[1.0, 0.0]]), torch.tensor([0.5, 1.5, 2.0])),
        (driven, first_two, draw(3, 3), torch.tensor([0.3, 1.2])),
        (circling, first_two, draw(4, 3), torch.tensor([-0.4, -0.7, -2.0])),
    ]


PREDICT = Exercise(
    id="13.4",
    title="Ask at any time",
    difficulty=3,
    minutes=8,
    hints=[
        "`odeint` takes the first time of its list to be that of the state handed to it. To which "
        "time does z0 belong?",
        "Put a 0 in front of t, and drop the state that comes back for it.",
        "`odeint` returns [k + 1, n, d], with the time first. What is asked for is [n, k, 2].",
    ],
    solution=predict,
    alternatives=[_predict_one_by_one],
    misconceptions=[
        Misconception(
            "starts at the first time asked for",
            _predict_with(times=lambda t: t, drop=0),
            "You get {got}, expected is {expected}. You hand z0 to `odeint` as the state at t[0]: "
            "the first answer is z0 itself, decoded. To which time does z0 belong?",
        ),
        Misconception(
            "counts from the first time",
            _predict_shifted,
            "You get {got}, expected is {expected}. You measure time from t[0], so that all your "
            "answers come too early. From where does the ODE start?",
        ),
        Misconception(
            "keeps the start",
            _predict_with(drop=0),
            "You return {got}, expected is {expected}: one time too many. Nobody asked for time 0.",
        ),
        Misconception(
            "time before the batch",
            _predict_with(swap=False),
            "You return {got}, expected is {expected}. `odeint` puts the time first; asked is one "
            "row for each curve.",
        ),
        Misconception(
            "straight ahead",
            _predict_straight,
            "You get {got}, expected is {expected}: one Euler step to every time, along the "
            "velocity at the start. The velocity changes on the way.",
        ),
        Misconception(
            "the past is the future",
            _predict_absolute,
            "You get {got}, expected is {expected}. Right for times after 0; but for those before "
            "it you go forwards. An ODE runs both ways.",
        ),
        Misconception(
            "skips the decoder",
            _predict_no_head,
            "You get {got}, expected is {expected}: the first two latent numbers. What turns "
            "latent states into positions?",
        ),
        Misconception(
            "never decodes",
            _predict_raw,
            "You return {got}, expected is {expected}: latent states. What turns them into "
            "positions?",
        ),
        Misconception(
            "decodes before it solves",
            _predict_head_first,
            "You get {got}, expected is {expected}. You decode z0 and solve in the plane; where "
            "does the field live?",
        ),
        Misconception(
            "reshapes instead of transposing",
            _predict_reshaped,
            "You get {got}, expected is {expected}. The shape is right, but `reshape` deals the "
            "numbers out in their old order, times and curves mixed. Which two axes change places?",
        ),
        Misconception(
            "only the last time",
            _predict_last,
            "You return {got}, expected is {expected}: the last time alone. All of `t` is asked "
            "for.",
        ),
        Misconception(
            "drops the wrong end",
            _predict_drops_last,
            "You get {got}, expected is {expected}. You keep the state at time 0 and drop the "
            "last one. Which of them was not asked for?",
        ),
        Misconception(
            "steps as long as the gaps: Euler",
            _predict_coarse("euler"),
            "You get {got}, expected is {expected}. You take one Euler step from time to time, and "
            "those are far apart. `odeint`'s own method chooses its steps.",
        ),
        Misconception(
            "steps as long as the gaps: RK4",
            _predict_coarse("rk4"),
            "You get {got}, expected is {expected}: close, but with one step of RK4 from time to "
            "time. Give it a smaller `step_size`, or leave the method to `odeint`.",
        ),
        Misconception(
            "counts samples instead of time",
            _predict_index,
            "You get {got}, expected is {expected}. Your answers are for the times 1, 2, 3, … "
            "Which times were asked for?",
        ),
    ],
    means="the grid is yours: no step, no sampling rate is built into the model.",
    cases=predict_cases,
    rtol=1e-4,
)

# --- 13.5 Finer steps ----------------------------------------------------------------------------

STEPS = Exercise(
    id="13.5",
    title="Finer steps at test",
    difficulty=2,
    minutes=3,
    kind="choice",
    options={
        "A": "the error falls: the equation is solved more exactly",
        "B": "the error stays: RK4 with eight steps a turn was exact enough",
        "C": "the error rises a little: the field was fitted with the error of its steps",
        "D": "the predictions fly off: the field is meaningless between the old steps",
    },
    solution="C",
    hints=[
        "What did training compare with the data: the exact solution of z' = f(z), or what the "
        "solver made of it?",
        "Remember network A of 07.8. Eight steps of RK4 a turn are not two of Euler. Small, or "
        "nothing?",
    ],
    misconceptions=[
        Misconception(
            "a better solver is a better model",
            "A",
            "Exactly solved is the equation, but were the weights chosen to make its exact "
            "solution right?",
        ),
        Misconception(
            "exact enough",
            "B",
            "Compare the trajectories: on the continuation the two solves differ by a few "
            "hundredths. The errors to be predicted are of that size.",
        ),
        Misconception(
            "a residual network in disguise",
            "D",
            "That is what happens to two steps of Euler (07.8). RK4's eight are already close to "
            "a flow. How close, against the error of the model?",
        ),
    ],
    means="the model is its field and its solver, here as in 05 and 07.",
    explanation="Training made the *computed* trajectories fit. RK4 with eight steps a turn errs a "
    "little on every turn, and the field leans against that; with finer steps the lean is left.",
)

# --- 13.6 Beyond the edge ------------------------------------------------------------------------

EDGE = Exercise(
    id="13.6",
    title="Beyond the edge",
    difficulty=2,
    minutes=3,
    kind="choice",
    options={
        "A": "more observations of the curve that is to be continued",
        "B": "training curves that reach larger radii",
        "C": "a finer solver at test",
        "D": "more training curves like those there are",
    },
    solution="B",
    hints=[
        "Where is the error made: in z₀, in the solve, or in f? Sections 13.7 and 13.8 have "
        "numbers for two of the three.",
        "What has f ever been told about latent states that no training curve has passed?",
    ],
    misconceptions=[
        Misconception(
            "a better start",
            "A",
            "Compare the errors beyond the edge for 30 and for 100 observations. Does the better "
            "start help?",
        ),
        Misconception(
            "a better solve",
            "C",
            "An exact solution of a wrong equation: between the training curves f is fitted, "
            "outside it is whatever the units' tanh make of it.",
        ),
        Misconception(
            "more of the same",
            "D",
            "They would sharpen f where it is sharp already. Which region of the latent space do "
            "none of them visit?",
        ),
    ],
    means="a neural ODE extrapolates in time as long as it stays among states it has seen.",
    explanation="f is a regression: good where there were data. In the covered radii a longer time "
    "asks f nothing new; beyond the edge every step does, however good z₀ and the solver are.",
)

EXERCISES = [READ, SAMPLE, KL, PREDICT, STEPS, EDGE]
