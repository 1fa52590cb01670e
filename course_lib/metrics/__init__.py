"""The measures: how good a prediction is, how fast an error falls, how large a gradient is.

scores   accuracy, root mean square error, observed order, gradient norms
"""

from course_lib.metrics.scores import accuracy, error_rate, gradient_norms, observed_order, rmse

__all__ = ["accuracy", "error_rate", "gradient_norms", "observed_order", "rmse"]
