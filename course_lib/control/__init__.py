"""Optimal control: Hamiltonian and costate, successive approximations, Riccati, feedback laws.

`pontryagin` knows one problem and its costate, `msa` trains by the maximum principle, `lq` has the
exact answer for linear dynamics and quadratic cost, `pole` is a pendulum with a motor on which
controls of every kind are learned.
"""

from course_lib.control.lq import (
    LQ,
    hamilton_matrix,
    lq_control,
    lq_cost,
    riccati,
    stationary_gain,
)
from course_lib.control.msa import extended_msa, maximise, sine_task
from course_lib.control.pole import Feedback, Pole, basin, load_law, swing_up_cost
from course_lib.control.pontryagin import ControlProblem, costates, hamiltonian, states, tanh_layer

__all__ = [
    "LQ",
    "ControlProblem",
    "Feedback",
    "Pole",
    "basin",
    "costates",
    "extended_msa",
    "hamilton_matrix",
    "hamiltonian",
    "load_law",
    "lq_control",
    "lq_cost",
    "maximise",
    "riccati",
    "sine_task",
    "states",
    "stationary_gain",
    "swing_up_cost",
    "tanh_layer",
]
