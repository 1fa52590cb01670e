"""Checkers under attack: slips in a right answer are noticed, other right answers are not refused.

Here a sample, two mutants of every reference solution; `make mutants` tries all.
"""

import itertools
import math
import random

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import torch

from course_lib.exercises import (
    all_exercises,
    engine,
    exercises_of,
    find_exercise,
    grade,
    notebooks_with_exercises,
)
from tools.mutants import mutants, rewritten
from tools.mutate_exercises import verdict

EXERCISES = all_exercises()
SAMPLE = 2
# Survivors among all mutants (`make mutants`), and why they are let live.
KNOWN: dict[str, str] = {}


def functions_of(number):
    return [exercise for exercise in exercises_of(number) if exercise.kind == "function"]


WITH_FUNCTIONS = [number for number in notebooks_with_exercises() if functions_of(number)]


# --- Mutants -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", WITH_FUNCTIONS)
def test_a_sample_of_mutants_is_rejected(number, monkeypatch):
    monkeypatch.setattr(engine, "SECONDS", 3.0)
    survivors = []
    for exercise in functions_of(number):
        found = mutants(exercise.solution)
        assert len(found) >= 10
        for change in random.Random(exercise.id).sample(sorted(found), SAMPLE):
            if verdict(exercise, found[change], seeds=range(1, 4)) == "survived":
                survivors.append(f"{exercise.id}  {change}")
    assert set(survivors) <= KNOWN.keys()


@pytest.mark.parametrize(
    ("id", "slip"),
    [
        ("09.4", "(torch.zeros_like(theta), torch.zeros_like(ys[0])"),
        ("14.3", "n * math.log2(r / n)"),
        ("14.3", "k * math.log2(n)"),
        ("15.3", "x = -x.detach()"),
        ("16.1", "x = -x.detach()"),
        ("17.5", ".sum(1)"),
        ("17.5", ".sum(-1)"),
    ],
)
def test_slips_that_earlier_cases_did_not_tell(id, slip):
    """Read by hand among the mutants that seemed equivalent: all seeds' cases were too alike."""
    exercise = find_exercise(id)
    changes = mutants(exercise.solution).items()
    (mutant,) = (mutant for change, mutant in changes if slip in change.partition("→")[2])
    assert grade(id, mutant).outcome in ("wrong", "misconception", "error")


def example(x, n=2):
    """Not to be changed."""
    total = x.sum(0)
    for k in range(n):
        total = total + x[k] ** 2 - x.T[k]
    return -total


def test_what_is_mutated():
    changes = "\n".join(mutants(example))
    for part in (
        "n=3", "total = x.mean(0)", "total = x.sum(1)", "total = x.sum()", "range(n + 1)",
        "range(n - 1)", "total - x[k] ** 2", "+ x[k] ** 3", "x[k + 1] ** 2", "- x[k]", "x.T[k + 1]",
        "return total", "return -x", "total = x[k] ** 2", "→ pass", "total = -x.sum(0)",
        "x[n] ** 2",
    ):  # fmt: skip
        assert part.strip() in changes, part
    assert "Not to be changed" not in changes


def test_other_words_mean_the_same():
    x = torch.rand(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    other = rewritten(example)
    assert other.__code__.co_code != example.__code__.co_code
    torch.testing.assert_close(other(x), example(x))


def test_a_survivor_is_told_from_an_equivalent():
    exercise = find_exercise("04.1")
    assert verdict(exercise, lambda func, t, y, h: func(t, y) * h + y) == "equivalent"
    assert verdict(exercise, lambda func, t, y, h: y - h * func(t, y)) == "rejected"
    assert verdict(exercise, lambda func, t, y, h: y + nothing) == "stopped"  # noqa: F821
    seen = [case[3] for case in engine.cases_of(exercise)]
    only_there = lambda func, t, y, h: y + h * func(t, y) * (1 if h in seen else 2)  # noqa: E731
    outcome = verdict(exercise, only_there)
    fixed = all(h in seen for seed in range(1, 21) for h in steps(exercise, seed))
    assert outcome == ("equivalent" if fixed else "survived")


def steps(exercise, seed):
    return [case[3] for case in exercise.cases(torch.Generator().manual_seed(seed))]


# --- Letters and numbers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "exercise", [e for e in EXERCISES if e.kind == "choice"], ids=lambda exercise: exercise.id
)
def test_one_letter_only_is_right(exercise):
    right = [
        letter for letter in exercise.options if grade(exercise.id, letter).outcome == "correct"
    ]
    assert right == [exercise.solution]


@pytest.mark.parametrize(
    "exercise", [e for e in EXERCISES if e.kind == "number"], ids=lambda exercise: exercise.id
)
def test_three_digits_are_enough_and_ten_percent_too_far(exercise):
    value = exercise.solution
    for right in (value, float(f"{value:.3g}"), np.float32(value), torch.tensor(value)):
        assert grade(exercise.id, right).outcome == "correct", right
    for wrong in (0.9 * value, 1.1 * value, -value, 10 * value, value / 2, value + 1, 0.0):
        assert grade(exercise.id, wrong).outcome in ("wrong", "misconception"), wrong


# --- Right answers in other words ----------------------------------------------------------------


@pytest.mark.parametrize("number", WITH_FUNCTIONS)
def test_the_solution_in_other_words_is_accepted(number):
    for exercise in functions_of(number):
        result = grade(exercise.id, rewritten(exercise.solution))
        assert result.outcome == "correct", result


@pytest.mark.parametrize("number", WITH_FUNCTIONS)
def test_answers_as_lists_and_with_a_graph_attached_are_accepted(number):
    def listed(value):  # not where the way back to the parameters is asked for (06.2)
        plain = isinstance(value, torch.Tensor) and not value.requires_grad
        return value.tolist() if plain else value

    def attached(value):
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            return value.detach().clone().requires_grad_() * 1.0
        return value

    for exercise, change in itertools.product(functions_of(number), (listed, attached)):
        if exercise.run is not None:
            continue

        def answer(*arguments, exercise=exercise, change=change):
            value = exercise.solution(*arguments)
            return tuple(map(change, value)) if isinstance(value, tuple) else change(value)

        result = grade(exercise.id, answer)
        assert result.outcome == "correct", (change.__name__, result)


def neuron(x, w, b, phi):
    rows = np.atleast_2d(np.asarray(x))
    sums = [sum(float(a) * float(c) for a, c in zip(row, w, strict=True)) for row in rows]
    values = phi(torch.tensor(sums) + float(b))
    return values if x.ndim == 2 else values[0]


def mse_numpy(prediction, target):
    return float(np.mean((np.asarray(prediction) - np.asarray(target)) ** 2))


def jacobian_product_norm(jacobians):
    matrices = [np.asarray(jacobian) for jacobian in reversed(jacobians)]
    product = matrices[0]
    for matrix in matrices[1:]:
        product = np.dot(product, matrix)
    return np.linalg.svd(product, compute_uv=False)[0]


def observed_order(coarse, medium, fine):
    return float(np.log(np.abs((coarse - medium) / (medium - fine))) / np.log(2))


def rk4_step(func, t, y, h):
    slope, total = func(t, y), 0
    for share, weight in ((0, 1), (0.5, 2), (0.5, 2), (1, 1)):
        slope = func(t + share * h, y + share * h * slope)
        total = total + weight * slope
    return y + h * total / 6


def next_step(h, ratio, remaining):
    return float(min(np.clip(0.9 / np.power(ratio, 0.2), 0.2, 5.0) * h, remaining))


def antisymmetric(K, gamma):
    K = K.numpy()
    return (K - K.transpose()) - np.diag(np.full(K.shape[0], gamma))


def time_field(net, t, x):
    return net(torch.hstack([x, torch.full((x.shape[0], 1), float(t), dtype=x.dtype)]))


def varying(coefficients, basis, t):
    return sum(float(value) * matrix for value, matrix in zip(basis(t), coefficients, strict=True))


def peak_states(n, k):
    return -(-n // k) + k - 1


def sensitivity_slope(J, F, S):
    return np.einsum("ij,jk->ik", J, S) + F.numpy()


def hamiltonian(x, p, W, b, decay):
    r = decay / 2 * (float(torch.linalg.norm(W)) ** 2 + float(torch.linalg.norm(b)) ** 2)
    return [float(p_i @ torch.tanh(W @ x_i + b)) - r for x_i, p_i in zip(x, p, strict=True)]


def standardise(y, train):
    y, train = np.asarray(y), np.asarray(train)
    std = y[train].std(axis=0, ddof=1)
    return (y - y[train].mean(axis=0)) / np.where(std == 0, 1, std)


def masked_loss(prediction, target, mask):
    squares = torch.where(mask, prediction - target, 0.0) ** 2
    return squares.sum() / mask.sum()


def skill(rmse, reference):
    return np.float32(1) - np.float32(rmse) ** 2 / np.float32(reference) ** 2


def kl_divergence(mean, log_var):
    mean, var = mean.numpy(), np.exp(log_var.numpy())
    return [sum((v + m * m - 1 - math.log(v)) / 2 for m, v in zip(*row, strict=True))
            for row in zip(mean, var, strict=True)]  # fmt: skip


def choose(rss, parameters, n):
    rss, parameters = np.asarray(rss), np.asarray(parameters)
    return np.argmin(n * np.log(rss / n) + parameters * np.log(n))


def trace_variance(J, noise):
    d, total = len(J), 0.0
    for i in range(d):
        for j in range(d):
            if i != j or noise == "gaussian":
                total += float((J[i, j] + J[j, i]) / 2) ** 2
    return 2 * total


def bits_per_dim(log_py, s, d):
    nats = -np.asarray(log_py) / d + np.log(s)
    return (nats / np.log(2)).mean()


def sorted_cost(x, y):
    return np.square(np.sort(x) - np.sort(y)).mean()


def gaussian_cost(m0, S0, m1, S1):
    m0, S0, m1, S1 = map(np.asarray, (m0, S0, m1, S1))
    root = scipy.linalg.sqrtm(S0)
    cross = scipy.linalg.sqrtm(root @ S1 @ root).real
    return float(np.sum((m1 - m0) ** 2) + np.trace(S0) + np.trace(S1) - 2 * np.trace(cross))


def straightness(path):
    path = path.numpy()
    lengths = np.sqrt((np.diff(path, axis=0) ** 2).sum(-1)).sum(0)
    return lengths.sum() / np.linalg.norm(path[-1] - path[0], axis=-1).sum()


def obstacle_cost(x, centre, width, weight):
    distance = torch.cdist(x, centre[None])[:, 0]
    return weight * torch.exp(-0.5 * (distance / width) ** 2)


def cfm_loss(field, z, x, t):
    misses = field(t, z + t * (x - z)) - x + z
    return float(sum(miss @ miss for miss in misses)) / len(misses)


def pair_up(z, x):
    costs = ((z[:, None] - x[None]) ** 2).sum(-1)
    _, partners = scipy.optimize.linear_sum_assignment(costs)
    return x[partners]


def cde_rate(f, z, dX):
    return torch.einsum("bhc,bc->bh", f(z), dX)


def coarser(dB, k):
    return torch.stack([sum(dB[i : i + k]) for i in range(0, len(dB), k)])


def heat_rate(u, nu, delta):
    u = np.asarray(u)
    left, right = np.roll(u, 1, axis=-1), np.roll(u, -1, axis=-1)
    return nu * ((right - u) / delta - (u - left) / delta) / delta


def intervals(lam, T, eps, wanted):
    n = 1
    while eps * math.exp(lam * T / n) > wanted:
        n += 1
    return n


def worst_sample(error, y0, y1, rtol, atol):
    error, y0, y1 = (part.numpy() for part in (error, y0, y1))
    scaled = error / (atol + rtol * np.maximum(np.abs(y0), np.abs(y1)))
    return max(float(np.sqrt(np.mean(row**2))) for row in scaled)


OTHERS = {
    "01.2": neuron, "01.6": mse_numpy, "03.2": jacobian_product_norm, "04.2": observed_order,
    "04.3": rk4_step, "04.4": next_step, "05.5": antisymmetric, "07.1": time_field,
    "07.4": varying, "09.1": sensitivity_slope, "09.2": peak_states, "10.1": hamiltonian,
    "11.1": standardise, "11.2": masked_loss, "11.5": skill, "13.3": kl_divergence,
    "14.3": choose, "16.2": trace_variance, "16.5": bits_per_dim, "17.1": sorted_cost,
    "17.2": gaussian_cost, "17.5": straightness, "18.1": obstacle_cost, "19.2": cfm_loss,
    "19.4": pair_up, "20.1": cde_rate, "20.4": coarser, "20.6": heat_rate, "21.2": intervals,
    "21.5": worst_sample,
}  # fmt: skip


@pytest.mark.parametrize("id", OTHERS)
def test_other_ways_to_the_right_answer(id):
    """In numpy instead of torch, in loops instead of at once, as floats, lists or float32."""
    result = grade(id, OTHERS[id])
    assert result.outcome == "correct", result
