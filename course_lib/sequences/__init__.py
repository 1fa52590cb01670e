"""Sequences of states, and what is learned from them.

trajectories   sample a system at chosen times, cut pairs and windows, step, flow and roll out
"""

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
    "fit_step",
    "flow",
    "observe",
    "pairs",
    "rollout",
    "sample_times",
    "spread_starts",
    "windows",
]
