"""Optimal transport and crowds: a potential and its flow, and exact answers to measure it by.

Read in this order: `potential`, `dynamics` and `exact` (notebook 17), then `crowd` (the game with
an obstacle), `oracle` (single agents, solved directly), `variants` (one map, several dynamics),
`particles` (Bayes' rule as a flow) and `steering` (a crowd that is told where the obstacle is).
"""

from course_lib.nets import log_cosh
from course_lib.transport.crowd import (
    Obstacle,
    crowd_loss,
    crowd_problem,
    miss,
    turning,
    visitors,
)
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
from course_lib.transport.oracle import Paths, best_paths
from course_lib.transport.particles import BayesFlow
from course_lib.transport.potential import Potential, Rates
from course_lib.transport.variants import (
    Rotated,
    map_jacobian,
    straight_determinants,
    straight_paths,
)

__all__ = [
    "BayesFlow",
    "Carried",
    "Obstacle",
    "Paths",
    "Potential",
    "Rates",
    "Rotated",
    "VelocityField",
    "best_paths",
    "bures",
    "carry",
    "crowd_loss",
    "crowd_problem",
    "exact_plan",
    "gaussian_map",
    "log_cosh",
    "log_prob",
    "map_jacobian",
    "matrix_root",
    "miss",
    "ot_flow_loss",
    "ot_gap",
    "sorted_cost",
    "straight_determinants",
    "straight_paths",
    "straightness",
    "turning",
    "visitors",
]
