"""The measures: how good a prediction is, how fast an error falls, how large a gradient is.

scores   accuracy, root mean square error, observed order, gradient norms
forecasts   skill scores, intervals by drawing blocks
chaos    valid prediction time, Lyapunov exponent, densities and spectra of long runs
"""

from course_lib.metrics.chaos import (
    density_kl,
    lyapunov_exponent,
    power_spectrum,
    spectrum_distance,
    valid_prediction_time,
)
from course_lib.metrics.forecasts import block_bootstrap, rmse_interval, skill_score
from course_lib.metrics.scores import accuracy, error_rate, gradient_norms, observed_order, rmse

__all__ = [
    "accuracy",
    "block_bootstrap",
    "density_kl",
    "error_rate",
    "gradient_norms",
    "lyapunov_exponent",
    "observed_order",
    "power_spectrum",
    "rmse",
    "rmse_interval",
    "skill_score",
    "spectrum_distance",
    "valid_prediction_time",
]
