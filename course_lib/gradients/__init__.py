"""Gradients of a loss with respect to what a differential equation was solved with.

Pick the method for the job (N states, P parameters, n steps; measured in notebook 09):

==================================  ==========================================================
`odeint` and `backward()`           the default while memory lasts: exact, the fastest
`odeint_discrete_adjoint`           long solves, large f: exact, one state a step; with
                                    checkpoints="sqrt" about √n states for one more evaluation
`odeint_adjoint`                    many steps, little memory, a flow that can be run backwards:
                                    memory of the output times only, an error of its own
`odeint_interpolated_adjoint`       the continuous adjoint where the way back is unstable
`odeint_reversible`                 exact and constant memory, at the price of a solver of order
                                    two with a small region of stability
`forward_sensitivities`             few inputs, many outputs: the derivative of all of y at once
`finite_differences`                a check of the others; func without derivatives
==================================  ==========================================================

Read in this order: `common`, `forward`, `continuous`, `discrete`, `interpolated`, `reversible`,
`laboratory` (`loss_gradient`: all of them behind one call).
"""

from course_lib.gradients.common import GradientStatistics
from course_lib.gradients.continuous import odeint_adjoint
from course_lib.gradients.discrete import odeint_discrete_adjoint
from course_lib.gradients.forward import finite_differences, forward_sensitivities
from course_lib.gradients.interpolated import odeint_interpolated_adjoint
from course_lib.gradients.laboratory import (
    GRADIENTS,
    LossGradient,
    loss_gradient,
    taylor_remainders,
)
from course_lib.gradients.reversible import odeint_reversible

__all__ = [
    "GRADIENTS",
    "GradientStatistics",
    "LossGradient",
    "finite_differences",
    "forward_sensitivities",
    "loss_gradient",
    "odeint_adjoint",
    "odeint_discrete_adjoint",
    "odeint_interpolated_adjoint",
    "odeint_reversible",
    "taylor_remainders",
]
