"""Solvers of ordinary differential equations, y' = func(t, y): one `odeint` for all methods.

Read in this order: `methods` (the tables), `field` (how func is called), `steps` (one step of each
method, fixed steps), `adaptive` (step size control), `dense` (between the steps), `integrate`
(`odeint` itself); `errors` holds the checks of the arguments and the wording of what is wrong.
"""

from course_lib.solvers.dense import DenseOutput, Statistics
from course_lib.solvers.errors import SolverError
from course_lib.solvers.integrate import odeint, odeint_dense
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
