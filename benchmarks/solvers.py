"""Overhead of the solvers: time / (time of f on the states visited), ours beside the peers'.

    python -m benchmarks.solvers             writes benchmarks/results/solvers.json and .md

f is a 2-64-64-2 tanh perceptron in float32 without gradients. 1 would be a solver that costs
nothing. Every contender must agree on the answer, and shows its number of calls (NFE), before it
is timed. Takes two to four minutes of CPU.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
import torchdiffeq
from scipy.integrate import solve_ivp

from benchmarks.harness import Contender, machine, paired_ratios, replay
from course_lib.solvers import odeint

RESULTS = Path(__file__).parent / "results"
ROUNDS = 15
RTOL, ATOL = 1e-5, 1e-5

# (case, method, batch, output times, target)
CASES = [
    ("dopri5, batch 1, 2 outputs", "dopri5", 1, 2, 1.9),
    ("dopri5, batch 128, 2 outputs", "dopri5", 128, 2, 1.7),
    ("dopri5, batch 1024, 2 outputs", "dopri5", 1024, 2, 1.35),
    ("dopri5, batch 4096, 2 outputs", "dopri5", 4096, 2, 1.3),
    ("dopri5, batch 128, 100 outputs", "dopri5", 128, 100, 2.0),
    ("rk4 × 20, batch 1", "rk4", 1, 21, 1.25),
    ("rk4 × 20, batch 128", "rk4", 128, 21, 1.25),
    ("euler × 20, batch 1", "euler", 1, 21, 1.15),
    ("euler × 20, batch 128", "euler", 128, 21, 1.15),
]


class Perceptron(torch.nn.Module):
    """f(y) = W3 tanh(W2 tanh(W1 y + b1) + b2) + b3, fused as far as torch does it."""

    def __init__(self, generator: torch.Generator):
        super().__init__()
        for i, (fan_in, fan_out) in enumerate([(2, 64), (64, 64), (64, 2)], start=1):
            weight = torch.randn(fan_in, fan_out, generator=generator) * (1.5 / fan_in**0.5)
            bias = torch.randn(fan_out, generator=generator) * 0.3
            self.register_buffer(f"weight{i}", weight)
            self.register_buffer(f"bias{i}", bias)

    def forward(self, t, y):
        y = torch.addmm(self.bias1, y, self.weight1).tanh_()
        y = torch.addmm(self.bias2, y, self.weight2).tanh_()
        return torch.addmm(self.bias3, y, self.weight3)
