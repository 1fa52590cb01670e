"""Guess the ODE: a curve is shown, and the player finds the right-hand side that made it.

`Game` keeps the rules and the score and knows no widget; `GuessTheODE` puts controls and the
persistent picture in front of it. Everything is deterministic.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from course_lib import plotting, systems
from course_lib.solvers import SolverError, odeint
from course_lib.widgets.base import boxed, row
from course_lib.widgets.sheet import WIDTH, Sheet

__all__ = ["LAWS", "MYSTERIES", "Game", "GuessTheODE", "guess_the_ode", "trajectory_error"]

SOLVED = 0.02  # a trajectory error below this is as good as the truth to the eye
PER_GUESS = 10  # points that each further guess costs
TIMES = 201  # at which trajectories are compared; every fifth is shown as a point


@dataclass(frozen=True)
class Law:
    """A right-hand side with one free parameter p, as the player may choose it."""

    formula: str
    name: str
    dim: int
    make: Callable[[float], Callable]
    values: tuple[float, float, float]  # smallest p, largest p, step


def _damped(p: float) -> Callable:
    return lambda t, y: torch.stack([y[..., 1], -p * y[..., 1] - y[..., 0]], -1)


LAWS: Sequence[Law] = (
    Law("ẋ = p·x", "exponential growth", 1, lambda p: systems.exponential(p).func, (0.1, 2.0, 0.1)),
    Law(
        "ẋ = p·(100 − x)",
        "limited growth",
        1,
        lambda p: lambda t, y: p * (100 - y),
        (0.1, 2.0, 0.1),
    ),
    Law(
        "ẋ = p·x·(1 − x/100)",
        "logistic growth",
        1,
        lambda p: systems.logistic(p, 100.0).func,
        (0.1, 2.0, 0.1),
    ),
    Law(
        "ẋ = y,  ẏ = −p²·x",
        "harmonic oscillator",
        2,
        lambda p: systems.harmonic(p).func,
        (0.2, 3.0, 0.1),
    ),
    Law("ẋ = y,  ẏ = −p·y − x", "damped oscillator", 2, _damped, (0.1, 3.0, 0.1)),
    Law(
        "ẋ = y,  ẏ = −p·sin x",
        "pendulum",
        2,
        lambda p: systems.pendulum(p).func,
        (0.2, 3.0, 0.1),
    ),
    Law(
        "ẋ = y,  ẏ = p·(1 − x²)·y − x",
        "Van der Pol oscillator",
        2,
        lambda p: systems.van_der_pol(p).func,
        (0.1, 3.0, 0.1),
    ),
    Law(
        "ẋ = x − x·y/10,  ẏ = p·(x·y/20 − y)",
        "Lotka–Volterra",
        2,
        lambda p: systems.lotka_volterra(1.0, 0.1, p, 0.05 * p).func,
        (0.1, 3.0, 0.1),
    ),
    Law(
        "ẋ = 10(y − x),  ẏ = x(p − z) − y,  ż = xy − 8z/3",
        "Lorenz system",
        3,
        lambda p: systems.lorenz(rho=p).func,
        (5.0, 40.0, 1.0),
    ),
    Law(
        "ẋ = −y − z,  ẏ = x + p·y,  ż = 0.2 + z(x − 5.7)",
        "Rössler system",
        3,
        lambda p: systems.rossler(a=p).func,
        (0.1, 0.4, 0.1),
    ),
)


@lru_cache
def _network() -> Callable:
    """The last mystery's field: eight tanh units with random weights. No formula in the list."""
    generator = torch.Generator().manual_seed(NETWORK_SEED)
    inner = 2 * torch.randn(8, 2, generator=generator, dtype=torch.double)
    shift = torch.randn(8, generator=generator, dtype=torch.double)
    outer = 0.53 * torch.randn(2, 8, generator=generator, dtype=torch.double)

    def func(t, y):
        turn = torch.stack([y[..., 1], -y[..., 0]], -1)
        return torch.tanh(y @ inner.T + shift) @ outer.T + turn - 0.25 * y

    return func


NETWORK_SEED = 0


@dataclass(frozen=True)
class Mystery:
    """One round: the law that made it (None: the network), its parameter, start and duration."""

    law: str | None
    p: float
    y0: tuple[float, ...]
    t_end: float
    moral: str

    @property
    def dim(self) -> int:
        return len(self.y0)

    @property
    def func(self) -> Callable:
        if self.law is None:
            return _network()
        return next(law for law in LAWS if law.name == self.law).make(self.p)


MYSTERIES: Sequence[Mystery] = (
    Mystery(
        "logistic growth", 0.8, (5.0,), 12.0,
        "The rate against the state is a parabola with zeros at 0 and 100.",
    ),
    Mystery(
        "harmonic oscillator", 1.5, (1.5, 0.0), 8.0,
        "An ellipse, passed at a steady pace: the talk's first example.",
    ),
    Mystery(
        "Van der Pol oscillator", 1.5, (0.3, 0.0), 15.0,
        "Small swings grow, large ones shrink, and all end on one cycle: the talk's second.",
    ),
    Mystery(
        "pendulum", 1.0, (2.8, 0.0), 18.0,
        "It lingers where it stands almost upright; a spring would not.",
    ),
    Mystery(
        "Lotka–Volterra", 1.2, (10.0, 5.0), 14.0,
        "Never negative, and the second always peaks after the first: bunnies and foxes.",
    ),
    Mystery(
        "Lorenz system", 28.0, (1.0, 1.0, 20.0), 4.0,
        "Two wings. Over a longer time no guess of p would be good enough: chaos.",
    ),
    Mystery(
        None, 0.0, (1.5, 0.0), 12.0,
        "No law in the list made this: it was a network with random weights. "
        "What if no formula comes to mind? Then f has to be learned: notebook 06.",
    ),
)  # fmt: skip


@lru_cache(maxsize=256)
def _path(mystery: Mystery, law: int | None, p: float) -> torch.Tensor:
    """States `[TIMES, d]` from the mystery's start, by its own law or by the law guessed."""
    func = mystery.func if law is None else LAWS[law].make(p)
    t = torch.linspace(0, mystery.t_end, TIMES, dtype=torch.double)
    y0 = torch.tensor(mystery.y0, dtype=torch.double)
    return odeint(func, y0, t, rtol=1e-6, atol=1e-8, options={"max_num_steps": 2000})


def trajectory_error(guess: torch.Tensor, truth: torch.Tensor) -> float:
    """Root mean square distance of two trajectories `[n, d]`, relative to the truth's own spread.

    0 is a perfect guess; 1 is as bad as to say that nothing ever moves from its mean. Components
    count relative to their spread, so that large ones do not drown small ones.

    >>> truth = torch.tensor([[0.0], [2.0]])
    >>> trajectory_error(truth, truth), trajectory_error(torch.ones(2, 1), truth)
    (0.0, 1.0)
    """
    spread = ((truth - truth.mean(0)) ** 2).mean(0)
    return float(((guess - truth) ** 2).mean(0).div(spread).mean().sqrt())


@dataclass
class Game:
    """The rules: seven rounds; the score of a guess is its trajectory error.

    A round is worth 100·(1 − error) points, less 10 for every guess before; the best guess counts.
    A law with another number of states than the mystery is refused and costs nothing.

    >>> game = Game()
    >>> game.guess(2, 0.8)  # the first mystery's law and parameter
    'Guess 1: trajectory error 0 %. That is it: logistic growth, p = 0.8. The rate against the \
state is a parabola with zeros at 0 and 100.'
    >>> game.total
    100
    """

    round: int = 0
    closed: bool = False  # solved or revealed: nothing more to win in this round
    guesses: list = field(default_factory=list)  # of this round: (law, p, error)
    points: list = field(default_factory=lambda: [0] * len(MYSTERIES))

    @property
    def mystery(self) -> Mystery:
        return MYSTERIES[self.round]

    @property
    def total(self) -> int:
        return sum(self.points)

    @property
    def last(self) -> bool:
        return self.round == len(MYSTERIES) - 1

    def guess(self, law: int, p: float) -> str:
        """Try a law; returns what the player reads."""
        chosen, states = LAWS[law], self.mystery.dim
        if self.closed:
            return "This round is over. Press Next round."
        if chosen.dim != states:
            return (
                f"Not counted: this law moves {chosen.dim} number{'s' * (chosen.dim > 1)}, "
                f"the mystery has {states}."
            )
        try:
            error = trajectory_error(_path(self.mystery, law, p), _path(self.mystery, None, 0.0))
        except SolverError:
            error = float("inf")
        worth = round(100 * max(0.0, 1.0 - error)) - PER_GUESS * len(self.guesses)
        self.guesses.append((law, p, error))
        self.points[self.round] = max(self.points[self.round], worth)
        said = f"{100 * error:.0f} %" if error < 10 else "more than 1000 %"
        text = f"Guess {len(self.guesses)}: trajectory error {said}. "
        if error <= SOLVED:
            self.closed = True
            return f"{text}That is it: {self._answer()}"
        return text + self._advice(law, error)

    def reveal(self) -> str:
        """Give up the round; points won so far stay."""
        self.closed = True
        return f"It was {self._answer()}"

    def next_round(self) -> str:
        """Go on; a round left open keeps its points. After the last one the game is over."""
        if self.last:
            return f"The game is over: {self.total} of {100 * len(MYSTERIES)} points."
        self.round, self.closed, self.guesses = self.round + 1, False, []
        return f"The mystery has {self.mystery.dim} state{'s' * (self.mystery.dim > 1)}."

    def reset(self, round: int = 1) -> str:
        """Start again, with no points, from that round."""
        self.round, self.closed, self.guesses = round - 1, False, []
        self.points = [0] * len(MYSTERIES)
        return "A new game." if round == 1 else f"A new game, from round {round}."

    def _answer(self) -> str:
        mystery = self.mystery
        if mystery.law is None:
            return f"none of these. {mystery.moral}"
        return f"{mystery.law}, p = {mystery.p:g}. {mystery.moral}"

    def _advice(self, law: int, error: float) -> str:
        if self.last and len(self.guesses) >= 3:
            return "Still no fit? Perhaps no formula in the list will do: press Reveal."
        tried = [e for other, _, e in self.guesses[:-1] if other == law]
        if tried and error < min(tried):
            return "Closer, with this law. Go on with p, or look at the shape again."
        return "Does your curve have the right shape (law), or only the wrong pace (p)?"


def draw(fig, game: Game) -> None:
    """The mystery as points, over time and in phase space, with the last guess on top.

    Once the round is closed, the true curve is shown too.
    """
    mystery, truth = game.mystery, _path(game.mystery, None, 0.0)
    t = np.linspace(0, mystery.t_end, TIMES)
    over_time, phase = fig.subplots(1, 2, width_ratios=[3, 2])
    names = "xyz"[: mystery.dim]
    shown = slice(None, None, 5)
    kinds = [("data", truth, mystery.func, shown)]
    if game.closed:
        kinds.insert(0, ("truth", truth, mystery.func, slice(None)))
    if game.guesses and np.isfinite(game.guesses[-1][2]):
        law, p, _ = game.guesses[-1]
        kinds.append(("model", _path(mystery, law, p), LAWS[law].make(p), slice(None)))
    for kind, path, func, part in kinds:
        word = {"data": "mystery", "truth": "truth", "model": "your law"}[kind]
        labels = [f"{word} ${n}$" if kind == "data" else f"_{word} {n}" for n in names]
        # The last point lies on the edge of the axes, and is to be seen whole.
        small = {"markersize": 4, "clip_on": False} if kind == "data" else {}
        plotting.trajectories(t[part], path[part], ax=over_time, labels=labels, kind=kind, **small)
        plane = _phase(path, func)[part]
        if kind == "data":
            plotting.phase_path(plane, ax=phase, kind=kind, label=word, **small)
        else:  # its start is the mystery's, which is marked already
            line = "-" if kind == "truth" else (0, (3, 1.5))
            phase.plot(*plane.T, color=plotting.COLORS[kind], linestyle=line, label=word)
    over_time.set(xlim=(0, mystery.t_end), ylim=_limits(truth))
    plane = _phase(truth, mystery.func)
    phase.set(xlim=_limits(plane[:, 0]), ylim=_limits(plane[:, 1]))
    phase.set(xlabel="state $x$", ylabel={1: r"rate $\dot x$", 2: "$y$", 3: "$z$"}[mystery.dim])
    plotting.legend(over_time, "above")
    plotting.legend(phase, "above")


def _phase(path: torch.Tensor, func: Callable) -> torch.Tensor:
    """`[n, 2]`: state and rate for one state, the first and the last state otherwise."""
    if path.shape[1] == 1:
        return torch.cat([path, func(0.0, path)], 1)
    return path[:, [0, -1]]


def _limits(values: torch.Tensor) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return low - 0.15 * (high - low), high + 0.15 * (high - low)


class GuessTheODE:
    """The game's controls and picture; each call makes a new panel, `figure` its first state.

    `presets`, text of a button → where a new game begins, for a lecture that has no time for seven
    rounds.
    """

    name = "guess_the_ode"
    presets: Mapping[str, Mapping] = {
        "It lingers": {"round": 4},
        "Two wings": {"round": 6},
        "The last round": {"round": 7},
    }
    figsize = (10, 4.5)

    def __call__(self) -> ipywidgets.VBox:
        """The game, as the output of a cell."""
        return GamePanel(self).box

    def __repr__(self) -> str:
        return f"{self.name}: a game; show it with {self.name}()"

    def panel(self) -> "GamePanel":
        """The game with its controls by name, for tests."""
        return GamePanel(self)

    def figure(self, round: int = 1) -> Figure:
        """A pyplot figure of a round as it begins, for where no widget is seen."""
        fig, game = plt.figure(figsize=self.figsize, layout="constrained"), Game()
        game.reset(round)
        draw(fig, game)
        return fig


class GamePanel:
    """One display of the game: `law`, `p`, `buttons` and `presets` (by label), `image`, `status`.

    `game` keeps the score.
    """

    def __init__(self, widget: GuessTheODE):
        self.game = Game()
        self._sheet = Sheet(widget.figsize)
        wide = ipywidgets.Layout(width=f"{WIDTH}px", max_width="100%")
        style = {"description_width": "initial"}
        self.law = ipywidgets.Dropdown(
            description="law",
            options=[(law.formula, i) for i, law in enumerate(LAWS)],
            value=0,
            style=style,
            layout=wide,
        )
        self.p = ipywidgets.FloatSlider(description="parameter p", style=style, layout=wide)
        self._set_range()
        self.law.observe(lambda change: self._set_range(), names="value")
        actions = {
            "Guess": lambda: self.game.guess(self.law.value, self.p.value),
            "Reveal": self.game.reveal,
            "Next round": self.game.next_round,
            "Start again": self.game.reset,
        }
        self.buttons = {label: self._button(label, act) for label, act in actions.items()}
        self.presets = {
            label: self._button(label, partial(self.game.reset, **where)).add_class("course-preset")
            for label, where in widget.presets.items()
        }
        self.image = ipywidgets.Image(format="png", layout=wide)
        self.status = ipywidgets.HTML()
        ask = "<b>Ask the room:</b> what do you know about f from the shape alone?"
        self.box = boxed(
            widget.name,
            *(ipywidgets.HTML(ask), self.law, self.p, row(self.buttons), row(self.presets)),
            *(self.status, self.image),
        )
        self.image.add_class("course-widget-image")
        self.status.add_class("course-widget-status")
        self._show("Choose a law and its parameter, then press Guess.")

    def _set_range(self) -> None:
        """Give the slider the range of the law's parameter, and put it near the lower end."""
        low, high, step = LAWS[self.law.value].values
        with self.p.hold_trait_notifications():
            self.p.min, self.p.max, self.p.step = low, high, step
            self.p.value = low + step * round((high - low) / step / 4)

    def _button(self, label: str, act: Callable[[], str]) -> ipywidgets.Button:
        button = ipywidgets.Button(description=label, layout=ipywidgets.Layout(width="auto"))
        button.on_click(lambda _: self._show(act()))
        return button

    def _show(self, said: str) -> None:
        game = self.game
        self.image.value, _ = self._sheet.picture(lambda figure: draw(figure, game))
        score = (
            f"Round {game.round + 1} of {len(MYSTERIES)}. "
            f"Points: {game.points[game.round]} in this round, {game.total} in all."
        )
        self.status.value = f"{html.escape(said)}<br><b>{score}</b>"


guess_the_ode = GuessTheODE()
