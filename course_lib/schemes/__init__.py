"""Architectures as discretisations: one list behind the table, the figures and the tests.

scheme   what a scheme is; running it, running it backwards, its factors
zoo      the list `ZOO`
fields   trainable right-hand sides with weights smooth in depth, and the network around them
table    the list as a Markdown table
"""

from course_lib.schemes.fields import (
    AntisymmetricField,
    HamiltonianField,
    PartitionedField,
    SchemeNet,
    SmoothField,
    field_for,
)
from course_lib.schemes.scheme import Scheme, reconstruct, solve, spectral_radius
from course_lib.schemes.table import zoo_table
from course_lib.schemes.zoo import ZOO, linear_multistep, stochastic_depth

__all__ = [
    "ZOO",
    "AntisymmetricField",
    "HamiltonianField",
    "PartitionedField",
    "Scheme",
    "SchemeNet",
    "SmoothField",
    "field_for",
    "linear_multistep",
    "reconstruct",
    "solve",
    "spectral_radius",
    "stochastic_depth",
    "zoo_table",
]
