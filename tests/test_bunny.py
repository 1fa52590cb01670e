"""The shipped flow does what notebook 00 says of it, as its stored measurement has it."""

import pytest
import torch

from course_lib import results
from course_lib.bunny import is_inside, load_field, sample_bunny
from course_lib.solvers import odeint


def test_samples_fill_the_bunny_and_leave_eyes_and_mouth_free():
    points = sample_bunny(4000, torch.Generator().manual_seed(0))
    assert is_inside(points).all()
    for hole in ([-0.55, -0.5], [0.55, -0.5], [0.0, -1.1]):
        assert (points - torch.tensor(hole)).norm(dim=1).min() > 0.14


@pytest.fixture(scope="module")
def carried():
    bunny = sample_bunny(2000, torch.Generator().manual_seed(5))
    there = odeint(load_field(), bunny, torch.tensor([0.0, 1.0]), rtol=1e-5, atol=1e-5)[-1]
    return bunny, there


def test_the_bunny_becomes_a_standard_gaussian(carried):
    _, there = carried
    assert there.mean(0).abs().max() < 0.1
    assert (there.T.cov() - torch.eye(2)).abs().max() < 0.12
    # a Gaussian cloud, not just its first two moments: the share within radius 1 is 1 − e^(−1/2)
    within = (there.norm(dim=1) < 1).float().mean()
    assert float(within) == pytest.approx(0.393, abs=0.04)


def test_and_back(carried):
    """(0.1): solved forwards and then backwards in t, it brings every point home."""
    bunny, there = carried
    back = odeint(load_field(), there, torch.tensor([1.0, 0.0]), rtol=1e-5, atol=1e-5)[-1]
    assert (back - bunny).abs().max() < 5e-3


def test_drawn_bunnies_agree_with_the_stored_measurement():
    (row,) = results.load("bunny_flow")["rows"]
    noise = torch.randn(2000, 2, generator=torch.Generator().manual_seed(6))
    drawn = odeint(load_field(), noise, torch.tensor([1.0, 0.0]), rtol=1e-5, atol=1e-5)[-1]
    share = float(is_inside(drawn).float().mean())
    assert share == pytest.approx(row["share of drawn points inside the bunny"], abs=0.02)
