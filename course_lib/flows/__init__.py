"""Normalizing flows: densities made from a Gaussian by an invertible map.

Read in this order: `planar` (a stack of maps with known determinants), `traces` (a field and the
trace of its Jacobian, exact or estimated), `continuous` (the flow of a field, with log p as one
more state), `matching` (such a flow learned by regression), `pixels` (densities of images). In all
of them z is a point of the Gaussian, x one of the data.
"""

from course_lib.flows.continuous import ContinuousFlow, Integrals
from course_lib.flows.matching import (
    PATHS,
    Path,
    couple,
    euler_sample,
    matching_loss,
    mixture_score,
    mixture_velocity,
)
from course_lib.flows.pixels import Whitening, bits_per_dim, dequantise, quantise
from course_lib.flows.planar import PlanarFlow, PlanarLayer, standard_log_prob
from course_lib.flows.traces import (
    AutogradTrace,
    ClosedFormTrace,
    Divergence,
    HutchinsonTrace,
    TanhField,
    exact_trace,
)

__all__ = [
    "PATHS",
    "AutogradTrace",
    "ClosedFormTrace",
    "ContinuousFlow",
    "Divergence",
    "HutchinsonTrace",
    "Integrals",
    "Path",
    "PlanarFlow",
    "PlanarLayer",
    "TanhField",
    "Whitening",
    "bits_per_dim",
    "couple",
    "dequantise",
    "euler_sample",
    "exact_trace",
    "matching_loss",
    "mixture_score",
    "mixture_velocity",
    "quantise",
    "standard_log_prob",
]
