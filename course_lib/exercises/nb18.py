"""Exercises of notebook 18, *Mean-field games and crowd motion*.

The notebook's later cells use what the library has in their place: `transport.Obstacle`, `carry`,
`miss` and `Rotated`; tests hold the solutions to them.
"""

import math

import torch

from course_lib.exercises.engine import Exercise, Misconception

# --- 18.1 The price of a place -------------------------------------------------------------------


def obstacle_cost(x, centre, width, weight):
    """Q [n] of points x [n, 2], (18.1)."""
    return weight * torch.exp(-(x - centre).square().sum(1) / (2 * width**2))


def _obstacle_by_coordinates(x, centre, width, weight):
    first, second = ((x[:, i] - centre[i]) / width for i in (0, 1))
    return weight * (-0.5 * first**2).exp() * (-0.5 * second**2).exp()


def _obstacle_variant(power=2, half=2.0, on_width=2, sign=-1.0, about=1.0, scale=None):
    """The bump with one thing changed: the raw material of the misconceptions."""

    def run(x, centre, width, weight):
        distance = (x - about * centre).norm(dim=1)
        bump = weight * torch.exp(sign * distance**power / (half * width**on_width))
        return bump if scale is None else bump * scale(width)

    return run


def _obstacle_no_weight(x, centre, width, weight):
    return obstacle_cost(x, centre, width, 1.0)


def _obstacle_each_coordinate(x, centre, width, weight):
    return weight * torch.exp(-(x - centre).square() / (2 * width**2))


def _obstacle_one_number(x, centre, width, weight):
    return weight * torch.exp(-(x - centre).square().sum() / (2 * width**2))


def _obstacle_disc(x, centre, width, weight):
    return weight * ((x - centre).norm(dim=1) < width).to(x.dtype)


def _obstacle_mean(x, centre, width, weight):
    return weight * torch.exp(-(x - centre).square().mean(1) / (2 * width**2))


def _obstacle_summed_first(x, centre, width, weight):
    return weight * torch.exp(-((x - centre).sum(1) ** 2) / (2 * width**2))


def _obstacle_times_width(x, centre, width, weight):
    return weight * torch.exp(-(x - centre).square().sum(1) / 2 * width**2)


def _obstacle_no_width(x, centre, width, weight):
    return obstacle_cost(x, centre, 1.0, weight)


def _obstacle_average(x, centre, width, weight):
    return obstacle_cost(x, centre, width, weight).mean()


def obstacle_cases(generator):
    """(x, centre, width, weight): one point, then several."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (torch.tensor([[1.0, 2.0]]), torch.tensor([0.5, 1.0]), 2.0, 10.0),
        (draw(5, 2), draw(2), 0.8, 3.0),
        (0.5 * draw(4, 2), torch.tensor([0.2, -0.3]), 0.6, 100.0),
    ]


OBSTACLE = Exercise(
    id="18.1",
    title="The price of a place",
    difficulty=1,
    minutes=4,
    hints=[
        "‖x − c‖² is a sum over the coordinates of one point: `.square().sum(1)`.",
        "One number for each point: weight · exp(−‖x − c‖² / (2 · width²)).",
    ],
    solution=obstacle_cost,
    alternatives=[_obstacle_by_coordinates],
    misconceptions=[
        Misconception(
            "distance not squared",
            _obstacle_variant(power=1),
            "You get {got}, expected is {expected}. Your hill has a sharp tip: which power of the "
            "distance stands in (18.1)?",
        ),
        Misconception(
            "the two forgotten",
            _obstacle_variant(half=1.0),
            "You get {got}, expected is {expected}. Your hill is too narrow by a factor √2: what "
            "stands in the denominator beside the width?",
        ),
        Misconception(
            "width not squared",
            _obstacle_variant(on_width=1),
            "You get {got}, expected is {expected}. An exponent has no unit: a squared distance "
            "must be divided by what?",
        ),
        Misconception(
            "sign of the exponent",
            _obstacle_variant(sign=1.0),
            "You get {got}, expected is {expected}. Yours grows with the distance: a pit that "
            "nobody can leave.",
        ),
        Misconception(
            "centre forgotten",
            _obstacle_variant(about=0.0),
            "You get {got}, expected is {expected}. Your obstacle stands at the origin, wherever "
            "the centre is.",
        ),
        Misconception(
            "a density",
            _obstacle_variant(scale=lambda width: 1 / (2 * math.pi * width**2)),
            "You get {got}, expected is {expected}. You divide by 2π·width², as for a density. At "
            "its centre (18.1) is exactly the weight.",
        ),
        Misconception(
            "weight forgotten",
            _obstacle_no_weight,
            "You get {got}, expected is {expected}. Your hill is one high, whatever the weight.",
        ),
        Misconception(
            "one for each coordinate",
            _obstacle_each_coordinate,
            "You return a number for each coordinate. A point has one distance from the centre.",
        ),
        Misconception(
            "summed over the points",
            _obstacle_one_number,
            "You return one number. Over which axis does ‖x − c‖² add up?",
        ),
        Misconception(
            "averaged",
            _obstacle_average,
            "You return one number. Every agent pays for its own place.",
        ),
        Misconception(
            "a disc",
            _obstacle_disc,
            "You get {got}, expected is {expected}. A disc with a sharp rim has no slope: nobody "
            "learns from it which way leads out. (18.1) is smooth.",
        ),
        Misconception(
            "mean over the coordinates, or (2σ)²",
            _obstacle_mean,
            "You get {got}, expected is {expected}. Your exponent is half of what it should be. Is "
            "‖x − c‖² the sum of both squares, not their mean? And only σ is squared, not the 2.",
        ),
        Misconception(
            "coordinates added before squaring",
            _obstacle_summed_first,
            "You get {got}, expected is {expected}. ‖x − c‖² is the sum of squares, not the square "
            "of the sum: yours is a wall, not a hill.",
        ),
        Misconception(
            "multiplied by the width",
            _obstacle_times_width,
            "You get {got}, expected is {expected}. Python reads `a / 2 * width**2` from the left: "
            "it divides by 2, then multiplies. Which brackets are missing?",
        ),
        Misconception(
            "width forgotten",
            _obstacle_no_width,
            "You get {got}, expected is {expected}. Your hill is as wide for every width.",
        ),
    ],
    means="smooth, so that its slope says which way leads out.",
    cases=obstacle_cases,
)

# --- 18.2 The cost as one more state -------------------------------------------------------------


def long_rate(v, Q, t, y):
    """Rate [n, d + 1] of states y = (x, cost so far): (v, ½‖v‖² + Q)."""
    x = y[:, :-1]
    velocity = v(t, x)
    paid = 0.5 * velocity.square().sum(1) + Q(t, x)
    return torch.cat([velocity, paid[:, None]], 1)


def _long_rate_filled(v, Q, t, y):
    out = torch.zeros_like(y)
    out[:, :-1] = v(t, y[:, :-1])
    out[:, -1] = (out[:, :-1] ** 2).sum(1) / 2 + Q(t, y[:, :-1])
    return out


def _long_variant(half=0.5, q=1.0, power=2, so_far=0.0, time=False, all_half=1.0):
    """The long state with one thing changed: the raw material of the misconceptions."""

    def run(v, Q, t, y):
        x = y[:, :-1]
        velocity = v(t, x)
        paid = half * velocity.norm(dim=1) ** power + q * Q(t, x)
        paid = all_half * paid * (t if time else 1.0) + so_far * y[:, -1]
        return torch.cat([velocity, paid[:, None]], 1)

    return run


def _long_cost_first(v, Q, t, y):
    return long_rate(v, Q, t, y).roll(1, dims=1)


def _long_cost_alone(v, Q, t, y):
    return long_rate(v, Q, t, y)[:, -1]


def _long_mean(v, Q, t, y):
    rate = long_rate(v, Q, t, y)
    return torch.cat([rate[:, :-1], rate[:, -1:].mean().expand(len(y), 1)], 1)


def _long_summed(v, Q, t, y):
    x = y[:, :-1]
    velocity = v(t, x)
    paid = 0.5 * velocity.sum(1) ** 2 + Q(t, x)
    return torch.cat([velocity, paid[:, None]], 1)


def _long_place(v, Q, t, y):
    x = y[:, :-1]
    paid = 0.5 * x.square().sum(1) + Q(t, x)
    return torch.cat([v(t, x), paid[:, None]], 1)


def _long_state_to_v(v, Q, t, y):
    velocity = v(t, y)
    paid = 0.5 * velocity.square().sum(1) + Q(t, y[:, :-1])
    return torch.cat([velocity, paid[:, None]], 1)


def _long_state_to_both(v, Q, t, y):
    velocity = v(t, y)
    paid = 0.5 * velocity.square().sum(1) + Q(t, y)
    return torch.cat([velocity, paid[:, None]], 1)


def _long_averaged(v, Q, t, y):
    velocity = v(t, y[:, :-1])
    paid = 0.5 * velocity.square().mean(1) + Q(t, y[:, :-1])
    return torch.cat([velocity, paid[:, None]], 1)


def _long_one_norm(v, Q, t, y):
    velocity = v(t, y[:, :-1])
    paid = 0.5 * velocity.square().sum() + Q(t, y[:, :-1])
    return torch.cat([velocity, paid[:, None]], 1)


def _long_step(v, Q, t, y):
    return y + long_rate(v, Q, t, y)


def _swirl(t, x):
    """v = (t·x₂, 1 − x₁)"""
    # The last column, so that who hands over the cost as well gets another velocity.
    return torch.stack([t * x[:, -1], 1 - x[:, 0]], 1)


def _hill(t, x):
    """Q = 3/(1 + ‖x‖²) + t"""
    return 3 / (1 + x.square().sum(1)) + t


def long_cases(generator):
    """(v, Q, t, y): one agent, then several at other times."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    first = torch.tensor([[2.0, 4.0, 7.0]])
    return [(_swirl, _hill, 0.5, first), (_swirl, _hill, 0.3, draw(4, 3)),
            (_swirl, _hill, 0.8, draw(5, 3))]  # fmt: skip


LONG = Exercise(
    id="18.2",
    title="The cost as one more state",
    difficulty=2,
    minutes=6,
    hints=[
        "`y[:, :-1]` is where the agents are. The last column, what they have paid so far, has "
        "no influence on any rate.",
        "An agent pays ½‖v‖² + Q per unit of time: that *is* the rate of the last column.",
        "`torch.cat([velocity, paid[:, None]], 1)` puts it beside the velocity.",
    ],
    solution=long_rate,
    alternatives=[_long_rate_filled],
    misconceptions=[
        Misconception(
            "the half forgotten",
            _long_variant(half=1.0),
            "You get {got}, expected is {expected}. What does a speed of ‖v‖ cost in (18.2)?",
        ),
        Misconception(
            "half of everything",
            _long_variant(all_half=0.5),
            "You get {got}, expected is {expected}. The half belongs to ‖v‖² alone.",
        ),
        Misconception(
            "Q subtracted",
            _long_variant(q=-1.0),
            "You get {got}, expected is {expected}. Your agents are paid for standing in the way.",
        ),
        Misconception(
            "Q forgotten",
            _long_variant(q=0.0),
            "You get {got}, expected is {expected}: the cost of moving. What does the place cost?",
        ),
        Misconception(
            "motion forgotten",
            _long_variant(half=0.0),
            "You get {got}, expected is {expected}: the cost of the place. What does moving cost?",
        ),
        Misconception(
            "speed not squared",
            _long_variant(power=1),
            "You get {got}, expected is {expected}. Which power of the speed is paid?",
        ),
        Misconception(
            "coordinates added before squaring",
            _long_summed,
            "You get {got}, expected is {expected}. ‖v‖² is the sum of squares, not the square of "
            "the sum.",
        ),
        Misconception(
            "place instead of velocity",
            _long_place,
            "You get {got}, expected is {expected}. You square the agent's place. What is ½‖v‖² "
            "of?",
        ),
        Misconception(
            "v asked at the long state",
            _long_state_to_v,
            "You get {got}, expected is {expected}. v moves places: hand it x, without the column "
            "of what was paid.",
        ),
        Misconception(
            "v and Q asked at the long state",
            _long_state_to_both,
            "You get {got}, expected is {expected}. v and Q are functions of the place: hand them "
            "x, without the column of what was paid.",
        ),
        Misconception(
            "mean over the coordinates",
            _long_averaged,
            "You get {got}, expected is {expected}. ‖v‖² is the sum over the coordinates, not a "
            "mean.",
        ),
        Misconception(
            "one speed for all",
            _long_one_norm,
            "You get {got}, expected is {expected}. You add up the squares of all agents. Each "
            "pays for its own speed: over which axis?",
        ),
        Misconception(
            "a step, not a rate",
            _long_step,
            "You get {got}, expected is {expected}. You return y plus its rate. The solver takes "
            "the step; asked for is the rate.",
        ),
        Misconception(
            "already the sum",
            _long_variant(so_far=1.0),
            "You get {got}, expected is {expected}. You add what was paid so far. Adding up is the "
            "solver's work; asked for is the rate.",
        ),
        Misconception(
            "multiplied by the time",
            _long_variant(time=True),
            "You get {got}, expected is {expected}. You multiply by t. The solver multiplies by "
            "its step; a rate is per unit of time.",
        ),
        Misconception(
            "cost first",
            _long_cost_first,
            "The numbers are right, their order isn't: in y the cost is the *last* column.",
        ),
        Misconception(
            "cost alone",
            _long_cost_alone,
            "You return the rate of the cost. The solver needs that of the whole state, [n, d + 1]",
        ),
        Misconception(
            "mean over agents",
            _long_mean,
            "You get {got}, expected is {expected}. Each agent has an account of its own.",
        ),
    ],
    means="any integral along a path can ride along, at no further call of the field; `carry` does "
    "it with four.",
    cases=long_cases,
)

# --- 18.3 What a miss costs ----------------------------------------------------------------------


def terminal_cost(log_p0, log_det, log_p1, alpha):
    """α · mean log(ρ(1)/ρ₁) from [n] numbers for each agent, (18.4)."""
    return alpha * (log_p0 - log_det - log_p1).mean()


def _terminal_by_parts(log_p0, log_det, log_p1, alpha):
    n = len(log_p0)
    return alpha * ((log_p0 - log_det).sum() - log_p1.sum()) / n


def _terminal_variant(start=1.0, det=-1.0, goal=-1.0, weighted=True, reduce=torch.mean, by=None):
    """The cost with one thing changed: the raw material of the misconceptions."""

    def run(log_p0, log_det, log_p1, alpha):
        each = start * log_p0 + det * log_det + goal * log_p1
        each = each if by is None else by(each)
        return (alpha if weighted else 1.0) * reduce(each)

    return run


def terminal_cases(generator):
    """(log_p0, log_det, log_p1, alpha): two agents, then more."""
    draw = lambda n: torch.randn(n, generator=generator)  # noqa: E731
    first = (torch.tensor([-1.0, -2.0]), torch.tensor([0.5, 1.0]), torch.tensor([-3.0, -2.5]), 2.0)
    return [first, (draw(5), draw(5), draw(5) - 2, 20.0), (draw(4), draw(4), draw(4), 5.0)]


TERMINAL = Exercise(
    id="18.3",
    title="What a miss costs",
    difficulty=2,
    minutes=5,
    hints=[
        "The crowd's density where an agent arrives is the one it had at the start, divided by "
        "how much its surroundings were stretched: log ρ(1) = log ρ₀(z) − log det.",
        "A mean over agents of log ρ(1) − log ρ₁, times α.",
    ],
    solution=terminal_cost,
    alternatives=[_terminal_by_parts],
    misconceptions=[
        Misconception(
            "stretching makes denser",
            _terminal_variant(det=1.0),
            "You get {got}, expected is {expected}. A positive log-determinant means stretched "
            "surroundings. Is the crowd denser there, or thinner?",
        ),
        Misconception(
            "no change of variables",
            _terminal_variant(det=0.0),
            "You get {got}, expected is {expected}. You compare the density at the start with that "
            "wanted at the end. How does the crowd's density change on the way?",
        ),
        Misconception(
            "the crowd forgotten",
            _terminal_variant(start=0.0, det=0.0),
            "You get {got}, expected is {expected}: −log ρ₁ alone. Every agent would run to the "
            "highest peak of ρ₁, and all would stand on top of each other.",
        ),
        Misconception(
            "start forgotten",
            _terminal_variant(start=0.0),
            "You get {got}, expected is {expected}. Without log ρ₀(z) it is not the log of a "
            "density. (Its gradient is right: that term does not depend on the weights.)",
        ),
        Misconception(
            "upside down",
            _terminal_variant(start=-1.0, det=1.0, goal=1.0),
            "You get {got}, expected is {expected}: the negative. Agents would be paid for missing "
            "the goal.",
        ),
        Misconception(
            "goal added",
            _terminal_variant(goal=1.0),
            "You get {got}, expected is {expected}. log(ρ(1)/ρ₁) is a difference of logarithms.",
        ),
        Misconception(
            "goal forgotten",
            _terminal_variant(goal=0.0),
            "You get {got}, expected is {expected}: the mean of log ρ(1). Where does it say where "
            "the crowd should be?",
        ),
        Misconception(
            "weight forgotten",
            _terminal_variant(weighted=False),
            "You get {got}, expected is {expected}. How dear is a miss?",
        ),
        Misconception(
            "sum over agents",
            _terminal_variant(reduce=torch.sum),
            "You get {got}, expected is {expected}: n times too much. An expected value is a mean.",
        ),
        Misconception(
            "one for each agent",
            _terminal_variant(reduce=lambda each: each),
            "You return a number for each agent. The loss needs one.",
        ),
        Misconception(
            "absolute values",
            _terminal_variant(by=torch.abs),
            "You get {got}, expected is {expected}. Single agents may well stand where the crowd "
            "is too thin, with a negative logarithm; only the expected value is never negative.",
        ),
        Misconception(
            "ratio without logarithm",
            _terminal_variant(by=torch.exp),
            "You get {got}, expected is {expected}. That is the mean of the ratio itself.",
        ),
    ],
    means="what an agent pays depends on where all the others have gone: this makes it a game.",
    cases=terminal_cases,
)

# --- 18.4 Seen from a carousel -------------------------------------------------------------------


def _turn(angle, like):
    c, s = math.cos(angle), math.sin(angle)
    return like.new_tensor([[c, -s], [s, c]])


def turned_velocity(v, omega, t, y):
    """Velocity [n, 2] of y = P(ωt) x at y, for x' = v(t, x)."""
    P = _turn(omega * t, y)
    spin = omega * torch.stack([-y[:, 1], y[:, 0]], 1)
    return v(t, y @ P) @ P.T + spin


def _turned_by_complex(v, omega, t, y):
    phase = complex(math.cos(omega * t), math.sin(omega * t))
    number = torch.complex(y[:, 0], y[:, 1])
    x = torch.view_as_real(number / phase)
    moved = v(t, x)
    return torch.view_as_real(torch.complex(moved[:, 0], moved[:, 1]) * phase + 1j * omega * number)


def _turned_variant(inside=1, outside=1, spin=1.0, about="y", timed=False):
    """The velocity with one thing changed: the raw material of the misconceptions.

    inside, outside: 1 for the right rotation, −1 for its inverse, 0 for none.
    """

    def run(v, omega, t, y):
        x = y @ _turn(inside * omega * t, y)
        moved = v(t, x) @ _turn(outside * omega * t, y).T
        arm = {"y": y, "x": x, "moved": moved}[about]
        turn = omega * torch.stack([-arm[:, 1], arm[:, 0]], 1)
        return moved + spin * turn * (t if timed else 1.0)

    return run


def _turned_spin_too(v, omega, t, y):
    P = _turn(omega * t, y)
    return (v(t, y @ P) + omega * torch.stack([-y[:, 1], y[:, 0]], 1)) @ P.T


def _turned_outwards(v, omega, t, y):
    return turned_velocity(v, omega, t, y) + omega * (y - torch.stack([-y[:, 1], y[:, 0]], 1))


def _turned_no_speed(v, omega, t, y):
    spin = torch.stack([-y[:, 1], y[:, 0]], 1)
    return turned_velocity(v, omega, t, y) + (1 - omega) * spin


def turned_cases(generator):
    """(v, omega, t, y): a quarter turn, then others."""
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [
        (_swirl, math.pi, 0.5, torch.tensor([[1.0, 2.0]])),
        (_swirl, 2.0, 0.3, draw(4, 2)),
        (_swirl, -3.0, 0.7, draw(5, 2)),
    ]


TURNED = Exercise(
    id="18.4",
    title="Seen from a carousel",
    difficulty=3,
    minutes=8,
    hints=[
        "Differentiate y = P(ωt) x by the product rule: one term for P, one for x.",
        "x' = v(t, x), and v knows x, not y: x = Pᵀy. With samples as rows that is `y @ P`.",
        "The derivative of P turns y by a right angle: P' x = ω (−y₂, y₁).",
    ],
    solution=turned_velocity,
    alternatives=[_turned_by_complex],
    misconceptions=[
        Misconception(
            "carousel forgotten",
            _turned_variant(spin=0.0),
            "You get {got}, expected is {expected}. That is P x'. The product rule has another "
            "term: even agents at rest seem to move.",
        ),
        Misconception(
            "v asked at y",
            _turned_variant(inside=0),
            "You get {got}, expected is {expected}. v is a function of x, and you ask it at y. "
            "Where is x?",
        ),
        Misconception(
            "velocity not turned",
            _turned_variant(outside=0),
            "You get {got}, expected is {expected}. v is the velocity of x. What does P do to it?",
        ),
        Misconception(
            "nothing turned",
            _turned_variant(inside=0, outside=0),
            "You get {got}, expected is {expected}. v + spin is right at t = 0 only: v has to be "
            "asked at x, and what it answers must be turned.",
        ),
        Misconception(
            "argument turned the wrong way",
            _turned_variant(inside=-1),
            "You get {got}, expected is {expected}. x = Pᵀy. If samples are rows, is that y @ P or "
            "y @ P.T?",
        ),
        Misconception(
            "velocity turned the wrong way",
            _turned_variant(outside=-1),
            "You get {got}, expected is {expected}. P x' for rows: v @ P or v @ P.T?",
        ),
        Misconception(
            "both turned the wrong way",
            _turned_variant(inside=-1, outside=-1),
            "You get {got}, expected is {expected}. Your P is the inverse of the one meant. If "
            "samples are rows, P x is `x @ P.T`.",
        ),
        Misconception(
            "the other way round",
            _turned_variant(spin=-1.0),
            "You get {got}, expected is {expected}. Your carousel turns one way and drags the "
            "agents the other. A point at (1, 0), turning to the left, moves to (0, 1).",
        ),
        Misconception(
            "spin about x",
            _turned_variant(about="x"),
            "You get {got}, expected is {expected}. Who rides on the carousel is at y.",
        ),
        Misconception(
            "velocity spun",
            _turned_variant(about="moved"),
            "You get {got}, expected is {expected}. The second term turns the *place* y by a right "
            "angle, not the velocity.",
        ),
        Misconception(
            "spin turned once more",
            _turned_spin_too,
            "You get {got}, expected is {expected}. In (18.9) only v stands behind P; the spin at "
            "y is already seen from outside.",
        ),
        Misconception(
            "spin outwards",
            _turned_outwards,
            "You get {got}, expected is {expected}. Who rides a carousel moves at a right angle to "
            "y, not along it.",
        ),
        Misconception(
            "speed of the carousel forgotten",
            _turned_no_speed,
            "You get {got}, expected is {expected}. A carousel that turns twice as fast moves its "
            "riders twice as fast: where is ω in your second term?",
        ),
        Misconception(
            "spin grows with time",
            _turned_variant(timed=True),
            "You get {got}, expected is {expected}. The derivative of ωt is ω.",
        ),
    ],
    means="after whole turns everybody is where the flow wanted him, by a far longer way.",
    cases=turned_cases,
)

# --- 18.5 What has a map to do with the way? -----------------------------------------------------

SAME = Exercise(
    id="18.5",
    title="Two dynamics, one map",
    difficulty=3,
    minutes=4,
    kind="choice",
    options={
        "A": "the kinetic energy that the crowd spends",
        "B": "the density at t = ¼",
        "C": "the integral of tr ∂v/∂x along an agent's way, from t = 0 to 1",
        "D": "the cost ∫Q dt that the crowd pays to the obstacle",
    },
    solution="C",
    hints=[
        "Which of the four can be computed from the map T alone, without knowing the way?",
        "What is the integral of the trace, in 15?",
    ],
    misconceptions=[
        Misconception(
            "energy of the map",
            "A",
            "Look at the energies above: they differ by more than ten times. Only the *least* "
            "energy is a matter of the map, (17.7).",
        ),
        Misconception(
            "densities in between",
            "B",
            "At t = 0 and 1 they agree. In between each flow carries the crowd through other "
            "places: compare the grey dots of Figure 18.6.",
        ),
        Misconception(
            "the obstacle's price",
            "D",
            "The straight lines run through the obstacle, the learned ones round it. So they "
            "don't pay the same.",
        ),
    ],
    means="it is log |det ∂T/∂z|, and that is a matter of the map alone.",
    explanation="By 15's theorem the integral of the trace along an agent's way is "
    "log |det ∂x(1)/∂z|. All three flows have the same x(1) = T(z), so the same determinant, and "
    "the same density at t = 1. Energy, densities in between and the price of the obstacle depend "
    "on the way.",
)

EXERCISES = [OBSTACLE, LONG, TERMINAL, TURNED, SAME]
