"""Three ways on from x′ = f(x): driven by data, driven by chance, spread over space.

controlled   dz = f(z) dX: a control through irregular data, its solver, neural CDE and GRU
stochastic   dx = f dt + g dB on given Brownian paths: Euler–Maruyama, Milstein, Heun; neural SDE
lines        u_t = ν u_xx + …: the method of lines on a periodic grid, with a learned source
"""

from course_lib.beyond.controlled import Control, GapGRU, NeuralCDE, cdeint, with_time
from course_lib.beyond.lines import (
    LearnedSource,
    bistable,
    burgers,
    front,
    largest_step,
    periodic_grid,
    reaction_diffusion,
    second_difference,
)
from course_lib.beyond.stochastic import (
    NeuralSDE,
    brownian_increments,
    coarsen,
    geometric_brownian,
    path_of,
    sdeint,
)

__all__ = [
    "Control",
    "GapGRU",
    "LearnedSource",
    "NeuralCDE",
    "NeuralSDE",
    "bistable",
    "brownian_increments",
    "burgers",
    "cdeint",
    "coarsen",
    "front",
    "geometric_brownian",
    "largest_step",
    "path_of",
    "periodic_grid",
    "reaction_diffusion",
    "sdeint",
    "second_difference",
    "with_time",
]
