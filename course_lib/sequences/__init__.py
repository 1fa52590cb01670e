"""Sequences of states, and what is learned from them.

trajectories   sample a system at chosen times, cut pairs and windows, step, flow and roll out
gaps           which samples are there, masked losses, batches with times of their own, horizons
regularisers   kinetic energy and Jacobian norm along the paths of a flow
record         (by its own name) the weather of New York as blocks, anomalies and windows
forecasting    (by its own name) baselines, ridge, ResNet map and neural ODE on those windows
spirals        (by its own name) spirals in both directions, seen at irregular times with noise
bound          (by its own name) the parts of the evidence lower bound, for Gaussians
latent         (by its own name) the latent ODE: encoder, field, decoder, training
autoregressive (by its own name) GRUs that feed their predictions back: its rivals
"""

from course_lib.sequences.gaps import (
    bridge,
    flow_through,
    lose,
    masked_mse,
    pieces,
    ragged,
    scheduled,
)
from course_lib.sequences.regularisers import jacobian_norm, kinetic_energy
from course_lib.sequences.trajectories import (
    fit_step,
    flow,
    observe,
    pairs,
    rollout,
    sample_times,
    spread_starts,
    windows,
)

__all__ = [
    "bridge",
    "fit_step",
    "flow",
    "flow_through",
    "jacobian_norm",
    "kinetic_energy",
    "lose",
    "masked_mse",
    "observe",
    "pairs",
    "pieces",
    "ragged",
    "rollout",
    "sample_times",
    "scheduled",
    "spread_starts",
    "windows",
]
