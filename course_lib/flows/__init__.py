"""Normalizing flows: densities made from a Gaussian by an invertible map.

Read in this order: `planar` (a stack of maps with known determinants), `traces` (a field and the
trace of its Jacobian, exact or estimated), `continuous` (the flow of a field, with log p as one
more state). In all of them z is a point of the Gaussian, x one of the data.
"""

from course_lib.flows.continuous import ContinuousFlow, Integrals
from course_lib.flows.planar import PlanarFlow, PlanarLayer, standard_log_prob
from course_lib.flows.traces import (
    AutogradTrace,
    ClosedFormTrace,
    Divergence,
    HutchinsonTrace,
    TanhField,
)

__all__ = [
    "AutogradTrace",
    "ClosedFormTrace",
    "ContinuousFlow",
    "Divergence",
    "HutchinsonTrace",
    "Integrals",
    "PlanarFlow",
    "PlanarLayer",
    "TanhField",
    "standard_log_prob",
]
