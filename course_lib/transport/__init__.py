"""Optimal transport: a potential and its flow, and the exact answers to measure it by."""

from course_lib.transport.dynamics import (
    Carried,
    VelocityField,
    carry,
    log_prob,
    ot_flow_loss,
)
from course_lib.transport.exact import (
    bures,
    exact_plan,
    gaussian_map,
    matrix_root,
    ot_gap,
    sorted_cost,
    straightness,
)
from course_lib.transport.potential import Potential, Rates, log_cosh

__all__ = [
    "Carried",
    "Potential",
    "Rates",
    "VelocityField",
    "bures",
    "carry",
    "exact_plan",
    "gaussian_map",
    "log_cosh",
    "log_prob",
    "matrix_root",
    "ot_flow_loss",
    "ot_gap",
    "sorted_cost",
    "straightness",
]
