"""Solvers of ordinary differential equations, y' = func(t, y): one `odeint` for all methods.

Read in this order: `methods` (the tables), `steps` (one step, then many), `integrate` (`odeint`
itself); `errors` holds the checks of the arguments and the wording of what goes wrong.
"""

from course_lib.solvers.errors import SolverError
from course_lib.solvers.integrate import DenseOutput, Statistics, odeint, odeint_dense
from course_lib.solvers.methods import METHODS, Method, stability_function

__all__ = [
    "METHODS",
    "DenseOutput",
    "Method",
    "SolverError",
    "Statistics",
    "odeint",
    "odeint_dense",
    "stability_function",
]
